"""Reading a spec: YAML, then its shape, then its sense; every problem at once, each with file and line."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshlab.model.errors import InputError, Problem
from meshlab.model.topology import Topology

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

    from meshlab.model.spec.places import Places


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
    except (OSError, UnicodeDecodeError) as error:
        raise InputError.single(path, f"cannot be read: {error}") from None
    return parse(text, str(file))


def parse(text: str, file: str = "<spec>") -> Topology:
    """Gives the Topology of a spec given as text; `file` is what problems are reported against."""
    from pydantic import ValidationError

    from meshlab.model.spec.build import topology
    from meshlab.model.spec.checks import check
    from meshlab.model.spec.places import Places
    from meshlab.model.spec.schema import Spec

    root = read_yaml(text, file)
    if not isinstance(root, dict):
        raise InputError.single(
            file, "a spec is a map of keys", "start it with `meshlab: v1` and `name:`", line=1
        )
    places = Places(file, root)
    try:
        spec = Spec.model_validate(_plain(root))
    except ValidationError as error:
        raise InputError(_problems(error, places, Spec)) from None
    problems = check(spec, places)
    if problems:
        raise InputError(problems)
    return topology(spec, origin=file)


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


def _problems(error: ValidationError, places: Places, root: type[BaseModel]) -> list[Problem]:
    found: dict[tuple[int, int, str], Problem] = {}
    for item in error.errors():
        path = tuple(part for part in item["loc"] if not _is_union_tag(part))
        line, column = places.of(path)
        message, hint = _explain(item, path, root)
        found.setdefault((line, column, message), Problem(places.file, line, column, message, hint))
    return list(found.values())


def _is_union_tag(part: str | int) -> bool:
    return isinstance(part, str) and ("[" in part or part in ("str", "constrained-str"))


def _explain(item: Any, path: tuple[str | int, ...], root: type[BaseModel]) -> tuple[str, str]:
    where = ".".join(str(part) for part in path)
    match item["type"]:
        case "extra_forbidden":
            known = _keys_at(root, path[:-1])
            near = get_close_matches(str(path[-1]), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
            return f"unknown key {str(path[-1])!r}", hint
        case "missing":
            return f"{path[-1]!r} is missing in {'.'.join(map(str, path[:-1])) or 'the spec'}", "add it"
        case "literal_error":
            given = str(item["input"])
            expected = str(item["ctx"]["expected"])
            near = get_close_matches(given, expected.replace("'", "").replace(" or ", ", ").split(", "), n=1)
            return (
                f"{where}: {given!r} is not one of {expected}",
                f"did you mean {near[0]!r}?" if near else "",
            )
        case "value_error":
            return f"{where}: {str(item['ctx']['error'])}", ""
        case "string_pattern_mismatch":
            return (
                f"{where}: {item['input']!r} is not a name",
                "letters, digits, dot, dash and underscore only",
            )
        case _:
            return f"{where}: {item['msg'][0].lower()}{item['msg'][1:]}, but got {item['input']!r}", ""


def _keys_at(model: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    from pydantic import BaseModel

    current: Any = model
    for part in path:
        if isinstance(part, int):
            continue
        fields = {field.alias or name: field for name, field in current.model_fields.items()}
        if part not in fields:
            return []
        models = [
            cls
            for cls in _classes(fields[part].annotation)
            if isinstance(cls, type) and issubclass(cls, BaseModel)
        ]
        if not models:
            return []
        current = models[0]
    return [field.alias or name for name, field in current.model_fields.items()]


def _classes(annotation: Any) -> list[Any]:
    from typing import get_args

    args = get_args(annotation)
    return [annotation] if not args else [cls for arg in args for cls in _classes(arg)]


def data_file(name: str) -> Path:
    """Gives the path of a data file that comes with meshlab: ``reference.yaml``, ``scenarios/lose-zone.yaml``."""
    import meshlab

    package = Path(meshlab.__file__).parent
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
