"""A service's structure as an Open-PSA fault tree, so that anyone can check our number with their tool."""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree as xml

from meshlab.availability.trees.formula import AllOf, AnyOf, AtLeast, Formula, Works, events


def open_psa(formula: Formula, down: Mapping[str, float], name: str) -> str:
    """Gives the XML of "the formula does not hold": a gate per part, a basic event per component.

    `down` is each component's probability of being down; 0 where not named. Names become identifiers of the
    format (letters, digits, single dashes and underscores); the name itself stands in the label.
    """
    names = _Names()
    root = xml.Element("opsa-mef")
    tree = xml.SubElement(root, "define-fault-tree", name=names.of(f"{name}-down"))
    gates: dict[Formula, str] = {}
    _gate(tree, formula, f"{name}-down-top", gates, names)
    data = xml.SubElement(root, "model-data")
    for component in events(formula):
        event = xml.SubElement(data, "define-basic-event", name=names.of(component))
        xml.SubElement(event, "label").text = component
        xml.SubElement(event, "float", value=repr(float(down.get(component, 0.0))))
    xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(root, encoding="unicode") + "\n"


class _Names:
    """Identifiers of the format, one for each name and no two alike."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._taken: set[str] = set()

    def of(self, name: str) -> str:
        if name not in self._known:
            plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_") or "x"
            plain = plain if plain[0].isalpha() else f"x_{plain}"
            found, number = plain, 2
            while found in self._taken:
                found, number = f"{plain}_{number}", number + 1
            self._taken.add(found)
            self._known[name] = found
        return self._known[name]


def _gate(tree: xml.Element, formula: Formula, name: str, gates: dict[Formula, str], names: _Names) -> str:
    """Writes the gate of "the formula does not hold" after the gates that it needs; gives its name."""
    if formula in gates:
        return gates[formula]
    parts = (formula,) if isinstance(formula, Works) else formula.parts
    below = []
    for i, part in enumerate(parts, 1):
        if isinstance(part, Works):
            below.append(("basic-event", names.of(part.name)))
        else:
            below.append(("gate", _gate(tree, part, f"{name}-{i}", gates, names)))
    gates[formula] = names.of(name)
    gate = xml.SubElement(tree, "define-gate", name=gates[formula])
    match formula:
        case AllOf(()) | AnyOf(()):
            xml.SubElement(gate, "constant", value="false" if isinstance(formula, AllOf) else "true")
            return gates[formula]
        case AllOf() if len(parts) > 1:
            gate = xml.SubElement(gate, "or")
        case AnyOf() if len(parts) > 1:
            gate = xml.SubElement(gate, "and")
        case AtLeast(k, group):
            gate = xml.SubElement(gate, "atleast", min=str(len(group) - k + 1))
        case _:
            pass
    for kind, reference in below:
        xml.SubElement(gate, kind, name=reference)
    return gates[formula]
