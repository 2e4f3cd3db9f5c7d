"""Looks at machines over the Talos API, errors turned into reactions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from meshlab.live.secret import Secret
from meshlab.provision.cluster.connections import TALOS_SECRETS
from meshlab.provision.systems.context import Context
from meshlab.provision.systems.outcome import Reaction, StepFailed

SILENCE = ("UNAVAILABLE", "DEADLINE_EXCEEDED")
"""gRPC codes that mean nobody answered."""
LOOK_S = 4.0
"""Deadline of a look at one machine, in seconds; a machine without power is silent, not an error."""


@contextmanager
def talos_errors(what: str, *, changing: bool = False) -> Iterator[None]:
    """Turns a Talos error into what the executor does about it (facts: talos-omni-kubespan 1.8)."""
    from meshlab.live.talos.errors import TalosError

    try:
        yield
    except TalosError as error:
        reaction: Reaction = "stop"
        if error.outcome_unknown:
            reaction = "unknown" if changing else "retry"
        elif error.code in ("FAILED_PRECONDITION", "RESOURCE_EXHAUSTED", "ABORTED"):
            reaction = "retry"
        silent = error.code in SILENCE
        said = f"no answer from {error.node}" if silent and not changing else f"{what}: {error}"
        raise StepFailed(said, reaction, silent=silent) from None


def bundle(context: Context) -> Any:
    """Gives the cluster's Talos secrets from the strongbox."""
    from meshlab.live.talos.secrets_bundle import SecretsBundle

    kept = context.strongbox.need(TALOS_SECRETS)
    return SecretsBundle.from_yaml(Secret(kept.reveal_text(), name=TALOS_SECRETS))


def answers(context: Context, address: str, *, maintenance: bool) -> str:
    """Gives the Talos version of a machine that answers, with or without credentials; empty where it does not."""
    from meshlab.live.talos.errors import TalosError

    try:
        with context.connections.talos(address, maintenance=maintenance, timeout_s=LOOK_S) as client:
            return str(client.version().version.tag)
    except TalosError:
        return ""


def etcd_state(context: Context, address: str) -> str:
    """Gives the state of a control plane's etcd service (``Preparing``, ``Running``, …).

    Raises
    ------
    StepFailed
        The machine does not answer.
    """
    with talos_errors("looking at etcd"), context.connections.talos(address, timeout_s=LOOK_S) as client:
        service = client.service_list().get("etcd")
        return "none" if service is None else str(service.state)


def etcd_members(context: Context, address: str, *, insist: bool = False) -> list[Any]:
    """Gives the etcd members that one control plane lists; none where its etcd does not run.

    Raises
    ------
    StepFailed
        Nobody answers at that address, and the caller insists on an answer.
    """
    from meshlab.live.talos.errors import TalosError

    with context.connections.talos(address, timeout_s=LOOK_S) as client:
        try:
            return client.etcd_member_list()
        except TalosError as error:
            if insist and error.code in SILENCE:
                raise StepFailed(f"no answer from {address}", "retry", silent=True) from None
            return []


def peers_up(context: Context, address: str) -> tuple[int, float]:
    """Gives how many KubeSpan peers of a machine are up, and the Unix time of the newest handshake."""
    from meshlab.live.talos.resources import KUBESPAN_PEER_STATUS

    with talos_errors("looking at the mesh"), context.connections.talos(address, timeout_s=LOOK_S) as client:
        peers = client.list(KUBESPAN_PEER_STATUS)
    up = [peer for peer in peers if str(peer.data.get("state", "")) == "up"]
    return len(up), max((_handshake(peer) for peer in up), default=0.0)


def _handshake(peer: Any) -> float:
    stamp = getattr(peer.spec, "last_handshake_time", None)
    return float(stamp.seconds) if stamp is not None else 0.0
