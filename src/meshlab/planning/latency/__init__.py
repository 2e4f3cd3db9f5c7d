"""How long requests take: the way through the topology, hop by hop, under load and with parts missing."""

from __future__ import annotations

from collections.abc import Iterable

from meshlab.model import Topology
from meshlab.planning.latency.all_pairs import all_pairs, relays
from meshlab.planning.latency.commit import CommitLatency, commit_latency
from meshlab.planning.latency.elections import Choice, choices
from meshlab.planning.latency.hops import Hop, Latency, Quantile, Share, latency_of
from meshlab.planning.latency.requests import REQUESTS, NoSuchRequest, walk
from meshlab.planning.latency.stretch import stretched
from meshlab.planning.latency.timers import Timers, advised, timers
from meshlab.planning.latency.tunnel import TunnelCost, tunnel_cost
from meshlab.planning.worlds import WORLDS

__all__ = [
    "REQUESTS",
    "Choice",
    "CommitLatency",
    "Hop",
    "Latency",
    "NoSuchRequest",
    "Quantile",
    "Share",
    "Timers",
    "TunnelCost",
    "advised",
    "all_pairs",
    "choices",
    "commit_latency",
    "latency",
    "relays",
    "stretched",
    "timers",
    "tunnel_cost",
]


def latency(
    topology: Topology,
    request: str,
    *,
    load: float = 0.0,
    without: Iterable[str] = (),
    relayed: bool = False,
    samples: int = WORLDS,
    seed: int = 0,
) -> Latency:
    """Gives how long a kind of request takes.

    Parameters
    ----------
    request
        One of :data:`REQUESTS`.
    load
        Requests of this kind a second, Poisson; 0 is the unloaded way.
    without
        Components that are down (the quorum stays what it is: voters that are down still count).
    relayed
        As if peers passed on what has no direct way, which KubeSpan does not: what a routed mesh would buy.
    samples, seed
        Worlds; the same seed gives the same bits.

    Raises
    ------
    NoSuchRequest
        The kind is unknown, or nothing in the topology answers it.
    UnknownComponent
        A name in `without` is not in the topology.

    Examples
    --------
    >>> from meshlab.model.spec import reference
    >>> answer = latency(reference(), "etcd-put")
    >>> 0.001 < answer.p50.value < 0.004
    True
    """
    down = frozenset(without)
    for name in down:
        topology[name]
    path = walk(request, topology, load=load, down=down, samples=samples, seed=seed, relayed=relayed)
    return latency_of(
        request,
        load,
        path.hops,
        most=path.most,
        saturated=path.saturated,
        method=f"{samples} samples, seed {seed}",
    )
