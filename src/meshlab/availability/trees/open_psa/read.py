"""Open-PSA model exchange format: fault trees read with the line of every problem."""

from __future__ import annotations

import math
from pathlib import Path
from typing import cast

from meshlab.availability.trees.expressions import Expression, Values, probability_of
from meshlab.availability.trees.fault_tree import (
    Connective,
    FaultTree,
    Formula,
    Name,
    Probability,
    references,
)
from meshlab.model.errors import InputError, Problem
from meshlab.model.reading import XML, Element, parse_xml, read_bytes

_REFERENCES = {"gate", "basic-event", "house-event", "event"}
_ARITY = {"not": (1, 1), "xor": (2, 2), "iff": (2, 2), "imply": (2, 2)}
_CONNECTIVES = {"and", "or", "not", "atleast", "cardinality", "xor", "nand", "nor", "iff", "imply"}
_IGNORED = {"label", "attributes"}


def read_open_psa(path: Path, top: str | None = None) -> FaultTree:
    """Gives the fault tree of a file.

    Read are fault trees of gates (and, or, not, atleast, cardinality, xor, nand, nor, iff, imply), basic and house
    events, parameters, and as probabilities floats, exponential and lognormal ones; see `expressions`. The top is
    the one gate that no other gate uses, or the one named.

    Raises
    ------
    InputError
        The file is not XML, or says what cannot be read or is contradictory: every problem with its line.
    """
    reader = _Reader(str(path))
    reader.read(parsed(path))
    return reader.tree(top)


def parsed(path: Path) -> Element:
    """Gives the file's elements with their lines."""
    return parse_xml(read_bytes(path, XML), str(path))


def _parts(element: Element) -> list[Element]:
    """What of an element's children says something."""
    children = element.children
    return [child for child in children if child.tag not in _IGNORED] if children else children


