"""Shape errors of a spec, all of them: each is reported and mended, until what is left can be judged for sense.

pydantic stops at the shape: as long as one unit is wrong, no reference has been looked at. So a broken value is
put right where it is plain what was meant (a misspelled key), else replaced by something harmless and remembered
as doubtful; then the whole is looked at again.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, get_args, get_origin

from meshlab.model.errors import Problem
from meshlab.model.near import near_names
from meshlab.model.spec.doubt import Doubt
from meshlab.model.spec.places import Path, Places
from meshlab.model.spec.schema import Spec

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

_ROUNDS = 12
_MISSING = object()
# Harmless values of the required fields, by key; `role` and `name` depend on where they stand.
_NEUTRAL: dict[str, Any] = {
    "meshlab": "v1",
    "latency": "1ms",
    "size": "1GiB",
    "protocol": "tcp",
    "ports": 1,
    "sources": ["0.0.0.0/0"],
    "engine": "etcd",
    "sites": [{}],
}


class Repair:
    """One pass over plain data: `spec` is None where even the mended data is no spec."""

    def __init__(self, data: dict[str, Any], places: Places) -> None:
        self.data = data
        self.places = places
        self.doubt = Doubt()
        self.problems: list[Problem] = []
        self._renamed: dict[Path, str] = {}
        self._unnamed = 0
        self.spec = self._run()

    def place(self, path: Path) -> tuple[int, int]:
        """Gives where the user wrote what is at the path, also where a misspelled key was put right."""
        written: Path = ()
        for i, key in enumerate(path):
            written = (*written, self._renamed.get(path[: i + 1], key))
        return self.places.of(written)

    def _run(self) -> Spec | None:
        from pydantic import ValidationError

        for _ in range(_ROUNDS):
            try:
                return Spec.model_validate(self.data)
            except ValidationError as error:
                self._mend([(_path(item), item) for item in error.errors()])
        return None

    def _mend(self, items: list[tuple[Path, Any]]) -> None:
        items = [(path, item) for path, item in items if not _is_noise(path, item, items)]
        for path, item in sorted(items, key=lambda pair: pair[1]["type"] != "extra_forbidden"):
            if item["type"] == "missing" and _look(self.data, path) is not _MISSING:
                continue  # a misspelled key has just become this one
            if not self.doubt.under(path):
                self._report(path, item)
            if item["type"] == "extra_forbidden":
                self._unknown_key(path)
            else:
                self._replace(path, item)

    def _report(self, path: Path, item: Any) -> None:
        line, column = self.place(path)
        message, hint = explain(item, path)
        problem = Problem(self.places.file, line, column, message, hint)
        if problem not in self.problems:
            self.problems.append(problem)

    def _unknown_key(self, path: Path) -> None:
        holder = _look(self.data, path[:-1])
        key = str(path[-1])
        value = holder.pop(key)
        near = _near_key(key, path[:-1])
        if near and near in holder:
            self.doubt.add((*path[:-1], near))
        elif near:
            holder[near] = value
            self._renamed[(*path[:-1], near)] = key

    def _replace(self, path: Path, item: Any) -> None:
        self.doubt.add(path)
        holder, key = _look(self.data, path[:-1]), path[-1] if path else ""
        if isinstance(holder, list) and isinstance(key, int):
            value = {} if item["type"] in ("model_type", "model_attributes_type") else self._name()
            if key < len(holder):
                holder[key] = value
            else:
                holder.append(value)
        elif isinstance(holder, dict):
            field = _field(path)
            if field is not None and not field.is_required():
                holder.pop(str(key), None)
            else:
                holder[str(key)] = self._neutral(path)
        else:
            self._replace(path[:-1], item)

    def _neutral(self, path: Path) -> Any:
        key = str(path[-1])
        if key == "role":
            return "worker" if path[0] == "machines" else "solana"
        if key == "between":
            return [self._name(), self._name()]
        if key == "machines":
            return [{}] if len(path) == 1 else [self._name()]
        if key == "voters":
            return [self._name()]
        return _NEUTRAL.get(key) or self._name()

    def _name(self) -> str:
        self._unnamed += 1
        return f"unnamed.part.{self._unnamed}"


def _path(item: Any) -> Path:
    loc: tuple[str | int, ...] = item["loc"]
    last = len(loc) - 1 if item["type"] == "extra_forbidden" else len(loc)  # a key, whatever it looks like
    return tuple(part for i, part in enumerate(loc) if i == last or not _is_union_tag(part))


def _is_union_tag(part: str | int) -> bool:
    return isinstance(part, str) and ("[" in part or part in ("str", "constrained-str"))


def _is_noise(path: Path, item: Any, items: list[tuple[Path, Any]]) -> bool:
    """Errors that only echo another: a list found short because its items are bad, the other half of a union."""
    match item["type"]:
        case "too_short":
            return any(other != path and other[: len(path)] == path for other, _ in items)
        case "literal_error":
            return str(item["ctx"]["expected"]) == "''"
        case "string_pattern_mismatch" | "string_too_long" | "string_type":
            twin = [other for p, other in items if p == path and other["type"] == "value_error"]
            return bool(twin) and "/" in str(item["input"])
        case "value_error":
            twin = [other for p, other in items if p == path and other["type"] == "string_pattern_mismatch"]
            return bool(twin) and "/" not in str(item["input"])
        case _:
            return False


class _Given:
    """A value as a message shows it: the first 80 characters."""

    def __init__(self, value: Any) -> None:
        self._text = reprlib.repr(value) if isinstance(value, (dict, list)) else repr(value)
        self._plain = str(value) if isinstance(value, (str, int, float)) else self._text

    def __str__(self) -> str:
        return self._plain[:80]

    def __repr__(self) -> str:
        return self._text if len(self._text) <= 80 else f"{self._text[:77]}..."


def explain(item: Any, path: Path) -> tuple[str, str]:
    """Gives what a shape error means and what to do about it, without the words of the validator."""
    where, given = _where(path), _Given(item.get("input"))
    match item["type"]:
        case "extra_forbidden":
            near = _near_key(str(path[-1]), path[:-1])
            known = ", ".join(_keys(path[:-1]))
            return (
                f"unknown key {str(path[-1])!r}",
                f"did you mean {near!r}?" if near else f"known here: {known}",
            )
        case "missing" if isinstance(path[-1], int):
            return f"{_where(path[:-1])}: one more is needed, there are {path[-1]}", ""
        case "missing":
            part = _where(path[:-1]) or "the spec"
            return f"{str(path[-1])!r} is missing in {part}", "add it"
        case "literal_error":
            expected = str(item["ctx"]["expected"])
            options = expected.replace("'", "").replace(" or ", ", ").split(", ")
            found = near_names(str(given), options)
            return (
                f"{where}: {given!r} is not one of {expected}",
                f"did you mean {found[0]!r}?" if found else "",
            )
        case "value_error":
            return f"{where}: {item['ctx']['error']!s}", ""
        case "string_pattern_mismatch":
            return f"{where}: {given!r} is not a name", "letters, digits, dot, dash and underscore only"
        case "too_short":
            return f"{where}: nothing is given", "give at least one"
        case "too_long":
            limit = item["ctx"]["max_length"]
            return f"{where}: {item['ctx']['actual_length']} are given, {limit} are meant", ""
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"{where}: a map of keys is meant here, but got {given!r}", ""
        case "tuple_type" | "list_type":
            return f"{where}: a list is meant here, but got {given!r}", "start each item with a dash"
        case _:
            text = str(item["msg"]).replace("Input should be a valid", "should be a").replace("Input s", "s")
            text = text.replace("a integer", "an integer").split(", unable")[0]
            return f"{where}: {text[:1].lower()}{text[1:]}, but got {given!r}", ""


def _where(path: Path) -> str:
    """The part of a path that a reader of the line needs: ``disks.size``, ``voters``, ``machine``."""
    words = [str(part) for part in path if not isinstance(part, int)]
    if len(words) > 1 and words[0] in ("sites", "machines", "links", *_PLURALS):
        return ".".join(words[1:])
    if len(words) == 1 and isinstance(path[-1], int):
        return f"this {words[0].rstrip('s')}"
    return ".".join(words)


_PLURALS = ("raft-groups", "services", "workloads", "groups", "firewalls", "drawn")


def _look(data: Any, path: Path) -> Any:
    for key in path:
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return _MISSING
    return data


def _near_key(key: str, path: Path) -> str | None:
    near = near_names(key.replace("_", "-"), _keys(path))
    return near[0] if near else None


def _keys(path: Path) -> list[str]:
    model = _model(path)
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _model(path: Path) -> type[BaseModel] | None:
    """The model of the map at a path."""
    model: type[BaseModel] = Spec
    for part in path:
        if isinstance(part, int):
            continue
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        inner = list(_models(fields[part].annotation)) if part in fields else []
        if not inner:
            return None
        model = inner[0]
    return model


def _field(path: Path) -> FieldInfo | None:
    model = _model(path[:-1])
    if model is None:
        return None
    return {field.alias or name: field for name, field in model.model_fields.items()}.get(str(path[-1]))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    from pydantic import BaseModel

    if get_origin(annotation) is None:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield annotation
        return
    for arg in get_args(annotation):
        yield from _models(arg)
