"""The expressions that Open-PSA files give as probabilities of basic events."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from meshlab.availability.trees.fault_tree import Probability

_NORMAL_95 = 1.6448536269514722


@dataclass(frozen=True)
class Expression:
    """One element of an expression: its tag, attributes and arguments."""

    tag: str
    attributes: Mapping[str, str]
    parts: tuple[Expression, ...]


def probability_of(expression: Expression, parameters: Mapping[str, Expression]) -> Probability:
    """Gives the probability that an expression stands for, with its uncertainty where it has one.

    Read are float, int, bool, parameter, arithmetic (add, sub, mul, div, neg),
    ``exponential`` (lambda, t): 1 - exp(-lambda t), and ``lognormal-deviate`` (mean, error factor, level) as the
    whole expression; its level must be 0.95, which is what an error factor means everywhere.

    Raises
    ------
    ValueError
        What is not read, or is no probability; the message is for the person who has the file.
    """
    while expression.tag == "parameter":
        expression = _parameter(expression, parameters, ())
    if expression.tag == "lognormal-deviate":
        if len(expression.parts) not in (2, 3):
            raise ValueError(
                "a lognormal-deviate has a mean, an error factor and a level (mu and sigma: not read)"
            )
        numbers = [_number(part, parameters, ()) for part in expression.parts]
        if len(numbers) == 3 and not math.isclose(numbers[2], 0.95):
            raise ValueError(f"the lognormal's level is {numbers[2]:g}; only 0.95 is read")
        if numbers[1] < 1:
            raise ValueError(f"an error factor is 1 or more, not {numbers[1]:g}")
        return Probability(_checked(numbers[0]), numbers[1])
    return Probability(_checked(_number(expression, parameters, ())))


def lognormal_sigma(error_factor: float) -> float:
    """Gives the standard deviation of the logarithm: error factor = exp(1.645 sigma)."""
    return math.log(error_factor) / _NORMAL_95


def _checked(value: float) -> float:
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{value:g} is not a probability; it is between 0 and 1")
    return value


def _parameter(
    expression: Expression, parameters: Mapping[str, Expression], open_: tuple[str, ...]
) -> Expression:
    name = expression.attributes.get("name", "")
    if name not in parameters:
        raise ValueError(f"parameter {name!r} is not defined")
    if name in open_:
        raise ValueError(f"parameter {name!r} depends on itself")
    return parameters[name]


def _number(expression: Expression, parameters: Mapping[str, Expression], open_: tuple[str, ...]) -> float:
    def part(i: int) -> float:
        return _number(expression.parts[i], parameters, open_)

    match expression.tag, len(expression.parts):
        case "float" | "int", 0:
            text = expression.attributes.get("value", "")
            try:
                return float(text)
            except ValueError:
                raise ValueError(f"{text!r} is not a number") from None
        case "bool", 0:
            return float(expression.attributes.get("value") == "true")
        case "parameter", 0:
            name = expression.attributes.get("name", "")
            return _number(_parameter(expression, parameters, open_), parameters, (*open_, name))
        case "exponential", 2:
            return -math.expm1(-part(0) * part(1))
        case "neg", 1:
            return -part(0)
        case "add", n if n:
            return sum(part(i) for i in range(n))
        case "mul", n if n:
            return math.prod(part(i) for i in range(n))
        case "sub", 2:
            return part(0) - part(1)
        case "div", 2 if part(1) == 0:
            raise ValueError("it divides by zero")
        case "div", 2:
            return part(0) / part(1)
        case _:
            raise ValueError(f"<{expression.tag}> with {len(expression.parts)} arguments is not read here")
