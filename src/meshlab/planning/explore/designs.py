"""The designs: every combination of the chosen values, each a topology of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

from meshlab.model import InputError, Topology
from meshlab.planning.explore.dimensions import DIMENSIONS

TODAY = "today"
MOST = 1_000
"""Designs in one exploration: beyond that nobody reads the answer."""


@dataclass(frozen=True)
class Design:
    """One way to build the cluster: what was chosen, and the topology that it comes to.

    ``told`` is set for today's design said in full, where a dimension says more than the spec: in which way.
    """

    name: str
    choices: dict[str, str]
    topology: Topology
    told: str = ""

    @property
    def is_today(self) -> bool:
        return self.name == TODAY


def designs(
    topology: Topology, varied: Mapping[str, tuple[str, ...]], *, asked: bool = True
) -> tuple[Design, ...]:
    """Gives today's design and every combination of the values, in a fixed order, none twice.

    Today's is the spec, untouched: what the other commands say of it holds here too. Where the spec says less than
    a varied dimension needs (``tor``: a switch is a link there, not what machines fail by), today's design follows
    once more, said in full (``tor=shared``), for the others to be compared with. What cannot be built (three masters
    of one region over three regions that have no known distances) is an error where it was `asked` for, else left out.
    """
    count = 1
    for values in varied.values():
        count *= len(values)
    if count > MOST:
        raise InputError.single(
            "--vary", f"{count:,} combinations, {MOST:,} are the most", "vary fewer dimensions or values"
        )
    now = {name: DIMENSIONS[name].today(topology) or DIMENSIONS[name].values[0] for name in varied}
    said = [name for name in varied if _says_more(name, now[name], topology)]
    found = {TODAY: Design(TODAY, now, topology)}
    if said:
        name = ", ".join(f"{key}={now[key]}" for key in said)
        told = "; ".join(DIMENSIONS[key].says for key in said)
        found[name] = Design(name, now, _built(topology, now), told)
    for combination in product(*varied.values()):
        choices = dict(zip(varied, combination, strict=True))
        changed = [key for key, value in choices.items() if value != now[key]]
        name = ", ".join(f"{key}={value}" for key, value in choices.items() if key in changed or key in said)
        if not changed or name in found:
            continue
        try:
            found[name] = Design(name, choices, _built(topology, choices))
        except InputError:
            if asked:
                raise
    return tuple(found.values())


def _says_more(name: str, value: str, topology: Topology) -> bool:
    dimension = DIMENSIONS[name]
    return bool(dimension.says) and dimension.change(topology, value) != topology


def _built(topology: Topology, choices: Mapping[str, str]) -> Topology:
    for name in DIMENSIONS:
        if name in choices:
            topology = DIMENSIONS[name].change(topology, choices[name])
    return topology