class _Reader:
    """Reads one file; problems are gathered and raised together."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.name = ""
        self.gates: dict[str, Formula] = {}
        self.lines: dict[str, int] = {}
        self.expressions: dict[str, Element] = {}
        self.parameters: dict[str, Element] = {}
        self.houses: dict[str, bool] = {}
        self.used: list[tuple[str, str, int]] = []

    def problem(self, line: int, message: str, hint: str = "") -> None:
        self.problems.append(Problem(self.file, line, 0, message, hint))

    def read(self, root: Element) -> None:
        if root.tag not in ("opsa-mef", "open-psa"):
            self.problem(root.line, f"<{root.tag}> is not an Open-PSA document", "its root is <opsa-mef>")
            return
        for element in _parts(root):
            self._definition(element)

    def _definition(self, element: Element) -> None:
        name, parts = element.attributes.get("name", ""), _parts(element)
        match element.tag:
            case "define-fault-tree" | "define-component" | "model-data":
                self.name = self.name or name
                for child in parts:
                    self._definition(child)
            case "define-gate":
                self._new(name, element)
                if len(parts) != 1:
                    self.problem(
                        element.line,
                        f"gate {name!r} has {len(parts)} formulas",
                        "a gate has exactly one formula",
                    )
                    return
                self.gates[name] = self._formula(parts[0])
            case "define-basic-event":
                self._new(name, element)
                if not parts:
                    self.problem(element.line, f"basic event {name!r} has no probability", "add a <float>")
                    return
                self.expressions[name] = parts[0]
            case "define-house-event":
                self._new(name, element)
                constant = next((c for c in parts if c.tag == "constant"), None)
                value = constant.attributes.get("value") if constant else None
                if value not in ("true", "false"):
                    self.problem(
                        element.line,
                        f"house event {name!r} is neither true nor false",
                        'add <constant value="true"/>',
                    )
                    return
                self.houses[name] = value == "true"
            case "define-parameter":
                if not parts:
                    self.problem(element.line, f"parameter {name!r} has no value", "add a <float>")
                    return
                self.parameters[name] = parts[0]
            case "include":
                self.problem(element.line, "includes are not read", "put all in one file")
            case _:
                self.problem(
                    element.line,
                    f"<{element.tag}> is not read",
                    "only fault trees are: gates, basic and house events, parameters",
                )

    def _new(self, name: str, element: Element) -> None:
        if not name:
            self.problem(element.line, f"<{element.tag}> has no name", 'add name="…"')
        elif name in self.lines:
            self.problem(
                element.line, f"{name!r} is defined twice", f"it was defined in line {self.lines[name]} too"
            )
        self.lines.setdefault(name, element.line)

    def _formula(self, element: Element) -> Formula:
        if element.tag in _REFERENCES:
            return Formula("pass", (self._reference(element),))
        if element.tag == "constant":
            return Formula("constant", (), least=int(element.attributes.get("value") == "true"))
        if element.tag not in _CONNECTIVES:
            self.problem(
                element.line,
                f"<{element.tag}> is not a connective",
                f"known: {', '.join(sorted(_CONNECTIVES))}",
            )
            return Formula("constant", ())
        parts: list[Name | Formula] = []
        for child in _parts(element):
            parts.append(self._reference(child) if child.tag in _REFERENCES else self._formula(child))
        least = most = 0
        if element.tag in ("atleast", "cardinality"):
            least = self._whole(element, "min")
            most = self._whole(element, "max") if element.tag == "cardinality" else 0
        low, high = _ARITY.get(element.tag, (1, math.inf))
        if not low <= len(parts) <= high:
            wanted = str(low) if low == high else f"{low} or more"
            hint = "nest them: a longer xor is read as parity by some and as exactly one by others"
            self.problem(
                element.line,
                f"<{element.tag}> has {len(parts)} arguments and takes {wanted}",
                hint if element.tag == "xor" and len(parts) > 2 else "",
            )
            return Formula("constant", ())
        if element.tag == "atleast":
            self._atleast(element, least, len(parts))
        if element.tag == "cardinality" and not least <= most <= len(parts):
            self.problem(
                element.line,
                f"<cardinality min={least} max={most}> has {len(parts)} arguments",
                "min is at most max, and max at most their number",
            )
        return Formula(cast(Connective, element.tag), tuple(parts), least, most)

    def _atleast(self, element: Element, least: int, parts: int) -> None:
        if least > parts:
            self.problem(element.line, f"<atleast min={least}> has only {parts} arguments")
        elif least == 0 and element.attributes.get("min", "").isdigit():
            self.problem(
                element.line,
                "<atleast min=0> always holds, whatever its arguments do",
                'min="1" or more, or <constant value="true"/> if that is meant',
            )

    def _whole(self, element: Element, attribute: str) -> int:
        text = element.attributes.get(attribute, "")
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            self.problem(
                element.line, f"<{element.tag}> needs {attribute}= a whole number, not {text[:40]!r}"
            )
            return 0
        return int(text)

    def _reference(self, element: Element) -> Name:
        name = element.attributes.get("name", "").rpartition(".")[2]
        kind = element.attributes.get("type", "") if element.tag == "event" else element.tag
        self.used.append((name, kind or "event", element.line))
        return Name(name)

    def tree(self, top: str | None) -> FaultTree:
        if not self.problems:
            self._resolve()
        probabilities = {} if self.problems else self._probabilities()
        if not self.problems:
            self._cycle()
        chosen = "" if self.problems else self._top(top)
        if self.problems:
            raise InputError(self.problems)
        return FaultTree(self.name or chosen, chosen, self.gates, probabilities, self.houses)

    def _resolve(self) -> None:
        kinds = {
            "gate": set(self.gates),
            "basic-event": set(self.expressions),
            "house-event": set(self.houses),
        }
        for name, kind, line in self.used:
            known = [k for k, names in kinds.items() if name in names]
            if not known:
                self.problem(line, f"{kind} {name!r} is used and not defined", "define it in this file")
            elif kind != "event" and kind not in known:
                self.problem(line, f"{name!r} is used as a {kind} and defined as a {known[0]}")
        if not self.gates:
            self.problem(0, "there is no gate in it", "add a <define-gate>")

    def _probabilities(self) -> dict[str, Probability]:
        found = {}
        values = Values(_known(self.parameters))
        for name, element in self.expressions.items():
            try:
                found[name] = probability_of(_expression(element), values)
            except ValueError as error:
                self.problem(element.line, f"basic event {name!r}: {error}")
        return found

    def _top(self, wanted: str | None) -> str:
        if wanted is not None:
            if wanted not in self.gates:
                self.problem(0, f"there is no gate {wanted!r}")
            return wanted
        used = {name for formula in self.gates.values() for name in references(formula)}
        tops = [name for name in self.gates if name not in used]
        if len(tops) != 1:
            told = ", ".join(tops[:5]) or "none"
            self.problem(
                0,
                f"{len(tops)} gates are used by no other ({told}); which is the top is not clear",
                "leave exactly one such gate",
            )
            return ""
        return tops[0]

    def _cycle(self) -> None:
        state: dict[str, int] = {}
        for first in self.gates:
            stack = [(first, False)]
            while stack:
                name, leaving = stack.pop()
                if leaving:
                    state[name] = 2
                    continue
                if state.get(name) == 2 or name not in self.gates:
                    continue
                if state.get(name) == 1:
                    self.problem(self.lines[name], f"gate {name!r} depends on itself", "break the cycle")
                    return
                state[name] = 1
                stack.append((name, True))
                below = [n for n in references(self.gates[name]) if n in self.gates]
                if any(state.get(n) == 1 for n in below):
                    self.problem(self.lines[name], f"gate {name!r} depends on itself", "break the cycle")
                    return
                stack.extend((n, False) for n in below if state.get(n) != 2)


def _expression(element: Element) -> Expression:
    return Expression(
        element.tag, dict(element.attributes), tuple(_expression(child) for child in _parts(element))
    )


def _known(parameters: dict[str, Element]) -> dict[str, Expression]:
    return {name: _expression(element) for name, element in parameters.items()}
