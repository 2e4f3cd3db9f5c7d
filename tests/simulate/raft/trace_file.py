"""The form of the trace files: comments, a directive with its input, ``----``, what it must give, a blank line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_ARGUMENT = re.compile(r"([^\s=]+)(?:=(\([^)]*\)|\S*))?")


@dataclass
class Directive:
    """One directive: ``command plain key=value key=(a, b)``, its input lines, the text expected of it."""

    line: int
    command: str
    plain: list[str]
    keys: dict[str, list[str]] = field(default_factory=dict)
    given: str = ""
    expected: str = ""

    def number(self, place: int = 0) -> int:
        return int(self.plain[place])

    def flag(self, key: str) -> bool:
        return self.keys.get(key, ["false"])[0] == "true"

    def numbers(self, key: str) -> list[int]:
        return [int(value) for value in self.keys.get(key, [])]


def parse(line: str, at: int) -> Directive:
    command, *rest = line.split(maxsplit=1)
    found = Directive(at, command, [])
    for key, value in _ARGUMENT.findall(rest[0]) if rest else ():
        if value.startswith("("):
            found.keys[key] = [part.strip() for part in value[1:-1].split(",") if part.strip()]
        elif value:
            found.keys[key] = [value]
        else:
            found.plain.append(key)
    return found


def directives(file: Path) -> Iterator[Directive]:
    """Gives the directives of a trace file in order."""
    lines = file.read_text(encoding="utf-8").splitlines()
    at = 0
    while at < len(lines):
        line = lines[at].strip()
        if not line or line.startswith("#"):
            at += 1
            continue
        found = parse(line, at + 1)
        at += 1
        start = at
        while lines[at] != "----":
            at += 1
        found.given = "\n".join(lines[start:at])
        at += 1
        start = at
        while at < len(lines) and lines[at]:
            at += 1
        found.expected = "\n".join(lines[start:at])
        yield found
