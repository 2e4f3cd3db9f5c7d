"""What `meshlab availability` does when it is asked to sample: the same services, the same circuits, another way."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from meshlab.commands.output import table
from meshlab.model.errors import InputError

if TYPE_CHECKING:
    from meshlab.availability import ServiceAvailability
    from meshlab.availability.sampling import MissionSampled, Sampled
    from meshlab.model import Topology


@dataclass(frozen=True)
class Asked:
    """The options of sampling as they were given."""

    samples: int | None
    half_width: str | None
    seed: int
    workers: int
    scheduler: str
    crews: int = 0

    def __bool__(self) -> bool:
        return self.samples is not None or self.half_width is not None

    def how(self) -> dict[str, Any]:
        """Gives the options as the samplers take them."""
        from meshlab.availability.sampling import HalfWidth

        width = HalfWidth.parse(self.half_width) if self.half_width is not None else None
        return {
            "samples": self.samples,
            "half_width": width,
            "seed": self.seed,
            "workers": self.workers,
            "scheduler": self.scheduler,
        }

    def check(self, mission: bool) -> None:
        """Raises where the options do not fit together."""
        if self.samples is not None and self.half_width is not None:
            raise InputError.single(
                "--half-width", "--samples says already when to stop", "give one of the two"
            )
        if not self and self.scheduler:
            raise InputError.single(
                "--scheduler", "only sampling goes to a cluster", "add --samples N or --half-width X"
            )
        if self.crews and not (self and mission):
            raise InputError.single(
                "--crews", "a limit of repair crews is sampled, in time", "add --mission 30d and --samples N"
            )


def sampled(topology: Topology, services: list[str], asked: Asked) -> dict[str, Sampled]:
    """Samples each service's structure function, with progress on a terminal."""
    from meshlab.availability import structure
    from meshlab.availability.sampling import Program, sample
    from meshlab.availability.trees.formula import failure
    from meshlab.availability.trees.rates import rates, steady

    formulas, down = structure(topology), steady(rates(topology))
    found = {}
    for name in services:
        with _progress(name, " worlds") as told:
            found[name] = sample(Program.of(failure(formulas[name]), down), progress=told, **asked.how())
    return found


def missions(
    topology: Topology, services: list[str], asked: Asked, seconds: float
) -> dict[str, MissionSampled]:
    """Samples each service over a mission from all well, with as many repair crews as were asked for."""
    from meshlab.availability import structure
    from meshlab.availability.sampling import sample_mission
    from meshlab.availability.trees.formula import failure

    formulas = structure(topology)
    parts = {c.name: c.reliability for c in topology if c.reliability}
    found = {}
    for name in services:
        with _progress(name, " histories") as told:
            found[name] = sample_mission(
                failure(formulas[name]), parts, end=seconds, crews=asked.crews, progress=told, **asked.how()
            )
    return found


@contextmanager
def _progress(name: str, unit: str) -> Iterator[Callable[[int, float, tuple[float, float]], None]]:
    from tqdm import tqdm

    quiet = not sys.stderr.isatty()
    with tqdm(desc=name, unit=unit, unit_scale=True, file=sys.stderr, disable=quiet, leave=False) as bar:

        def told(done: int, estimate: float, interval: tuple[float, float]) -> None:
            bar.update(done - bar.n)
            bar.set_postfix_str(f"{estimate:.3g} ({interval[0]:.3g} to {interval[1]:.3g})", refresh=False)

        yield told


def beside(exact: dict[str, ServiceAvailability], found: dict[str, Sampled]) -> str:
    """Gives the table of exact beside sampled."""
    rows = []
    for name, one in found.items():
        low, high = one.interval
        inside = low <= exact[name].unavailability <= high
        rows.append(
            [
                name,
                f"{exact[name].unavailability:.4g}",
                f"{one.unavailability:.4g}",
                f"{low:.4g} to {high:.4g}",
                "inside" if inside else "outside",
                f"{one.samples:,}",
                one.method,
            ]
        )
    title = "unavailability, exact beside sampled (of twenty 95 % intervals one is expected to miss)"
    columns = ["service", "exact", "sampled", "95 % interval", "exact is", "worlds", "method"]
    return table(title, columns, rows)


def in_time(found: dict[str, MissionSampled]) -> str:
    """Gives the table of sampled missions."""
    rows = []
    for name, one in found.items():
        low, high = one.interval
        least, most = one.unreliability_interval
        rows.append(
            [
                name,
                f"{one.unavailability:.3g} ({low:.3g} to {high:.3g})",
                f"{one.unreliability:.3g} ({least:.3g} to {most:.3g})",
                f"{one.outages:.3g}",
                f"{one.samples:,}",
            ]
        )
    one = next(iter(found.values()))
    crews = f"repair crews: {one.crews or 'as many as needed'}"
    title = f"sampled: {one.end / 86400:g} days from all well, {crews} (95 % intervals)"
    columns = ["service", "share of the time down", "chance of an outage", "outages", "histories"]
    return table(title, columns, rows)
