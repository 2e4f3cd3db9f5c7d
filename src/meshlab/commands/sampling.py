"""What `meshlab availability` does when it is asked to sample: the same services, the same circuits, another way."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlab.commands.output import table
from meshlab.model.errors import InputError

if TYPE_CHECKING:
    from meshlab.availability import ServiceAvailability
    from meshlab.availability.sampling import Sampled
    from meshlab.model import Topology


@dataclass(frozen=True)
class Asked:
    """The options of sampling as they were given."""

    samples: int | None
    half_width: str | None
    seed: int
    workers: int
    scheduler: str

    def __bool__(self) -> bool:
        return self.samples is not None or self.half_width is not None

    def check(self) -> None:
        """Raises where the options do not fit together."""
        if self.samples is not None and self.half_width is not None:
            raise InputError.single(
                "--half-width", "--samples says already when to stop", "give one of the two"
            )
        if not self and self.scheduler:
            raise InputError.single(
                "--scheduler", "only sampling goes to a cluster", "add --samples N or --half-width X"
            )


def sampled(topology: Topology, services: list[str], asked: Asked) -> dict[str, Sampled]:
    """Samples each service's structure function, with progress on a terminal."""
    from tqdm import tqdm

    from meshlab.availability import structure
    from meshlab.availability.formula import failure
    from meshlab.availability.rates import rates, steady
    from meshlab.availability.sampling import HalfWidth, Program, sample

    formulas, down = structure(topology), steady(rates(topology))
    width = HalfWidth.parse(asked.half_width) if asked.half_width is not None else None
    found = {}
    for name in services:
        quiet = not sys.stderr.isatty()
        with tqdm(
            desc=name, unit=" worlds", unit_scale=True, file=sys.stderr, disable=quiet, leave=False
        ) as bar:

            def told(worlds: int, estimate: float, interval: tuple[float, float], bar: tqdm = bar) -> None:
                bar.update(worlds - bar.n)
                bar.set_postfix_str(f"{estimate:.3g} ({interval[0]:.3g} to {interval[1]:.3g})", refresh=False)

            found[name] = sample(
                Program.of(failure(formulas[name]), down),
                samples=asked.samples,
                half_width=width,
                seed=asked.seed,
                workers=asked.workers,
                scheduler=asked.scheduler,
                progress=told,
            )
    return found


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
