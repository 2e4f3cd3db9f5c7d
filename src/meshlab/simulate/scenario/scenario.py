"""Scenario: what breaks, and when."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from meshlab.model.topology import Topology
from meshlab.model.units import duration
from meshlab.simulate.scenario.kinds.interface import Effects
from meshlab.simulate.scenario.kinds.table import KINDS

FOREVER = math.inf


@dataclass(frozen=True)
class Fault:
    """One fault: what kind, on what, from when, for how long (seconds; infinite: it is never repaired).

    ``kind`` is a name in `kinds.table.KINDS`. ``targets`` are the component's name; for a partition ``groups`` are
    the sides that cannot talk (every pair of them; ``forward``: only what the first sends to the second is lost);
    for a degraded path ``groups`` are its two ends, ``latency`` seconds are added each way and ``loss`` is a share
    of packets.

    Examples
    --------
    >>> Fault.fail("master-1", at=300, lasts=600).until
    900
    """

    kind: str
    at: float
    targets: tuple[str, ...] = ()
    lasts: float = FOREVER
    groups: tuple[tuple[str, ...], ...] = ()
    direction: Literal["both", "forward"] = "both"
    latency: float = 0.0
    loss: float = 0.0

    @classmethod
    def fail(cls, component: str, at: float, lasts: float = FOREVER) -> Fault:
        return cls("fail", at, (component,), lasts)

    @classmethod
    def partition(
        cls,
        *groups: tuple[str, ...],
        at: float,
        lasts: float = FOREVER,
        direction: Literal["both", "forward"] = "both",
    ) -> Fault:
        return cls("partition", at, (), lasts, tuple(tuple(g) for g in groups), direction)

    @classmethod
    def degrade(
        cls, a: str, b: str, at: float, latency: float = 0.0, loss: float = 0.0, lasts: float = FOREVER
    ) -> Fault:
        return cls("degrade", at, (), lasts, ((a,), (b,)), "both", latency, loss)

    @classmethod
    def restart(cls, machine: str, at: float) -> Fault:
        return cls("restart", at, (machine,), 0.0)

    @classmethod
    def lose_disk(cls, machine: str, at: float, lasts: float = FOREVER) -> Fault:
        """A data disk breaks; `lasts` is how long its replacement takes (infinite: drawn from the parameters)."""
        return cls("lose-disk", at, (machine,), lasts)

    @classmethod
    def pause(cls, machine: str, at: float, lasts: float = FOREVER) -> Fault:
        return cls("pause", at, (machine,), lasts)

    @classmethod
    def halt(cls, chain: str, at: float, lasts: float = FOREVER) -> Fault:
        """The whole network of a chain stops making blocks; our nodes of it are well."""
        return cls("halt", at, (chain,), lasts)

    @property
    def until(self) -> float:
        return self.at + self.lasts

    @property
    def names(self) -> tuple[str, ...]:
        """Every component that the fault names."""
        return (*self.targets, *(name for group in self.groups for name in group))

    def __str__(self) -> str:
        lasting = "" if self.lasts in (FOREVER, 0.0) else f" for {duration(self.lasts)}"
        return f"{KINDS[self.kind].says(self)} at {duration(self.at)}{lasting}"


@dataclass(frozen=True)
class Scenario:
    """A history of faults over `horizon` seconds; `initial` names leaders known at the start.

    Raft groups that `initial` does not name draw their leader.
    """

    name: str
    horizon: float
    faults: tuple[Fault, ...] = ()
    initial: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "faults", tuple(self.faults))
        object.__setattr__(self, "initial", MappingProxyType(dict(self.initial)))

    def __hash__(self) -> int:
        return hash((self.name, self.horizon, self.faults, tuple(sorted(self.initial.items()))))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "initial": dict(self.initial)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in {**state, "initial": MappingProxyType(state["initial"])}.items():
            object.__setattr__(self, name, value)


def effects(faults: Iterable[Fault], topology: Topology) -> Effects:
    """Gives what faults do to the parts of a cluster, entered in their order."""
    found = Effects()
    for fault in faults:
        KINDS[fault.kind].strike(fault, topology, found)
    return found
