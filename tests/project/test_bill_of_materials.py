"""The wheel's bill of materials: in its place, valid, and true to what the extras bring."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from base_only import installed_with

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def text(wheel: Path) -> str:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if "/sboms/" in name]
        assert name == f"meshlab-{PROJECT['version']}.dist-info/sboms/meshlab.cdx.json"
        return archive.read(name).decode()


@pytest.fixture(scope="module")
def bill(text: str) -> dict[str, Any]:
    return json.loads(text)


def test_it_is_what_cyclonedx_1_6_allows(text: str) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(text) is None
    assert validator.validate_str(text.replace('"library"', '"shelf"')) is not None


def test_it_lists_what_is_installed_with_meshlab_and_its_extras_and_nothing_else(
    bill: dict[str, Any],
) -> None:
    """Held against the installed packages' own metadata, which the bill is not made from."""
    extras = set(PROJECT["optional-dependencies"]) - {"dev", "compare"}
    if importlib.util.find_spec("pyganak") is None:
        extras.remove("counting")
    listed = {part["name"]: part for part in bill["components"]}
    here = installed_with(extras) - {"meshlab"}
    assert here - set(listed) == set()
    elsewhere = {name for name, part in listed.items() if "meshlab:marker" in _properties(part)}
    assert set(listed) - here <= elsewhere | ({"pyganak"} if "counting" not in extras else set())


def test_the_scope_tells_the_base_from_what_extras_add(bill: dict[str, Any]) -> None:
    required = {part["name"] for part in bill["components"] if part["scope"] == "required"}
    assert required == installed_with(set()) - {"meshlab"}
    assert all(
        ("meshlab:extra" in _properties(part)) == (part["scope"] == "optional") for part in bill["components"]
    )


def test_versions_and_hashes_are_those_of_the_locks(bill: dict[str, Any]) -> None:
    locked = (ROOT / "locks/run.txt").read_text() + (ROOT / "locks/counting.txt").read_text()
    for part in bill["components"]:
        assert re.search(rf"(?m)^{re.escape(part['name'])}=={re.escape(part['version'])} ", locked), part[
            "name"
        ]
        [reference] = part["externalReferences"]
        assert reference["hashes"]
        assert all(each["content"] in locked for each in reference["hashes"])


def test_the_same_sources_give_the_same_bill(text: str) -> None:
    again = subprocess.run(
        [sys.executable, str(ROOT / "scripts/sbom.py")], check=True, capture_output=True, text=True
    )
    assert again.stdout == text


def test_the_wheel_holds_the_data_files_and_says_where_they_are_from(wheel: Path, unpacked: Path) -> None:
    def below(folder: Path) -> set[str]:
        return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}

    assert below(unpacked / "meshlab/data") == below(ROOT / "data")
    [home] = unpacked.glob("meshlab-*.dist-info")
    assert {"LICENSE", "NOTICE"} <= {path.name for path in (home / "licenses").iterdir()}
    found = subprocess.run(
        [sys.executable, "-c", "import meshlab.model.spec as s; print(s.data_file('reference.yaml'))"],
        env={"PYTHONPATH": str(unpacked)},
        cwd=unpacked,
        check=True,
        capture_output=True,
        text=True,
    )
    assert Path(found.stdout.strip()) == unpacked / "meshlab/data/reference.yaml"


def test_the_installed_packages_are_the_locked_ones(bill: dict[str, Any]) -> None:
    listed = {part["name"]: part["version"] for part in bill["components"]}
    here = {name: metadata.version(name) for name in listed if name in installed_with(set())}
    assert here == {name: listed[name] for name in here}


def _properties(part: dict[str, Any]) -> set[str]:
    return {each["name"] for each in part.get("properties", [])}
