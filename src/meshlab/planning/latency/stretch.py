"""What if the masters were far from each other, or from the workers: the same cluster with longer ways."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

from meshlab.model import Distribution, Link, Machine, Topology
from meshlab.planning.tables import latencies

SPREAD = 0.1
"""Sigma of a long way's latency: it is light in fibre for the most part [E]."""


def stretched(topology: Topology, *, masters: float = 0.0, workers: float = 0.0) -> Topology:
    """Gives the topology with other round trips between machines.

    Parameters
    ----------
    masters
        Seconds of round trip between every two masters; 0 leaves their ways as they are.
    workers
        Seconds of round trip between a master and a worker; 0 leaves them as they are.

    Notes
    -----
    Bandwidth, MTU and reliability stay those of the way that there is; a long way loses what ``long-haul-loss`` in
    ``data/latency.csv`` says, unless the way that is there loses more.
    """
    changed = topology
    if masters:
        for a, b in combinations(topology.control_plane, 2):
            changed = changed.with_component(_longer(topology, a, b, masters))
    if workers:
        for a in topology.control_plane:
            for b in topology.workers:
                changed = changed.with_component(_longer(topology, a, b, workers))
    return changed


def _longer(topology: Topology, a: Machine, b: Machine, round_trip: float) -> Link:
    source = f"round trip {round_trip:g} s, asked for"
    latency = Distribution.lognormal(round_trip / 2, SPREAD, source=source)
    now = topology.link_between(a.name, b.name)
    loss = latencies()["long-haul-loss"]
    if now is None:
        return Link(name=f"{a.name}--{b.name}", a=a.name, b=b.name, latency=latency, loss=loss.mid)
    return replace(
        now,
        name=f"{a.name}--{b.name}",
        a=a.name,
        b=b.name,
        latency=latency,
        loss=max(now.loss, loss.mid),
        source=f"{source}; loss {loss.source}",
    )
