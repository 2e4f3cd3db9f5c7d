"""Reading a spec: YAML, then its shape, then its sense; every problem at once, each with file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from meshlab.model.errors import InputError, Problem
from meshlab.model.reading import YAML, parse_yaml, read_text
from meshlab.model.topology import Topology


def load(file: str | Path) -> Topology:
    """Gives the Topology of a spec file.

    Raises
    ------
    InputError
        The file cannot be read, is not YAML, or is no sound spec; all its problems are in the error.
    """
    return parse(read_text(file, YAML), str(file))


def parse(text: str, file: str = "<spec>") -> Topology:
    """Gives the Topology of a spec given as text; `file` is what problems are reported against."""
    from meshlab.model.spec.build import topology
    from meshlab.model.spec.checks import check
    from meshlab.model.spec.places import Places
    from meshlab.model.spec.repair import Repair

    root = parse_yaml(text, file)
    if not isinstance(root, dict):
        raise InputError.single(
            file, "a spec is a map of keys", "start it with `meshlab: v1` and `name:`", line=1
        )
    data = plain(root)
    shape = Repair(data, Places(file, root))
    problems = list(shape.problems)
    if shape.spec is not None:
        problems += check(shape.spec, shape.place, shape.doubt, file)
    if shape.spec is None and not problems:
        problems = [Problem(file, 1, 1, "this is no spec", "see docs/spec.schema.json")]
    if problems or shape.spec is None:
        raise InputError(problems)
    return topology(shape.spec, origin=file)


def plain(node: Any) -> Any:
    """Gives a document without its places, every alias written out: what the schema judges."""
    if isinstance(node, dict):
        return {key: plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(item) for item in node]
    return node


def data_file(name: str) -> Path:
    """Gives the path of a data file of meshlab: ``reference.yaml``, ``scenarios/lose-zone.yaml``."""
    package = Path(__file__).parents[2]
    for folder in (package / "data", package.parent.parent / "data"):
        if (folder / name).exists():
            return folder / name
    raise InputError.single(name, "no such data file comes with meshlab")


def reference() -> Topology:
    """Gives the user's own cluster: Omni, KubeSpan, three masters on EC2, three bare-metal workers."""
    return load(data_file("reference.yaml"))
