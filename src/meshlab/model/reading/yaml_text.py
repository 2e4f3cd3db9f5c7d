"""YAML within limits, each value with the line it stands on: maps, lists and plain values, nothing that runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshlab.model.errors import InputError, Problem
from meshlab.model.reading.limits import YAML, Limits, beyond

_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = {"", "!", f"{_TAG}str", f"{_TAG}map", f"{_TAG}seq"}


class Map(dict[str, Any]):
    """A map of a document; `places` has the line and column (from 1) of each key."""

    def __init__(self) -> None:
        super().__init__()
        self.places: dict[str | int, tuple[int, int]] = {}


class List(list[Any]):
    """A list of a document; `places` has the line and column (from 1) of each item."""

    def __init__(self) -> None:
        super().__init__()
        self.places: dict[str | int, tuple[int, int]] = {}


def parse_yaml(text: str, file: str) -> Any:
    """Gives the document written in a text: `Map`, `List` and plain values; an aliased one is the same object.

    Raises
    ------
    InputError
        It is not YAML, a key stands twice in one map, an alias stands inside what it refers to, or it is beyond
        the limits; names the line.
    """
    from ruamel.yaml import YAML as Ruamel
    from ruamel.yaml.error import MarkedYAMLError, YAMLError
    from ruamel.yaml.reader import ReaderError

    yaml = Ruamel(typ="safe", pure=True)
    try:
        return _Composer(yaml.parse(text), yaml.resolver, file, YAML.raised()).document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise InputError(
            [Problem(file, line, column, f"not YAML: {error.problem or error.context}")]
        ) from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"not YAML: the character U+{ord(text[error.position]):04X} may not stand in a text"
        raise InputError.single(file, message, "take it out", line) from None
    except (YAMLError, ValueError, OverflowError, AttributeError, AssertionError) as error:
        # ruamel's scanner fails so over %-directives and escapes that say something impossible
        raise InputError.single(file, f"not YAML: {error}", "", 1) from None


class _Composer:
    """Makes a document of the parser's events."""

    def __init__(self, events: Iterator[Any], resolver: Any, file: str, limits: Limits) -> None:
        self.events, self.resolver = events, resolver
        self.file, self.limits = file, limits
        self.clock = limits.clock(file)
        self.anchors: dict[str, Any] = {}
        self.open: set[int] = set()
        self.shapes: dict[int, tuple[int, int]] = {}
        """Of each list and map: how many values it stands for, and how deep it is."""
        self.count = 0

    def document(self) -> Any:
        from ruamel.yaml.events import DocumentEndEvent, DocumentStartEvent, StreamEndEvent

        data: Any = None
        begun = False
        for event in self.events:
            if isinstance(event, DocumentStartEvent):
                if begun:
                    raise self._wrong(event, "not YAML: but found another document")
                begun = True
                data, _, _ = self._value(next(self.events), 1)
            elif isinstance(event, (DocumentEndEvent, StreamEndEvent)):
                continue
        return data

    def _value(self, event: Any, depth: int) -> tuple[Any, int, int]:
        """A value, how many values it stands for, and how deep it is."""
        from ruamel.yaml.events import AliasEvent, MappingStartEvent, ScalarEvent

        line = event.start_mark.line + 1
        if isinstance(event, AliasEvent):
            return self._alias(event, depth)
        self._counted(1, line)
        tag = "" if event.ctag is None else str(event.ctag)
        if tag not in _PLAIN_TAGS:
            raise self._wrong(event, f"the tag {tag.removeprefix(_TAG)!r} is not read", "leave it out")
        if isinstance(event, ScalarEvent):
            value = self._scalar(event, tag)
            if event.anchor is not None:
                self.anchors[event.anchor] = value
            return value, 1, 0
        if depth > self.limits.depth:
            message = f"nests deeper than {self.limits.depth} lists and maps"
            raise beyond(self.file, message, "depth", line)
        holder: Map | List = Map() if isinstance(event, MappingStartEvent) else List()
        if event.anchor is not None:
            self.anchors[event.anchor] = holder
        self.open.add(id(holder))
        count, height = self._map(holder, depth) if isinstance(holder, Map) else self._list(holder, depth)
        self.open.discard(id(holder))
        self.shapes[id(holder)] = (count + 1, height + 1)
        return holder, count + 1, height + 1

    def _list(self, holder: List, depth: int) -> tuple[int, int]:
        from ruamel.yaml.events import SequenceEndEvent

        count = height = 0
        while not isinstance(event := next(self.events), SequenceEndEvent):
            holder.places[len(holder)] = _place(event)
            value, values, below = self._value(event, depth + 1)
            holder.append(value)
            count, height = count + values, max(height, below)
        return count, height

    def _map(self, holder: Map, depth: int) -> tuple[int, int]:
        from ruamel.yaml.events import MappingEndEvent

        count = height = 0
        merged: list[tuple[Any, Any]] = []
        while not isinstance(event := next(self.events), MappingEndEvent):
            key = self._key(event)
            merging = key == "<<" and event.style is None
            if not merging and key in holder:
                told = f'duplicate key "{key[:60]}"'
                raise self._wrong(event, told, "keep one of them")
            value, values, below = self._value(next(self.events), depth + 1)
            if merging:
                merged.append((event, value))
            else:
                holder[key], holder.places[key] = value, _place(event)
            count, height = count + values, max(height, below)
        for event, value in merged:
            self._merge(holder, event, value)
        return count, height

    def _key(self, event: Any) -> str:
        from ruamel.yaml.events import AliasEvent, ScalarEvent

        if isinstance(event, AliasEvent):
            key = self.anchors.get(event.anchor)
            if isinstance(key, (Map, List)) or event.anchor not in self.anchors:
                raise self._wrong(event, "a key is a word, not a list or a map")
            return str(key)
        if not isinstance(event, ScalarEvent):
            raise self._wrong(event, "a key is a word, not a list or a map", "write `key: value`")
        self._counted(1, event.start_mark.line + 1)
        if event.anchor is not None:
            self.anchors[event.anchor] = event.value
        return str(event.value)

    def _merge(self, holder: Map, event: Any, value: Any) -> None:
        """Takes over what a map merged with ``<<`` has and this one has not, with the places it was written at."""
        for source in value if isinstance(value, List) else [value]:
            if not isinstance(source, Map):
                raise self._wrong(event, "not YAML: `<<` merges a map, or a list of maps")
            self._counted(len(source), event.start_mark.line + 1)
            for key, item in source.items():
                if key not in holder:
                    holder[key], holder.places[key] = item, source.places[key]

    def _alias(self, event: Any, depth: int) -> tuple[Any, int, int]:
        line = event.start_mark.line + 1
        if event.anchor not in self.anchors:
            raise self._wrong(event, f"not YAML: found undefined alias {event.anchor!r}")
        value = self.anchors[event.anchor]
        if id(value) in self.open:
            raise self._wrong(event, "an alias stands inside what it refers to", "write it out")
        count, height = self.shapes.get(id(value), (1, 0))
        self._counted(count, line)
        if depth + height - 1 > self.limits.depth:
            message = f"nests deeper than {self.limits.depth} lists and maps"
            raise beyond(self.file, message, "depth", line)
        return value, count, height

    def _scalar(self, event: Any, tag: str) -> Any:
        from ruamel.yaml.nodes import ScalarNode

        if tag not in ("", "!") or event.style is not None:
            return event.value
        resolved = str(self.resolver.resolve(ScalarNode, event.value, event.implicit))
        return _scalar(event.value, resolved.removeprefix(_TAG))

    def _counted(self, values: int, line: int) -> None:
        before = self.count
        self.count += values
        if self.count > self.limits.values:
            message = f"holds more than {self.limits.values} values, its aliases written out"
            raise beyond(self.file, message, "values", line)
        if before >> 8 != self.count >> 8:
            self.clock.check(line)

    def _wrong(self, event: Any, message: str, hint: str = "") -> InputError:
        return InputError([Problem(self.file, *_place(event), message, hint)])


def _place(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _scalar(text: str, kind: str) -> Any:
    """A plain value; what only looks like a number (``0x``, a date) stays the text it is."""
    try:
        match kind:
            case "null":
                return None
            case "bool":
                return text.lower() in ("true", "yes", "on")
            case "int":
                return _whole(text.replace("_", ""))
            case "float":
                return _float(text.replace("_", "").lower())
    except ValueError:
        pass
    return text


def _whole(text: str) -> int:
    digits = text.lstrip("+-")
    base = {"0x": 16, "0o": 8, "0b": 2}.get(digits[:2].lower(), 10)
    return int(text, base)


def _float(text: str) -> float:
    if text.endswith((".inf", ".nan")):
        return float(text.replace(".", ""))
    return float(text)
