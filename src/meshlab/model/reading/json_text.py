"""JSON within limits: no depth that ends the interpreter, no key twice, no number that is none."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from meshlab.model.errors import InputError, Problem
from meshlab.model.reading.files import file_lines, read_text
from meshlab.model.reading.limits import JSON, Limits, beyond

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
_STRANGE = re.compile(
    r'"(?:[^"\\]|\\.)*"|(?P<strange>NaN|-?Infinity|-?\d[\d.]*[eE]\+?\d{3,}|-?\d{309,})', re.DOTALL
)


def read_json(path: str | Path, hint: str = "") -> Any:
    """Gives the document of a JSON file; see `parse_json`."""
    return parse_json(read_text(path, JSON, hint), str(path), hint)


def parse_json(text: str, file: str, hint: str = "") -> Any:
    """Gives the document written in a text.

    Raises
    ------
    InputError
        It is not JSON, says a key twice, holds a number that is not finite, or is beyond the limits; names the line.
    """
    return _parsed(text, file, hint, JSON.raised(), unique=True)


def json_lines(
    path: str | Path, hint: str = "", *, torn: bool = False, others: bool = False
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Gives the objects of a file that has one on each line, with the lines' numbers.

    Parameters
    ----------
    torn
        Leave out a last line that has no end: the writer died inside it.
    others
        Leave out lines that begin with no brace: a log has them between its objects.
    """
    limits = JSON.raised()
    last: tuple[int, str] | None = None
    for number, line in file_lines(path, JSON, hint):
        if others and not line.lstrip().startswith("{"):
            continue
        if last is not None:
            yield from _row(*last, str(path), hint, limits)
        last = (number, line)
    if last is not None:
        try:
            yield from _row(*last, str(path), hint, limits)
        except InputError:
            if not torn:
                raise


def _row(
    number: int, line: str, file: str, hint: str, limits: Limits
) -> Iterator[tuple[int, dict[str, Any]]]:
    if not line.strip():
        return
    row = _parsed(line, file, hint, limits, unique=False, first_line=number)
    if not isinstance(row, dict):
        raise InputError.single(file, "not a JSON object", hint, number)
    yield number, row


def _parsed(text: str, file: str, hint: str, limits: Limits, *, unique: bool, first_line: int = 1) -> Any:
    opened = text.count("[") + text.count("{")
    if opened + text.count(",") > limits.values:
        raise beyond(file, f"holds more than {limits.values} values", "values", first_line)
    try:
        data = json.loads(text, parse_constant=_no_number, object_pairs_hook=_unique if unique else None)
    except RecursionError:
        raise _too_deep(text, file, limits, first_line) from None
    except json.JSONDecodeError as error:
        message = f"not JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        place = Problem(file, error.lineno - 1 + first_line, error.colno, message, hint)
        raise InputError([place]) from None
    except _Twice as error:
        key = json.dumps(error.key)
        at = text.rfind(key)
        line = (text.count("\n", 0, at) if at >= 0 else 0) + first_line
        raise InputError.single(file, f"the key {key[:60]} stands twice", "keep one of them", line) from None
    except ValueError:
        raise _strange(text, file, hint, first_line) from None
    if opened > limits.depth or "e" in text or "E" in text:
        _look_through(data, text, file, hint, limits, first_line)
    return data


class _Twice(ValueError):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        raise _Twice(next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return found


def _no_number(text: str) -> Any:
    raise ValueError(text)


def _look_through(data: Any, text: str, file: str, hint: str, limits: Limits, first_line: int) -> None:
    """Refuses what nests too deep, and numbers too large to be finite (1e999)."""
    level = [data]
    for _ in range(limits.depth + 1):
        if any(isinstance(value, float) and not math.isfinite(value) for value in level):
            raise _strange(text, file, hint, first_line)
        level = [
            child
            for value in level
            if isinstance(value, (dict, list))
            for child in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return
    if any(isinstance(value, (dict, list)) for value in level):
        raise _too_deep(text, file, limits, first_line)


def _too_deep(text: str, file: str, limits: Limits, first_line: int) -> InputError:
    depth, line = 0, first_line
    for token in _TOKEN.finditer(text):
        depth += token[0] in "[{"
        depth -= token[0] in "]}"
        if depth > limits.depth:
            line += text.count("\n", 0, token.start())
            break
    return beyond(file, f"nests deeper than {limits.depth} lists and objects", "depth", line)


def _strange(text: str, file: str, hint: str, first_line: int) -> InputError:
    found = next((m for m in _STRANGE.finditer(text) if m["strange"]), None)
    line = first_line + (text.count("\n", 0, found.start()) if found else 0)
    number = found["strange"][:40] if found else "a number in it"
    return InputError.single(file, f"not JSON: {number} is no finite number", hint, line)
