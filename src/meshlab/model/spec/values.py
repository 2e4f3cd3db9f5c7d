"""The values a spec may hold: quantities with units, distributions, addresses; each with its JSON Schema."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from meshlab.model.distribution import Distribution
from meshlab.model.units import EXAMPLES, Dimension, UnitError, parse

_GREATEST: dict[Dimension, tuple[float, str]] = {
    "duration": (10_000 * 31_557_600.0, "ten thousand years"),
    "rate": (1e18, "an exabit a second"),
    "size": (2.0**80, "a yobibyte"),
    "share": (1.0, "the whole"),
    "frequency": (1e6, "a million a second"),
}


def _meant(found: float, value: Any, dimension: Dimension) -> float:
    """Gives a quantity that something real can have."""
    if found < 0:
        raise UnitError(f"a {dimension} cannot be negative: {value!r}")
    most, words = _GREATEST[dimension]
    if found > most:
        raise UnitError(f"a {dimension} of more than {words} cannot be meant: {value!r}")
    return found


def _quantity(dimension: Dimension) -> tuple[BeforeValidator, WithJsonSchema]:
    def convert(value: Any) -> float:
        if not isinstance(value, (str, int, float)):
            raise UnitError(f"a {dimension} is meant here, for example {EXAMPLES[dimension]}")
        return _meant(parse(value, dimension), value, dimension)

    schema = {
        "type": ["string", "number"],
        "description": f"a {dimension}, for example {EXAMPLES[dimension]}",
    }
    return BeforeValidator(convert), WithJsonSchema(schema)


Duration = Annotated[float, *_quantity("duration")]
Rate = Annotated[float, *_quantity("rate")]
Size = Annotated[float, *_quantity("size")]
Share = Annotated[float, *_quantity("share")]
Frequency = Annotated[float, *_quantity("frequency")]

_FORMS = {
    frozenset({"median", "sigma"}): "lognormal",
    frozenset({"mean"}): "exponential",
    frozenset({"low", "high"}): "uniform",
    frozenset({"low", "mode", "high"}): "triangular",
    frozenset({"mean", "shape"}): "gamma",
}


def distribution(value: Any) -> Distribution:
    """Gives the distribution of a duration: ``0.8ms``, or a map of one of the five forms.

    ``{median, sigma}`` is lognormal, ``{mean}`` exponential, ``{low, high}`` uniform,
    ``{low, mode, high}`` triangular, ``{mean, shape}`` gamma; ``source`` may stand beside.
    """
    if isinstance(value, (str, int, float)):
        return Distribution.constant(_meant(parse(value, "duration"), value, "duration"))
    if not isinstance(value, dict):
        raise UnitError(
            "a duration or a distribution is meant here, for example 12ms or {median: 0.8ms, sigma: 0.35}"
        )
    given = {str(key): item for key, item in value.items()}
    source = str(given.pop("source", ""))
    kind = _FORMS.get(frozenset(given))
    if kind is None:
        forms = "; ".join("{" + ", ".join(sorted(form)) + "}" for form in _FORMS)
        raise UnitError(
            f"a distribution with {', '.join(sorted(given)) or 'nothing'} is not known; known are: {forms}"
        )
    numbers = {k: _bare(k, v) if k in _BARE else _time(k, v) for k, v in given.items()}
    try:
        match kind:
            case "lognormal":
                return Distribution.lognormal(numbers["median"], numbers["sigma"], source)
            case "exponential":
                return Distribution.exponential(numbers["mean"], source)
            case "uniform":
                return Distribution.uniform(numbers["low"], numbers["high"], source)
            case "gamma":
                return Distribution.gamma(numbers["mean"], numbers["shape"], source)
            case _:
                return Distribution.triangular(numbers["low"], numbers["mode"], numbers["high"], source)
    except ValueError:
        order = {"uniform": "low <= high", "triangular": "low <= mode <= high"}.get(kind, "nothing negative")
        raise UnitError(f"these numbers are no {kind} distribution; {order} is needed") from None


_BARE = {"sigma": "sigma, the spread of the logarithm,", "shape": "shape, of a gamma distribution,"}


_WITHIN = {"sigma": (0.0, 5.0), "shape": (1e-3, 1e6)}
"""Between what a bare number lies: a sigma of 5 has its 95th percentile 3,700 times above the median."""


def _time(key: str, value: Any) -> float:
    if not isinstance(value, (str, int, float)):
        raise UnitError(f"{key} is a duration, for example {EXAMPLES['duration']}")
    seconds = _meant(parse(value, "duration"), value, "duration")
    if seconds == 0 and key in ("median", "mean"):
        raise UnitError(f"a {key} of zero leaves nothing to vary: write 0s alone")
    return seconds


def _bare(key: str, value: Any) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        low, high = _WITHIN[key]
        if not low <= value <= high:
            raise UnitError(f"{_BARE[key]} is from {low:g} to {high:g}, not {value!r}")
        return float(value)
    raise UnitError(f"{_BARE[key]} is a bare number like 0.35, not {value!r}")


_DURATION_SCHEMA = {"type": ["string", "number"], "description": "a duration, for example 12ms"}
Spread = Annotated[
    Distribution,
    BeforeValidator(distribution),
    WithJsonSchema(
        {
            "description": "a duration: constant (12ms), lognormal {median, sigma}, exponential {mean}, "
            "uniform {low, high}, triangular {low, mode, high} or gamma {mean, shape}",
            "oneOf": [
                {"type": ["string", "number"]},
                {
                    "type": "object",
                    "properties": {
                        **dict.fromkeys(("median", "mean", "low", "mode", "high"), _DURATION_SCHEMA),
                        "sigma": {"type": "number"},
                        "shape": {"type": "number"},
                        "source": {"type": "string"},
                    },
                    "additionalProperties": False,
                },
            ],
        }
    ),
]


def _address(value: Any) -> str:
    try:
        return str(ipaddress.ip_address(str(value)))
    except ValueError:
        raise UnitError(f"{value!r} is not an IP address") from None


def _prefix(value: Any) -> str:
    try:
        return str(ipaddress.ip_network(str(value)))
    except ValueError as error:
        raise UnitError(f"{value!r} is not an address range in CIDR notation: {error}") from None


Address = Annotated[
    str, BeforeValidator(_address), WithJsonSchema({"type": "string", "description": "an IP address"})
]
Prefix = Annotated[
    str,
    BeforeValidator(_prefix),
    WithJsonSchema({"type": "string", "description": "a range like 10.20.0.0/16"}),
]


def _ports(value: Any) -> tuple[int, int]:
    parts = str(value).split("-")
    if not 1 <= len(parts) <= 2 or not all(part.strip().isdigit() for part in parts):
        raise UnitError(f"{value!r} is not a port or a range of ports like 2379-2380")
    first, last = int(parts[0]), int(parts[-1])
    if not 0 < first <= last < 65536:
        raise UnitError(f"{value!r} is not a range of ports between 1 and 65535")
    return first, last


Ports = Annotated[
    tuple[int, int],
    BeforeValidator(_ports),
    WithJsonSchema({"type": ["string", "integer"], "description": "a port or a range like 2379-2380"}),
]
