"""Intervals of what was sampled, and when they are narrow enough."""

from __future__ import annotations

import math
from dataclasses import dataclass

from meshlab.model.errors import InputError

Z95 = 1.959963984540054


def wilson(count: int, worlds: int, z: float = Z95) -> tuple[float, float]:
    """Gives the 95 % score interval of a probability from `count` of `worlds`; of no failures: from 0 up.

    References
    ----------
    Wilson, Probable inference, JASA 22, 1927.
    """
    p, zz = count / worlds, z * z / worlds
    middle = (p + zz / 2) / (1 + zz)
    half = z / (1 + zz) * math.sqrt(p * (1 - p) / worlds + zz / (4 * worlds))
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return (0.0 if count == 0 else low), (1.0 if count == worlds else high)


def normal(total: float, variance: float, worlds: int, z: float = Z95) -> tuple[float, float]:
    """Gives the 95 % interval of a mean of many independent values from their total and the total's variance."""
    mean = total / worlds
    half = z * math.sqrt(max(0.0, variance)) / worlds
    return max(0.0, mean - half), min(1.0, mean + half)


@dataclass(frozen=True)
class HalfWidth:
    """How narrow an interval has to be: `value` in unavailability, or relative to what is estimated."""

    value: float
    relative: bool = False

    @classmethod
    def parse(cls, text: str) -> HalfWidth:
        """Reads ``1e-6`` (an unavailability) or ``10%`` (of the answer)."""
        relative = text.strip().endswith("%")
        try:
            value = float(text.strip().removesuffix("%")) / (100 if relative else 1)
        except ValueError:
            value = math.nan
        if not 0 < value < 1:
            raise InputError.single(
                "--half-width",
                f"{text!r} is no width of an interval",
                "give an unavailability, 1e-6, or a share of the answer, 10%",
            )
        return cls(value, relative)

    def met(self, estimate: float, interval: tuple[float, float]) -> bool:
        """Whether the interval reaches no further than this to either side of its middle."""
        half = (interval[1] - interval[0]) / 2
        return half <= (self.value * estimate if self.relative else self.value)
