"""Time-dependent sampling: failures and repairs by a limited number of crews, over a mission or in the long run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from meshlab.availability.sampling.campaign import chunks
from meshlab.availability.sampling.intervals import HalfWidth, normal, wilson
from meshlab.availability.sampling.program import Program
from meshlab.availability.sampling.sampled import checked
from meshlab.availability.sampling.streams import streams
from meshlab.model.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshlab.availability.trees.circuit import Circuit
    from meshlab.model import Distribution, Reliability

CHUNK = 256  # histories
_MOST = 1 << 24  # histories: then an answer is given however wide its interval is
_FEWEST = 100  # histories with an outage before the interval of a mean is believed
_KINDS = {"constant": 0, "exponential": 1, "lognormal": 2, "uniform": 3}


@dataclass(frozen=True)
class MissionSampled:
    """A service over a time, sampled. Intervals are 95 %: the normal one of a mean, Wilson's of a probability."""

    begin: float
    end: float
    crews: int
    unavailability: float
    interval: tuple[float, float]
    outages: float
    unreliability: float
    unreliability_interval: tuple[float, float]
    samples: int

    def to_dict(self) -> dict[str, Any]:
        return {
            "unavailability": self.unavailability,
            "interval": list(self.interval),
            "expected_outages": self.outages,
            "unreliability": self.unreliability,
            "unreliability_interval": list(self.unreliability_interval),
            "crews": self.crews or "as many as needed",
            "samples": self.samples,
        }


@dataclass(frozen=True, eq=False)
class Renewal:
    """Histories of a circuit's components, in chunks."""

    program: Program
    fails: NDArray[np.float64]
    kinds: NDArray[np.int64]
    repairs: NDArray[np.float64]
    crews: int
    begin: float
    end: float
    seed: int

    def chunk(self, number: int) -> tuple[float, float, float, float]:
        """Gives the sums over one chunk of shares of time down, of their squares, of outages, of histories with any."""
        from meshlab.availability.sampling.kernels.renewal import play

        p, count, sums = self.program, len(self.program.events), np.zeros(4)
        value = np.zeros(2 + count + p.ops.size, np.uint8)
        value[1] = 1
        play(
            *p.gates,
            streams(self.seed, "history", number, p.events),
            self.fails,
            self.kinds,
            self.repairs,
            self.crews,
            self.begin,
            self.end,
            CHUNK,
            value,
            np.zeros(count, np.int64),
            np.zeros(count),
            np.zeros(count),
            sums,
        )
        return float(sums[0]), float(sums[1]), float(sums[2]), float(sums[3])


def sample_mission(
    circuit: Circuit,
    parts: Mapping[str, Reliability],
    *,
    end: float,
    begin: float = 0.0,
    crews: int = 0,
    samples: int | None = None,
    half_width: HalfWidth | None = None,
    seed: int = 0,
    workers: int = 1,
    scheduler: str = "",
    progress: Callable[[int, float, tuple[float, float]], None] | None = None,
) -> MissionSampled:
    """Gives how unavailable a service is between two moments, all being well at 0, and how often it breaks.

    Lives are exponential with the component's rate; repairs take what its distribution says once a crew is there,
    the component that has waited longest first. A component without a rate or a repair time never fails.

    Parameters
    ----------
    begin, end
        Seconds. A mission begins at 0; for the long run, begin after many repair times.
    crews
        How many repairs go on at once; 0 is as many as are needed, what the exact answer supposes.
    samples, half_width
        Histories (whole chunks of 256), or the 95 % half-width of the unavailability, checked after each chunk.

    Raises
    ------
    InputError
        The time is empty, crews are negative, or a repair time is of a kind that is not drawn here.
    """
    checked(samples, half_width)
    if not 0 <= begin < end or crews < 0:
        raise InputError.single(
            "mission",
            f"from {begin:g} s to {end:g} s with {crews} crews is no mission",
            "give 0 <= begin < end",
        )
    task = _task(circuit, parts, crews, begin, end, seed)
    sums, histories = np.zeros(4), 0
    share, interval = 0.0, (0.0, 1.0)
    with closing(chunks(task, workers, scheduler)) as results:
        for one in results:
            sums += one
            histories += CHUNK
            share = float(sums[0]) / histories
            interval = normal(float(sums[0]), float(sums[1]) - share * float(sums[0]), histories)
            if progress:
                progress(histories, share, interval)
            narrow = half_width is not None and sums[3] >= _FEWEST and half_width.met(share, interval)
            if histories >= (samples or _MOST) or narrow:
                break
    outages = float(sums[2]) / histories
    chance = wilson(int(sums[3]), histories)
    return MissionSampled(
        begin, end, crews, share, interval, outages, float(sums[3]) / histories, chance, histories
    )


def _task(
    circuit: Circuit, parts: Mapping[str, Reliability], crews: int, begin: float, end: float, seed: int
) -> Renewal:
    program = Program.of(circuit, {})
    found = [parts.get(name) for name in program.events]
    fails, kinds, repairs = np.zeros(len(found)), np.zeros(len(found), np.int64), np.zeros((len(found), 2))
    for i, (name, one) in enumerate(zip(program.events, found, strict=True)):
        if one is None or one.rate <= 0 or one.repair.mean <= 0:
            continue
        fails[i] = one.rate
        kinds[i], repairs[i] = _repair(name, one.repair)
    return Renewal(program, fails, kinds, repairs, crews, begin, end, seed)


def _repair(name: str, repair: Distribution) -> tuple[int, tuple[float, float]]:
    if repair.kind not in _KINDS:
        raise InputError.single(
            name, f"a {repair.kind} repair time is not drawn here", f"give one of {', '.join(_KINDS)}"
        )
    return _KINDS[repair.kind], (repair.a, repair.b)
