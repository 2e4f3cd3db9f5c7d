"""Clock offsets from what must have happened before what: interval constraints, solved; contradictions said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from meshlab.incident.evidence.rows import Row, stamp
from meshlab.model import MeshlabError

WIDEST_S = 300.0
"""A clock is taken to be within five minutes of the observer's."""


class Contradiction(MeshlabError):
    """Two clocks cannot both be right to within the bound: the order facts exclude each other."""


@dataclass(frozen=True)
class Before:
    """Raw time `first` on clock `a` was before raw time `second` on clock `b`, because of `why`."""

    a: str
    first: float
    b: str
    second: float
    why: str = ""


def offsets(
    facts: Iterable[Before], *, reference: str = "observer", widest: float = WIDEST_S
) -> dict[str, tuple[float, float]]:
    """Gives, for each clock, the interval in which its offset lies: true time = raw time + offset.

    Each fact says offset(a) - offset(b) <= second - first; with every offset within `widest` of the reference
    these are difference constraints, and the tightest bounds are shortest paths (Bellman-Ford).

    Raises
    ------
    Contradiction
        No offsets within the bound satisfy all facts.

    Examples
    --------
    >>> offsets([Before("observer", 10.0, "m", 5.0), Before("m", 6.0, "observer", 11.5)])["m"]
    (5.0, 5.5)
    """
    edges: dict[tuple[str, str], float] = {}
    clocks = {reference}
    for fact in facts:
        clocks |= {fact.a, fact.b}
        if fact.a != fact.b:
            edges[fact.b, fact.a] = min(edges.get((fact.b, fact.a), float("inf")), fact.second - fact.first)
    for name in clocks - {reference}:
        for pair in ((reference, name), (name, reference)):
            edges[pair] = min(edges.get(pair, float("inf")), widest)
    upper = _shortest(edges, clocks, reference)
    lower = _shortest({(b, a): length for (a, b), length in edges.items()}, clocks, reference)
    return {name: (0.0 - lower[name], upper[name]) for name in sorted(clocks)}


def _shortest(edges: Mapping[tuple[str, str], float], clocks: set[str], start: str) -> dict[str, float]:
    distance = dict.fromkeys(clocks, float("inf"))
    distance[start] = 0.0
    for _ in clocks:
        for (a, b), length in edges.items():
            distance[b] = min(distance[b], distance[a] + length)
    for (a, b), length in edges.items():
        if distance[a] + length < distance[b] - 1e-9:
            raise Contradiction(
                f"the clocks of {a} and {b} contradict each other: no offsets within the bound give the order that "
                "their records prove; look for a clock that jumped"
            )
    return distance


def raft_order(rows: Iterable[Row]) -> Iterator[Before]:
    """Order facts of etcd's logs: a leader was elected before anyone else says that it leads in that term."""
    known = list(rows)
    elected = {(row.keys.get("id"), row.keys.get("term")): row for row in known if row.kind == "election"}
    for row in known:
        first = elected.get((row.keys.get("leader"), row.keys.get("term")))
        if row.kind == "leader-known" and first is not None and first.clock != row.clock:
            yield Before(
                first.clock,
                stamp(first.raw)[0],
                row.clock,
                stamp(row.raw)[0] + 1e-3,
                f"leader of term {row.keys['term']}",
            )
