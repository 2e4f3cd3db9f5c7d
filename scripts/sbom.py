"""Puts the software bill of materials into the wheel: CycloneDX 1.6, made from ``locks/`` and ``pyproject.toml``.

    python scripts/sbom.py        # prints it

It lists every package that meshlab or one of its extras runs with, as locked; what only developing takes is not
in it. ``scope`` is "required" for the base and "optional" for what extras add; the property ``meshlab:extra`` says
which. The wheel holds it as ``*.dist-info/sboms/meshlab.cdx.json`` (PEP 770). The build calls this file, so it
takes no package but what builds.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import tomllib
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent.parent
FILES = ("run", "counting")
DEVELOPING = frozenset({"dev", "compare"})
"""Extras that no user of meshlab runs with."""
NAME = "meshlab.cdx.json"

_PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>\S+)(?: ; (?P<marker>.*?))? \\$")
_NAMED = re.compile(r"^(?P<name>[\w.-]+)(?:\[(?P<extras>[^\]]*)\])?")


class Pin(NamedTuple):
    """One locked package: its version, where it is installed, its wheels' hashes, and what asks for it."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]
    via: frozenset[str]

    @property
    def purl(self) -> str:
        return f"pkg:pypi/{self.name}@{self.version}"


def normal(name: str) -> str:
    """A distribution's name as indexes spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> list[Pin]:
    """The packages of a lock file, in its order."""
    found = []
    for block in re.split(r"(?m)^(?=[a-zA-Z])", text):
        head, *rest = block.splitlines() or [""]
        if match := _PIN.match(head):
            hashes = tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", block))
            via = re.findall(r"#\s+(?:via )?([\w.-]+)$", "\n".join(rest), re.M)
            found.append(
                Pin(
                    normal(match["name"]),
                    match["version"],
                    match["marker"] or "",
                    hashes,
                    frozenset(normal(v) for v in via) - {"via"},
                )
            )
    return found


def requirements(project: dict[str, Any], extra: str | None) -> set[str]:
    """The packages that the base (``None``) or an extra asks for by name, those of the extras it includes too."""
    asked = project["dependencies"] if extra is None else project["optional-dependencies"][extra]
    found: set[str] = set()
    for requirement in asked:
        match = _NAMED.match(requirement)
        if match is None:
            raise ValueError(f"pyproject.toml: {requirement!r} names no package")
        if match["name"] == project["name"]:
            found.update(*(requirements(project, each) for each in (match["extras"] or "").split(",")))
        else:
            found.add(normal(match["name"]))
    return found


def closure(roots: Iterable[str], locked: Iterable[Pin]) -> set[str]:
    """The names of the locked packages that these bring, themselves included."""
    locked = list(locked)
    reached, waiting = set(), list(roots)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [pin.name for pin in locked if name in pin.via]
    return reached & {pin.name for pin in locked}


def bill(root: Path = ROOT) -> dict[str, Any]:
    """Gives the whole bill as CycloneDX 1.6 spells it; the same sources give the same bytes."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    locked = {pin.purl: pin for file in FILES for pin in pins((root / f"locks/{file}.txt").read_text())}
    extras = sorted(set(project["optional-dependencies"]) - DEVELOPING)
    base = closure(requirements(project, None), locked.values())
    brought = {extra: closure(requirements(project, extra), locked.values()) for extra in extras}
    used = [pin for pin in locked.values() if pin.name in base.union(*brought.values())]
    used.sort(key=lambda pin: pin.purl)
    itself = f"pkg:pypi/{project['name']}@{project['version']}"
    asked = requirements(project, None).union(*(requirements(project, extra) for extra in extras))
    depends = [{"ref": itself, "dependsOn": [pin.purl for pin in used if pin.name in asked]}]
    depends += [
        {"ref": pin.purl, "dependsOn": [other.purl for other in used if pin.name in other.via]}
        for pin in used
    ]
    found = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": itself,
                "name": project["name"],
                "version": project["version"],
                "purl": itself,
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": [component(pin, base, brought) for pin in used],
        "dependencies": depends,
    }
    digest = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(found, sort_keys=True))
    return {**found, "serialNumber": f"urn:uuid:{digest}"}


def component(pin: Pin, base: set[str], brought: dict[str, set[str]]) -> dict[str, Any]:
    """One package of the bill; the hashes are those of its wheels for every Python and system."""
    extras = [] if pin.name in base else [extra for extra, names in brought.items() if pin.name in names]
    properties = [{"name": "meshlab:extra", "value": extra} for extra in extras]
    properties += [{"name": "meshlab:marker", "value": pin.marker}] if pin.marker else []
    wheels = [{"alg": "SHA-256", "content": each} for each in pin.hashes]
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": pin.purl,
        "name": pin.name,
        "version": pin.version,
        "scope": "optional" if extras else "required",
        "purl": pin.purl,
        "externalReferences": [{"type": "distribution", "url": pin.purl, "hashes": wheels}],
    }
    return {**found, "properties": properties} if properties else found


class Bill(BuildHookInterface):
    """Writes the bill where the wheel's build takes it from."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="meshlab-bill-"))
        (self._folder / NAME).write_text(json.dumps(bill(Path(self.root)), indent=1) + "\n")
        build_data["sbom_files"].append(str(self._folder / NAME))

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        shutil.rmtree(self._folder)


if __name__ == "__main__":
    print(json.dumps(bill(), indent=1))
