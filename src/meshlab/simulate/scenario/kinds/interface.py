"""What a kind of fault offers: how a scenario file says it, what it fits, what it does to the parts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

from meshlab.model.components import Component
from meshlab.model.topology import Topology
from meshlab.model.units import duration

Window = tuple[float, float, str]
"""From when, until when (seconds; infinite: never repaired), and why."""
Objection = tuple[str, str]
"""What does not fit, and what to do instead."""


class Given(Protocol):
    """A fault as its kind sees it (`scenario.Fault`)."""

    @property
    def at(self) -> float: ...
    @property
    def lasts(self) -> float: ...
    @property
    def until(self) -> float: ...
    @property
    def targets(self) -> tuple[str, ...]: ...
    @property
    def groups(self) -> tuple[tuple[str, ...], ...]: ...
    @property
    def direction(self) -> Literal["both", "forward"]: ...
    @property
    def latency(self) -> float: ...
    @property
    def loss(self) -> float: ...


class Item(Protocol):
    """One fault of a scenario file while it is read; a problem is noted with its line, and reading goes on."""

    values: dict[str, Any]

    def duration(self, key: str) -> float: ...
    def share(self, key: str) -> float: ...
    def problem(self, key: str, message: str, hint: str = "") -> None: ...


@dataclass(frozen=True)
class Path:
    """What happens to the ways between groups of places, over a window: added latency (s), lost share of packets."""

    groups: tuple[tuple[str, ...], ...]
    forward: bool
    latency: float
    loss: float
    window: Window


@dataclass
class Effects:
    """What faults do to the parts of a cluster, before any time is drawn.

    ``off``: machines without power; ``frozen``: paused ones; ``broken``: other components that fail; ``halted``:
    chains whose whole network makes no blocks; ``disks``: (machine, at, lasts) of lost data disks; ``clean_stops``:
    when a machine's services are stopped in order; ``paths``: what happens to ways of the network.
    """

    off: dict[str, list[Window]] = field(default_factory=dict)
    broken: dict[str, list[Window]] = field(default_factory=dict)
    frozen: dict[str, list[Window]] = field(default_factory=dict)
    halted: dict[str, list[Window]] = field(default_factory=dict)
    disks: list[tuple[str, float, float]] = field(default_factory=list)
    clean_stops: dict[str, set[float]] = field(default_factory=dict)
    paths: list[Path] = field(default_factory=list)


class FaultKind(ABC):
    """One kind of fault.

    ``name`` is the key that names its target in a scenario file; ``keys`` are the further ones it knows. A kind that
    ``stops`` its target cannot overlap another such kind on the same one.
    """

    name: ClassVar[str]
    keys: ClassVar[tuple[str, ...]] = ("for",)
    stops: ClassVar[bool] = False

    def read(self, item: Item) -> dict[str, Any] | None:
        """Gives what a file says of the fault beside its time, as fields of `scenario.Fault`; None where it cannot."""
        value = item.values[self.name]
        if isinstance(value, (list, dict)):
            item.problem(self.name, f"{self.name} names one component", "write one fault for each component")
            return None
        return {"targets": (str(value),)}

    @abstractmethod
    def objection(self, component: Component, topology: Topology) -> Objection | None:
        """Says why a component cannot have this fault."""

    def clashes(self, fault: Given, topology: Topology) -> Iterator[Objection]:
        """Says where a fault contradicts itself."""
        yield from ()

    @abstractmethod
    def strike(self, fault: Given, topology: Topology, effects: Effects) -> None:
        """Enters what the fault does to the parts."""

    @abstractmethod
    def says(self, fault: Given) -> str:
        """Gives what happens, in words, without its time."""

    def window(self, fault: Given, happened: str) -> Window:
        """Gives the fault's window; `happened` is what happened to its target ("failed")."""
        return (fault.at, fault.until, f"{fault.targets[0]} {happened} at {duration(fault.at)}")
