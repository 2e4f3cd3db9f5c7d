"""The expressions that Open-PSA files give as probabilities of basic events."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from meshlab.availability.trees.fault_tree import Probability

_NORMAL_95 = 1.6448536269514722
_GREATEST_ERROR_FACTOR = 1e6
_DEEPEST = 100


@dataclass(frozen=True)
class Expression:
    """One element of an expression: its tag, attributes and arguments."""

    tag: str
    attributes: Mapping[str, str]
    parts: tuple[Expression, ...]


def probability_of(expression: Expression, values: Values) -> Probability:
    """Gives the probability that an expression stands for, with its uncertainty where it has one.

    Read are float, int, bool, parameter, arithmetic (add, sub, mul, div, neg),
    ``exponential`` (lambda, t): 1 - exp(-lambda t), and ``lognormal-deviate`` (mean, error factor, level) as the
    whole expression; its level must be 0.95, which is what an error factor means everywhere.

    Raises
    ------
    ValueError
        What is not read, or is no probability; the message is for the person who has the file.
    """
    expression = values.resolved(expression)
    if expression.tag == "lognormal-deviate":
        if len(expression.parts) not in (2, 3):
            raise ValueError(
                "a lognormal-deviate has a mean, an error factor and a level (mu and sigma: not read)"
            )
        numbers = [values.of(part) for part in expression.parts]
        if len(numbers) == 3 and not math.isclose(numbers[2], 0.95):
            raise ValueError(f"the lognormal's level is {numbers[2]:g}; only 0.95 is read")
        if not 1 <= numbers[1] <= _GREATEST_ERROR_FACTOR:
            raise ValueError(f"an error factor is from 1 to {_GREATEST_ERROR_FACTOR:g}, not {numbers[1]:g}")
        return Probability(_checked(numbers[0]), numbers[1])
    return Probability(_checked(values.of(expression)))


def lognormal_sigma(error_factor: float) -> float:
    """Gives the standard deviation of the logarithm: error factor = exp(1.645 sigma)."""
    return math.log(error_factor) / _NORMAL_95


def _checked(value: float) -> float:
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{value:g} is not a probability; it is between 0 and 1")
    return value


class Values:
    """Evaluates expressions; each parameter once, however many others use it."""

    def __init__(self, parameters: Mapping[str, Expression]) -> None:
        self._parameters = parameters
        self._known: dict[str, float] = {}
        self._open: list[str] = []

    def resolved(self, expression: Expression) -> Expression:
        """Gives the expression that a parameter stands for, or one that is none as it is."""
        seen: set[str] = set()
        while expression.tag == "parameter":
            name = expression.attributes.get("name", "")
            if name in seen:
                raise ValueError(f"parameter {name!r} depends on itself")
            seen.add(name)
            expression = self._parameter(name)
        return expression

    def of(self, expression: Expression) -> float:
        """Gives the number that an expression comes to."""
        self._open.clear()  # an expression that failed may have left its parameters there
        try:
            return self._number(expression)
        except OverflowError:
            raise ValueError("it comes to no finite number") from None

    def _parameter(self, name: str) -> Expression:
        if name not in self._parameters:
            raise ValueError(f"parameter {name!r} is not defined")
        return self._parameters[name]

    def _of_parameter(self, name: str) -> float:
        if name not in self._known:
            definition = self._parameter(name)
            if name in self._open:
                raise ValueError(f"parameter {name!r} depends on itself")
            if len(self._open) >= _DEEPEST:
                raise ValueError(f"parameter {name!r} is the last of {_DEEPEST} that rest on each other")
            self._open.append(name)
            self._known[name] = self._number(definition)
            self._open.pop()
        return self._known[name]

    def _number(self, expression: Expression) -> float:
        def part(i: int) -> float:
            return self._number(expression.parts[i])

        match expression.tag, len(expression.parts):
            case "float" | "int", 0:
                text = expression.attributes.get("value", "")
                try:
                    return float(text)
                except ValueError:
                    raise ValueError(f"{text[:40]!r} is not a number") from None
            case "bool", 0:
                return float(expression.attributes.get("value") == "true")
            case "parameter", 0:
                return self._of_parameter(expression.attributes.get("name", ""))
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
            case "div", 2:
                divisor = part(1)
                if divisor == 0:
                    raise ValueError("it divides by zero")
                return part(0) / divisor
            case _:
                raise ValueError(
                    f"<{expression.tag}> with {len(expression.parts)} arguments is not read here"
                )
