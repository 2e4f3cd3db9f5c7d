"""What the break panel can break: each a fault of the embedded cluster, with the words for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from meshlab.model import Link, Topology
from meshlab.model.units import duration

SLOWER_S, LOSS = 0.2, 0.02
"""One way, and the share of packets, of a way that gets slow."""


@dataclass(frozen=True)
class Blow:
    """One fault: what is asked of the embedded cluster, and how a button, a list and a status say it."""

    title: str
    words: str
    since: str
    body: Mapping[str, object] = field(hash=False)


def blows(topology: Topology, victim: str) -> tuple[Blow, ...]:
    """Gives what can be broken: a machine, or the ways between the sites.

    Raises
    ------
    UnknownComponent
        There is no such machine.
    """
    topology.machine(victim)
    found = [
        Blow(
            f"{victim} loses its power",
            f"kill {victim}",
            f"{victim} has no power",
            {"fault": "fail", "component": victim},
        ),
        Blow(
            f"{victim} restarts",
            f"restart {victim}",
            f"{victim} was restarted",
            {"fault": "restart", "component": victim},
        ),
    ]
    slower = f"{duration(SLOWER_S)} slower"
    for link in topology.of(Link):
        if link.a == link.b:
            continue
        ends, way = {"a": link.a, "b": link.b}, f"{link.a} - {link.b}"
        found += [
            Blow(f"the way {way} is cut", f"cut {way}", f"{way} is cut", {"fault": "partition"} | ends),
            Blow(
                f"the way {way} gets {slower}, with {LOSS:.0%} loss",
                f"slow {way}",
                f"{way} is {slower}",
                {"fault": "degrade", "latency": SLOWER_S, "loss": LOSS} | ends,
            ),
        ]
    return tuple(found)
