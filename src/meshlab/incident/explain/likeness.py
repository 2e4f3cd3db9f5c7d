"""The error model: how unlike is what was seen to what a state looks like from where the observer stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlab.model import Machine, State, Timeline, Topology

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STATES = tuple(State)
"""Codes of states in arrays are positions in this tuple; `UNSEEN` says that nothing was seen."""
UNSEEN = len(STATES)

# Cost, from 0 (looks just so) to 1 (looks quite different), of seeing the second while the first is true. What is
# not listed: 0 for the same state, `BOTH_AWAY` if neither serves, `BOTH_SERVE` if both do, else 1.
BOTH_AWAY = 0.3
BOTH_SERVE = 0.6
_S = State
_LOOKS: dict[str, dict[tuple[State, State], float]] = {
    # A machine that lost power, is cut off or has not booted yet is silent: the observer cannot tell which.
    "machine": {
        (_S.DOWN, _S.UNREACHABLE): 0.0,
        (_S.BOOTING, _S.UNREACHABLE): 0.0,
        (_S.UNREACHABLE, _S.UP): 0.0,  # unreachable for its control plane need not mean so for the observer
        (_S.UNREACHABLE, _S.DEGRADED): 0.0,
        (_S.BOOTING, _S.DEGRADED): 0.3,  # it answers before all its services are up
        (_S.UP, _S.DEGRADED): 0.4,
    },
    "etcd": {
        (_S.NO_LEADER, _S.DEGRADED): 0.5,  # followers hold on to a dead leader until their election time-out
        (_S.NO_QUORUM, _S.UNREACHABLE): 0.0,
        (_S.DOWN, _S.UNREACHABLE): 0.0,
        (_S.NO_QUORUM, _S.NO_LEADER): 0.3,
        (_S.DOWN, _S.NO_QUORUM): 0.1,
    },
    # One client among several endpoints: whether it met the silent one is luck.
    # A write that is under way when nobody answers is seen as late, not as failed, where somebody answers in time.
    "api": {
        (_S.DEGRADED, _S.UP): 0.02,
        (_S.UP, _S.DEGRADED): 0.4,
        (_S.DOWN, _S.DEGRADED): 0.05,
        (_S.DOWN, _S.UNREACHABLE): 0.0,
    },
    "vault": {
        (_S.NO_QUORUM, _S.SEALED): 0.1,
        (_S.SEALED, _S.NO_QUORUM): 0.1,
        (_S.NO_QUORUM, _S.UNREACHABLE): 0.0,
        (_S.NO_QUORUM, _S.NO_LEADER): 0.15,
        (_S.DOWN, _S.UNREACHABLE): 0.0,
    },
    "chain": {
        (_S.DOWN, _S.UNREACHABLE): 0.05,
        (_S.SYNCING, _S.DOWN): 0.2,
        (_S.SYNCING, _S.DEGRADED): 0.2,
        (_S.UNREACHABLE, _S.DOWN): 0.1,
        (_S.DOWN, _S.SYNCING): 0.4,
    },
    # KubeSpan's own view of its peers lags by minutes: up and degraded are hard to tell apart in time.
    "mesh": {
        (_S.DEGRADED, _S.UP): 0.0,
        (_S.DOWN, _S.UP): 0.02,
        (_S.UP, _S.DEGRADED): 0.35,
        (_S.DOWN, _S.DEGRADED): 0.1,
        (_S.DEGRADED, _S.DOWN): 0.3,
    },
    "management": {(_S.DOWN, _S.UNREACHABLE): 0.0, (_S.UNREACHABLE, _S.DOWN): 0.0},
}


def kind_of(component: str, topology: Topology) -> str:
    """Gives which table of the error model a component is judged by."""
    if component in topology and isinstance(topology[component], Machine):
        return "machine"
    if component == "kubernetes-api":
        return "api"
    if component in ("etcd", "vault", "mesh", "management"):
        return component
    return "chain"


def cost(true: State, seen: State, kind: str) -> float:
    """Gives how unlike `seen` is to what `true` looks like, from 0 to 1."""
    if true == seen:
        return 0.0
    listed = _LOOKS.get(kind, {}).get((true, seen))
    if listed is not None:
        return listed
    if true.serving and seen.serving:
        return BOTH_SERVE
    return BOTH_AWAY if not true.serving and not seen.serving else 1.0


def table(kind: str) -> NDArray[np.float32]:
    """Gives the costs as an array [true, seen]; a last column and row of zeros stand for "not seen"."""
    import numpy

    costs = numpy.zeros((UNSEEN + 1, UNSEEN + 1), dtype=numpy.float32)
    for i, true in enumerate(STATES):
        for j, seen in enumerate(STATES):
            costs[i, j] = cost(true, seen, kind)
    return costs


def encode(
    timeline: Timeline, components: tuple[str, ...], start: float, step: float, count: int
) -> NDArray[np.uint8]:
    """Gives state codes [component, bin]: the state in the middle of each of `count` bins from `start` on."""
    import numpy

    codes = numpy.full((len(components), count), UNSEEN, dtype=numpy.uint8)
    for row, component in enumerate(components):
        for interval in timeline.of(component):
            first = max(0, int(numpy.ceil((interval.start - start) / step - 0.5)))
            last = min(count, int(numpy.ceil((interval.end - start) / step - 0.5)))
            if last > first:
                codes[row, first:last] = STATES.index(interval.state)
    return codes
