"""The kubelet's probes of a container, asked for real: an HTTP request or a connection to what runs for it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from meshlab.emulate.pods.pod_spec import Kind, Spec

_HEALTH_CALLS = {
    Kind.VAULT: ("HTTPS", "/v1/sys/health?standbyok=true&perfstandbyok=true"),
    Kind.SOLANA: ("HTTP", "/health"),
    Kind.ETHEREUM: ("HTTP", "/eth/v1/node/health"),
    Kind.BEACON: ("HTTP", "/eth/v1/node/health"),
    Kind.TRON: ("HTTP", "/wallet/getnodeinfo"),
}
"""What a probe that would run a command in the container asks instead: the same question, over HTTP."""


@dataclass(frozen=True)
class Timing:
    """When a probe asks, and how many answers in a row decide; seconds, the kubelet's defaults."""

    initial_delay_s: float = 0.0
    period_s: float = 10.0
    timeout_s: float = 1.0
    failures: int = 3
    successes: int = 1

    @staticmethod
    def of(probe: Spec) -> Timing:
        """The timing that a probe of a pod specification asks for."""
        return Timing(
            float(probe.get("initialDelaySeconds", 0)),
            float(probe.get("periodSeconds", 10)),
            float(probe.get("timeoutSeconds", 1)),
            int(probe.get("failureThreshold", 3)),
            int(probe.get("successThreshold", 1)),
        )


async def ask(probe: Spec, kind: Kind, named: Mapping[str, int], hidden: Mapping[int, int]) -> bool:
    """Asks once.

    Parameters
    ----------
    probe
        The probe of the pod specification: httpGet, tcpSocket, or exec (replaced by the kind's own health call).
    named
        Port of the pod by its name in the specification.
    hidden
        Port of 127.0.0.1 by port of the pod.
    """
    timeout_s = Timing.of(probe).timeout_s
    if "httpGet" in probe:
        get = probe["httpGet"]
        port = hidden.get(_port(get.get("port", 80), named))
        return port is not None and await http_ok(
            port,
            str(get.get("path", "/")),
            https=get.get("scheme", "HTTP").upper() == "HTTPS",
            timeout_s=timeout_s,
        )
    if "tcpSocket" in probe:
        port = hidden.get(_port(probe["tcpSocket"].get("port", 0), named))
        return port is not None and await _accepts(port, timeout_s)
    if kind not in _HEALTH_CALLS or not hidden:
        return True
    scheme, path = _HEALTH_CALLS[kind]
    return await http_ok(hidden[min(hidden)], path, https=scheme == "HTTPS", timeout_s=timeout_s)


def _port(wanted: int | str, named: Mapping[str, int]) -> int:
    if isinstance(wanted, int) or wanted.isdecimal():
        return int(wanted)
    return named.get(wanted, 0)


async def http_ok(port: int, path: str, *, https: bool, timeout_s: float) -> bool:
    """Whether a GET to 127.0.0.1 is answered with a status of 200 to 399; certificates are not checked."""
    status = await http_status(port, path, https=https, timeout_s=timeout_s)
    return status is not None and 200 <= status < 400


async def http_status(port: int, path: str, *, https: bool, timeout_s: float) -> int | None:
    """The status of the answer to a GET to 127.0.0.1, None when there is none in time."""
    context = _unchecked() if https else None
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: kube-probe\r\nConnection: close\r\n\r\n"
    writer = None
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
            writer.write(request.encode())
            line = await reader.readline()
    except (TimeoutError, OSError, ValueError):
        return None
    finally:
        if writer is not None:
            writer.transport.abort()
    match = re.match(rb"HTTP/1\.\d (\d{3})", line)
    return int(match[1]) if match is not None else None


@cache
def _unchecked() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _accepts(port: int, timeout_s: float) -> bool:
    with contextlib.suppress(TimeoutError, OSError):
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.transport.abort()
            return True
    return False


@dataclass
class Verdict:
    """What the answers of one probe add up to."""

    timing: Timing
    passing: bool = False
    _run: int = 0
    _last: bool | None = None

    def take(self, answer: bool) -> bool:
        """Takes an answer in; gives whether it decided something (a threshold was reached)."""
        self._run = self._run + 1 if answer == self._last else 1
        self._last = answer
        decided = self._run >= (self.timing.successes if answer else self.timing.failures)
        if decided:
            self.passing = answer
        return decided
