"""The Kubernetes API asked through every endpoint at once if need be, with deadlines, for an observer's questions.

An ordinary client waits long on a silent endpoint before it tries the next. An observer must not: it would
take its own client's patience for an outage. So a question that one endpoint has not answered within
`HEDGE_S` is put to the next as well, and the first answer counts; all questions are safe to ask twice.
"""

from __future__ import annotations

import base64
import json
import ssl
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from meshlab.incident.observe.probes import Silent
from meshlab.live import yaml_text
from meshlab.live.secret import Secret
from meshlab.model import InputError

HEDGE_S = 0.6
PORT = 6443


@dataclass(frozen=True)
class Reply:
    """An answer of the API: who gave it, its status, its body."""

    endpoint: str
    status: int
    body: bytes

    @property
    def data(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def of_api(self) -> bool:
        """Whether the API speaks for itself here (a Status object), and not a pod behind its proxy."""
        return self.data.get("kind") == "Status" and "apiVersion" in self.data

    @property
    def message(self) -> str:
        """What it says went wrong."""
        return str(self.data.get("message") or f"HTTP {self.status}")[:300]


class ApiDoor:
    """The way to the Kubernetes API over several endpoints.

    Parameters
    ----------
    endpoints
        Cluster address by name of the machine that serves there.
    kubeconfig
        Credentials and the CA to trust.
    dial
        Gives the address to connect to for a cluster address.
    patience_s
        After so many seconds without an answer, the API is silent.
    """

    def __init__(
        self,
        endpoints: Mapping[str, str],
        kubeconfig: Secret[str],
        *,
        dial: Callable[[str], str] = lambda address: address,
        port: int = PORT,
        patience_s: float = 4.0,
    ) -> None:
        import urllib3

        context, headers = _credentials(kubeconfig)
        self.patience_s = patience_s
        self._names = list(endpoints)
        self._pools = {
            name: urllib3.HTTPSConnectionPool(
                dial(address),
                port,
                ssl_context=context,
                server_hostname=address,
                headers=headers,
                timeout=urllib3.Timeout(connect=patience_s / 2, read=patience_s),
                retries=False,
                maxsize=8,
                block=False,
            )
            for name, address in endpoints.items()
        }
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(24, thread_name_prefix="api-door")

    def close(self) -> None:
        """Closes its connections; questions still open end by their own time-outs."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for pool in self._pools.values():
            pool.close()

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        kind: str = "application/json",
        patience_s: float = 0.0,
    ) -> Reply:
        """Gives the first good answer of any endpoint; the worst it gets when there is none.

        An answer is good when its status is below 500, or comes from a pod behind the proxy.

        Raises
        ------
        Silent
            No endpoint answered in time.
        """
        limit = monotonic() + (patience_s or self.patience_s)
        with self._lock:
            names = list(self._names)
        asked: dict[Future[Reply], str] = {}
        refused: Reply | None = None
        errors: list[str] = []
        while monotonic() < limit:
            if names:
                name = names.pop(0)
                asked[self._threads.submit(self._one, name, method, path, body, kind)] = name
            step = min(HEDGE_S if names else limit - monotonic(), limit - monotonic())
            done, _ = wait(asked, timeout=max(0.0, step), return_when=FIRST_COMPLETED)
            for future in done:
                name = asked.pop(future)
                try:
                    reply = future.result()
                except Silent as error:
                    errors.append(f"{name}: {error}")
                    continue
                if reply.status < 500 or not reply.of_api:
                    self._prefer(name)
                    return reply
                refused = reply
            if not asked and not names:
                break
        if refused is not None:
            return refused
        raise Silent(
            "; ".join(errors) or f"no API server answered within {patience_s or self.patience_s:g} s"
        )

    def _prefer(self, name: str) -> None:
        """The endpoint that answered is asked first the next time."""
        with self._lock:
            if self._names[0] != name:
                self._names.remove(name)
                self._names.insert(0, name)

    def _one(self, name: str, method: str, path: str, body: object, kind: str) -> Reply:
        import urllib3

        data = None if body is None else json.dumps(body).encode()
        headers = dict(self._pools[name].headers)
        if data is not None:
            headers["Content-Type"] = kind
        try:
            answer = self._pools[name].request(method, path, body=data, headers=headers, preload_content=True)
        except urllib3.exceptions.HTTPError as error:
            raise Silent(type(error).__name__) from None
        return Reply(name, answer.status, answer.data)


def _credentials(kubeconfig: Secret[str]) -> tuple[ssl.SSLContext, dict[str, str]]:
    """Gives the TLS context and the headers that a kubeconfig stands for."""
    try:
        config = yaml_text.load(kubeconfig.reveal())
        cluster = _first(config["clusters"])["cluster"]
        user = _first(config["users"])["user"]
        context = ssl.create_default_context(cadata=_pem(cluster["certificate-authority-data"]))
        headers = {"Accept": "application/json"}
        if "client-certificate-data" in user:
            _load_client(context, _pem(user["client-certificate-data"]), _pem(user["client-key-data"]))
        if "token" in user:
            headers["Authorization"] = f"Bearer {user['token']}"
    except (KeyError, TypeError, ValueError, ssl.SSLError) as error:
        raise InputError.single(
            "kubeconfig",
            f"cannot be used ({type(error).__name__})",
            "fetch it again from a control-plane machine",
        ) from None
    return context, headers


def _first(items: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    if not items:
        raise ValueError("empty")
    return items[0]


def _pem(text: str) -> str:
    return base64.b64decode(text).decode()


def _load_client(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Python's ssl takes a client certificate from files only: they live for this call, readable to their owner."""
    with tempfile.TemporaryDirectory(prefix="meshlab-") as folder:
        path = Path(folder) / "client.pem"
        path.touch(mode=0o600)
        path.write_text(certificate.rstrip() + "\n" + key)
        context.load_cert_chain(path)
