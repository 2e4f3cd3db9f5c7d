"""A request's way as a list of hops, and what that comes to: quantiles, and which hop dominates."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["network", "disk", "quorum", "queue", "processor"]


@dataclass(frozen=True)
class Hop:
    """One stretch of the way: what it is, and its seconds in every world."""

    name: str
    kind: Kind
    seconds: NDArray[np.float64]
    source: str = ""


@dataclass(frozen=True)
class Share:
    """What a hop contributes: its mean in seconds, its share of the mean, and of the slowest hundredth."""

    name: str
    kind: str
    mean: float
    of_mean: float
    of_slowest: float
    source: str


@dataclass(frozen=True)
class Quantile:
    """A quantile in seconds with its 95 % interval from the order statistics (binomial)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Latency:
    """How long a kind of request takes at a load; seconds.

    ``failing`` is the share of worlds in which there is no way (a quorum is lost, a link is cut); the quantiles are
    of the others. ``saturated`` names the station that cannot keep up, empty when all can; then the quantiles are
    infinite. ``most`` is the load, in requests a second, at which the first station saturates; 0 where no world has a
    way.
    """

    request: str
    load: float
    p50: Quantile
    p95: Quantile
    p99: Quantile
    dominant: str
    shares: tuple[Share, ...]
    failing: float
    saturated: str
    most: float
    method: str

    def to_dict(self) -> dict[str, Any]:
        """Gives the answer as plain data; infinities are null."""
        document: dict[str, Any] = _finite(asdict(self))
        return document


def latency_of(
    request: str, load: float, hops: list[Hop], *, most: float, saturated: str, method: str
) -> Latency:
    """Adds up hops, world by world."""
    import numpy as np

    total = np.sum([hop.seconds for hop in hops], axis=0)
    there = np.isfinite(total)
    failing = float(1 - there.mean())
    if not there.any():
        never = Quantile(math.inf, math.inf, math.inf)
        most = most if saturated else 0.0
        return Latency(request, load, never, never, never, "", (), failing, saturated, most, method)
    good = total[there]
    slow = good >= np.quantile(good, 0.99)
    shares = tuple(
        Share(
            hop.name,
            hop.kind,
            float(hop.seconds[there].mean()),
            float(hop.seconds[there].mean() / good.mean()),
            float(hop.seconds[there][slow].mean() / good[slow].mean()),
            hop.source,
        )
        for hop in hops
    )
    p50, p95, p99 = (_quantile(np.sort(good), p) for p in (0.5, 0.95, 0.99))
    dominant = max(shares, key=lambda share: share.of_mean).name
    return Latency(request, load, p50, p95, p99, dominant, shares, failing, saturated, most, method)


def _quantile(ordered: NDArray[np.float64], p: float) -> Quantile:
    """The p-quantile and the order statistics between which it lies with 95 % (normal approximation)."""
    n = len(ordered)
    spread = 1.96 * math.sqrt(n * p * (1 - p))
    low, high = max(0, math.floor(n * p - spread)), min(n - 1, math.ceil(n * p + spread))
    return Quantile(float(ordered[min(n - 1, int(n * p))]), float(ordered[low]), float(ordered[high]))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
