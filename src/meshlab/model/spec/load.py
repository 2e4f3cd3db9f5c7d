"""Reading a spec: YAML, then its shape, then its sense; every problem at once, each with file and line."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any

from meshlab.model.errors import InputError, Problem
from meshlab.model.topology import Topology


def load(file: str | Path) -> Topology:
    """Gives the Topology of a spec file.

    Raises
    ------
    InputError
        The file cannot be read, is not YAML, or is no sound spec; all its problems are in the error.
    """
    path = Path(file)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError.single(path, "there is no such file", _near_file(path)) from None
    except IsADirectoryError:
        raise InputError.single(path, "is a folder, not a spec", "name one of its .yaml files") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError.single(path, f"cannot be read: {error}") from None
    return parse(text, str(file))


def parse(text: str, file: str = "<spec>") -> Topology:
    """Gives the Topology of a spec given as text; `file` is what problems are reported against."""
    from meshlab.model.spec.build import topology
    from meshlab.model.spec.checks import check
    from meshlab.model.spec.places import Places
    from meshlab.model.spec.repair import Repair

    root = read_yaml(text, file)
    if not isinstance(root, dict):
        raise InputError.single(
            file, "a spec is a map of keys", "start it with `meshlab: v1` and `name:`", line=1
        )
    try:
        data = _plain(root)
    except RecursionError:
        raise InputError.single(file, "an alias stands inside what it refers to", "write it out") from None
    shape = Repair(data, Places(file, root))
    problems = list(shape.problems)
    if shape.spec is not None:
        problems += check(shape.spec, shape.place, shape.doubt, file)
    if shape.spec is None and not problems:
        problems = [Problem(file, 1, 1, "this is no spec", "see docs/spec.schema.json")]
    if problems or shape.spec is None:
        raise InputError(problems)
    return topology(shape.spec, origin=file)


def read_yaml(text: str, file: str) -> Any:
    """Gives the document with its line numbers (ruamel's round-trip tree).

    Raises
    ------
    InputError
        It is not YAML, or a key stands twice in one map.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.constructor import DuplicateKeyError
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return YAML(typ="rt").load(text)
    except DuplicateKeyError as error:
        mark = error.problem_mark
        message = (
            str(error.problem).split("with value")[0].replace("found duplicate key", "duplicate key").strip()
        )
        raise InputError(
            [Problem(file, mark.line + 1, mark.column + 1, message, "keep one of them")]
        ) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise InputError(
            [Problem(file, line, column, f"not YAML: {error.problem or error.context}")]
        ) from None
    except YAMLError as error:
        raise InputError.single(file, f"not YAML: {error}") from None


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if isinstance(node, bool) or node is None:
        return node
    if isinstance(node, int):
        return int(node)
    if isinstance(node, float):
        return float(node)
    return str(node)


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


def _near_file(path: Path) -> str:
    if not path.parent.is_dir():
        return f"nor is there a folder {path.parent}"
    near = get_close_matches(path.name, [p.name for p in path.parent.iterdir()], n=1)
    return f"did you mean {path.parent / near[0]}?" if near else ""
