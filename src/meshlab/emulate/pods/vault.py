"""How the configuration of a Vault pod is carried over to a real OpenBao or Vault process of this machine.

The pod's configuration stays the customer's own text; only what is bound to a place changes: listeners move to hidden
ports, cluster names and addresses become the loopback addresses they are served at, and paths of mounted volumes
become directories. TLS still checks the name that the configuration meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from meshlab.emulate.network.addresses import loopback

API_PORT = 8200
CLUSTER_PORT = 8201
_HELM_WORDS = ("HOST_IP", "POD_IP", "HOSTNAME", "API_ADDR", "TRANSIT_ADDR", "RAFT_ADDR")
"""Bare words that the Vault Helm chart's start script replaces by the variable of that name."""
_CLUSTER_ADDRESS = re.compile(r"(?<![\d.])10(?:\.\d{1,3}){3}(?![\d.])")
_HOST_PORT = re.compile(r":(\d+)$")


@dataclass(frozen=True)
class Listening:
    """A port of the pod and the hidden port of 127.0.0.1 where the process serves it."""

    port: int
    hidden: int


@dataclass(frozen=True)
class LocalConfig:
    """A configuration that runs here, and the ports it listens on."""

    text: str
    ports: list[Listening] = field(default_factory=list)


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Puts in variables: ``$(NAME)``, ``${NAME}`` and the bare words of the Vault Helm chart."""

    def value(match: re.Match[str]) -> str:
        return environment.get(match[1], match[0])

    text = re.sub(r"\$[({](\w+)[)}]", value, text)
    return re.sub(rf"(?<![\w$])({'|'.join(_HELM_WORDS)})(?!\w)", value, text)


def pod_names(pod_name: str) -> re.Pattern[str]:
    """Matches the stable names of a StatefulSet's pods, group 1 the pod, group 2 the namespace if named.

    ``vault-1.vault-internal``, ``vault-1.vault-internal.vault.svc.cluster.local`` for a pod ``vault-0``.
    """
    base = re.escape(pod_name.rpartition("-")[0] or pod_name)
    return re.compile(
        rf"(?<![\w.-])({base}-\d+)\.[a-z][a-z0-9-]*(?:\.([a-z0-9-]+)\.svc(?:\.[a-z0-9.-]*[a-z])?)?(?![\w-])"
    )


def localise(
    text: str,
    *,
    pod_name: str,
    namespace: str,
    address_of: Callable[[str], str],
) -> str:
    """Turns pod names in URLs and cluster addresses into loopback addresses.

    A name that stands alone (a TLS server name, a node id) stays. ``address_of`` maps "namespace/pod" to 10.x.
    """

    def served(match: re.Match[str]) -> str:
        in_url = match.string[: match.start()].endswith("//") or match.string[match.end() :].startswith(":")
        return loopback(address_of(f"{match[2] or namespace}/{match[1]}")) if in_url else match[0]

    text = pod_names(pod_name).sub(served, text)
    return _CLUSTER_ADDRESS.sub(lambda match: loopback(match[0]), text)


def local_config(
    text: str,
    *,
    pod_name: str,
    namespace: str,
    environment: Mapping[str, str],
    address_of: Callable[[str], str],
    hidden_port: Callable[[], int],
    openbao: bool = True,
) -> LocalConfig:
    """Carries a server configuration over to this machine.

    Parameters
    ----------
    text
        HCL, as mounted in the pod, with paths already those of this machine.
    environment
        The container's variables.
    address_of
        Cluster address of a pod by "namespace/name".
    hidden_port
        Gives a free port of 127.0.0.1.
    openbao
        False for HashiCorp Vault, which must be told not to lock memory.

    Raises
    ------
    ValueError
        The text has no TCP listener, is JSON, or has an unclosed block.
    """
    if text.lstrip().startswith("{"):
        raise ValueError(
            f"the configuration of {pod_name} is JSON; the embedded cluster understands HCL only"
        )
    text = expand(text, environment)
    text = _keep_names(text, pod_names(pod_name))
    text = localise(text, pod_name=pod_name, namespace=namespace, address_of=address_of)
    text = _edit(text, r'service_registration\s+"kubernetes"', lambda block: "")
    ports: list[Listening] = []

    def move(block: str) -> str:
        block, port = _rebind(block, "address", API_PORT, hidden_port, ports)
        block, _ = _rebind(block, "cluster_address", port + 1, hidden_port, ports)
        return block

    text = _edit(text, r'listener\s+"tcp"', move)
    if not ports:
        raise ValueError(f'the configuration of {pod_name} has no listener "tcp" block')
    if not openbao and not re.search(r"(?m)^\s*disable_mlock\b", text):
        text += "\ndisable_mlock = true\n"
    return LocalConfig(text, ports)


def _rebind(
    block: str, key: str, default: int, hidden_port: Callable[[], int], ports: list[Listening]
) -> tuple[str, int]:
    """Moves one address of a listener to a hidden port; gives the block and the port it meant."""
    found = re.search(rf'(?m)^(\s*|.*[{{\s]){key}\s*=\s*"([^"]*)"', block)
    named = _HOST_PORT.search(found[2]) if found is not None else None
    port = int(named[1]) if named is not None else default
    hidden = hidden_port()
    ports.append(Listening(port, hidden))
    line = f'{key} = "127.0.0.1:{hidden}"'
    if found is None:
        opened = block.index("{") + 1
        return f"{block[:opened]}\n  {line}{block[opened:]}", port
    start = block.index(key, found.start(1) + len(found[1]))
    return block[:start] + line + block[found.end() :], port


def _keep_names(text: str, names: re.Pattern[str]) -> str:
    """Makes each retry_join over HTTPS check the certificate for the name that was configured."""

    def keep(block: str) -> str:
        leader = re.search(r'leader_api_addr\s*=\s*"https://([^":/]+)', block)
        if leader is None or "leader_tls_servername" in block or names.fullmatch(leader[1]) is None:
            return block
        opened = block.index("{") + 1
        return f'{block[:opened]}\n    leader_tls_servername = "{leader[1]}"{block[opened:]}'

    return _edit(text, "retry_join", keep)


def _edit(text: str, head: str, change: Callable[[str], str]) -> str:
    """Replaces every block ``head { ... }`` by what ``change`` makes of it."""
    out, at = [], 0
    for start, end in _blocks(text, head):
        out += [text[at:start], change(text[start:end])]
        at = end
    return "".join([*out, text[at:]])


def _blocks(text: str, head: str) -> Iterator[tuple[int, int]]:
    """Spans of the blocks that begin with ``head`` at the start of a line or after a brace."""
    for match in re.finditer(rf"(?m)(?:(?<=\{{)|^)[ \t]*({head}\s*\{{)", text):
        yield match.start(1), _closing(text, match.end(1) - 1)


_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|#[^\n]*|//[^\n]*|/\*.*?\*/|[{}]', re.DOTALL)


def _closing(text: str, opened: int) -> int:
    """Where the block that opens at ``opened`` ends; braces in strings and comments do not count."""
    depth = 0
    for token in _TOKEN.finditer(text, opened):
        depth += {"{": 1, "}": -1}.get(token[0], 0)
        if depth == 0:
            return token.end()
    line = text.count("\n", 0, opened) + 1
    raise ValueError(f"line {line} of the configuration opens a block that is never closed")
