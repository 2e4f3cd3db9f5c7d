"""The unavailability of a circuit by sampling: plainly or weighted, to a number of worlds or a width of interval."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal

from meshlab.availability.sampling.campaign import Task, chunks
from meshlab.availability.sampling.intervals import Z95, HalfWidth, normal, wilson
from meshlab.availability.sampling.plain import CHUNK, Plain
from meshlab.availability.sampling.program import Program
from meshlab.availability.sampling.tilt import suited
from meshlab.availability.sampling.weights import Weighed
from meshlab.model.errors import InputError

Method = Literal["auto", "plain", "importance"]
Progress = Callable[[int, float, tuple[float, float]], None]
_PILOT = 4  # chunks that are looked at before a method is chosen
_TOO_MANY = 1 << 32  # worlds: beyond them, plain sampling is not the way
_FEWEST = 4  # weighted chunks
_EFFECTIVE = 400.0  # equal weights that the weights must be worth before their interval is believed
_MOST = 1 << 42  # worlds: then an answer is given however wide its interval is
_MOST_WEIGHTED = 1 << 32


@dataclass(frozen=True)
class Sampled:
    """A sampled unavailability, with the 95 % interval that sampling leaves and how it was made."""

    unavailability: float
    interval: tuple[float, float]
    samples: int
    failed: int
    method: str

    def to_dict(self) -> dict[str, Any]:
        return {
            "unavailability": self.unavailability,
            "interval": list(self.interval),
            "samples": self.samples,
            "failed": self.failed,
            "method": self.method,
        }


@dataclass(frozen=True)
class Campaign:
    """How chunks are worked off: seed, threads here or a Dask scheduler, and who is told of it."""

    seed: int = 0
    workers: int = 1
    scheduler: str = ""
    progress: Progress | None = None


def sample(
    program: Program,
    *,
    samples: int | None = None,
    half_width: HalfWidth | None = None,
    method: Method = "auto",
    seed: int = 0,
    workers: int = 1,
    scheduler: str = "",
    progress: Progress | None = None,
) -> Sampled:
    """Gives the probability that the circuit's top holds, sampled.

    Parameters
    ----------
    samples, half_width
        When to stop: one of the two. A half-width is checked after each chunk (2^20 worlds, or 2^16 weighted
        ones), in the order of the chunks, so the answer is the same bits for any number of workers.
    method
        "plain" counts failed worlds; its interval is Wilson's. "importance" draws losses more often and weighs
        them (see `tilt.Tilted`); its interval is the normal one of the mean weight, given only when the weights
        are worth 400 equal ones. "auto" is plain, unless a first 2^22 worlds show that the half-width would
        take more than 2^32.
    workers, scheduler
        Threads here, or the address of a Dask scheduler.

    Notes
    -----
    At a moment chosen by the width seen so far, a 95 % interval holds 95 % only in the limit of a narrow one
    (Chow and Robbins 1965); with the chunks this large the difference is below what tests can see.

    Raises
    ------
    InputError
        Neither or both ways to stop are given, or the scheduler cannot be used.
    """
    checked(samples, half_width)
    how = Campaign(seed, workers, scheduler, progress)
    if method == "importance":
        return _weighted(program, how, samples, half_width)
    if method == "auto" and half_width is not None:
        first = counted(Plain(program, seed), how, _PILOT * CHUNK)
        if not half_width.met(first.unavailability, first.interval) and _out_of_reach(first, half_width):
            return _weighted(program, how, None, half_width)
    return counted(Plain(program, seed, samples), how, samples, half_width)


def checked(samples: int | None, half_width: HalfWidth | None) -> None:
    """Raises where it is not clear when to stop."""
    if (samples is None) == (half_width is None):
        raise InputError.single("sampling", "when to stop is not clear", "give samples or a half-width")
    if samples is not None and samples < 1:
        raise InputError.single("--samples", f"{samples} samples tell nothing", "give 1 or more")


def _out_of_reach(first: Sampled, wanted: HalfWidth) -> bool:
    """Whether plain sampling would need too many worlds for this width, judged by a first few."""
    p = first.unavailability
    if wanted.relative:
        return p == 0 or Z95**2 * (1 - p) / (p * wanted.value**2) > _TOO_MANY
    return Z95**2 * first.interval[1] / wanted.value**2 > _TOO_MANY


def counted(
    task: Task[tuple[int, int]], how: Campaign, samples: int | None, wanted: HalfWidth | None = None
) -> Sampled:
    """Counts failed worlds, chunk after chunk, until there are `samples` or the interval is as narrow as wanted."""
    failed = worlds = 0
    interval = (0.0, 1.0)
    last = samples if samples is not None else _MOST
    with closing(chunks(task, how.workers, how.scheduler)) as results:
        for more, of in results:
            failed, worlds = failed + more, worlds + of
            interval = wilson(failed, worlds)
            if how.progress:
                how.progress(worlds, failed / worlds, interval)
            if worlds >= last or (wanted and wanted.met(failed / worlds, interval)):
                break
    return Sampled(failed / worlds, interval, worlds, failed, "plain, Wilson interval")


def _weighted(program: Program, how: Campaign, samples: int | None, wanted: HalfWidth | None) -> Sampled:
    task = suited(program, how.seed)
    if task is None:  # nothing fails in any way of drawing: a circuit that (almost) never holds
        worlds = samples or _PILOT * CHUNK
        return counted(Plain(program, how.seed, worlds), how, worlds)
    seen = Weighed()
    interval = (0.0, 1.0)
    last = samples if samples is not None else _MOST_WEIGHTED
    with closing(chunks(task, how.workers, how.scheduler)) as results:
        for number, more in enumerate(results, start=1):
            seen += more
            estimate = seen.total / seen.worlds
            interval = normal(seen.total, seen.variance, seen.worlds)
            if how.progress:
                how.progress(seen.worlds, estimate, interval)
            narrow = wanted is not None and wanted.met(estimate, interval)
            if seen.worlds >= last or (narrow and number >= _FEWEST and seen.worth >= _EFFECTIVE):
                break
    method = "importance sampling, normal interval"
    return Sampled(seen.total / seen.worlds, interval, seen.worlds, seen.failed, method)
