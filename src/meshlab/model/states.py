"""The one vocabulary of states, the same in predicted, planned, executed and observed timelines."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """What a component is doing during an interval.

    ``no-leader``: a quorum of voters can reach each other, none leads yet; ``no-quorum``: there is no such
    quorum. Both belong to raft groups. ``sealed`` belongs to Vault, ``booting`` to machines, ``syncing`` to
    chain nodes.
    """

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    UNREACHABLE = "unreachable"
    NO_LEADER = "no-leader"
    NO_QUORUM = "no-quorum"
    SEALED = "sealed"
    BOOTING = "booting"
    SYNCING = "syncing"

    @property
    def serving(self) -> bool:
        """Whether a client gets its answer in this state; what is not serving counts as downtime."""
        return self in _SERVING

    @property
    def severity(self) -> int:
        """An order from 0 (up) to 8 (down), used to colour and to pick the worse of two."""
        return _SEVERITY.index(self)


_SERVING = frozenset({State.UP, State.DEGRADED})
_SEVERITY = (
    State.UP,
    State.DEGRADED,
    State.SYNCING,
    State.BOOTING,
    State.NO_LEADER,
    State.UNREACHABLE,
    State.SEALED,
    State.NO_QUORUM,
    State.DOWN,
)

SERVICES = ("etcd", "kubernetes-api", "vault", "solana", "ethereum", "tron", "mesh", "management")
"""The service names of the reference cluster; `Topology.service_names` gives those of any other."""


def worse(a: State, b: State) -> State:
    """Gives the state that is worse for whoever depends on both."""
    return a if a.severity >= b.severity else b
