"""Text as a terminal shows it: nothing in it is obeyed, long lines are broken with an indent, severity has a colour."""

from __future__ import annotations

import os
import re
import shutil
import sys
from textwrap import wrap
from typing import IO

from meshlab.model.plain_text import plain

PIPED_WIDTH = 140
"""Characters of a table that goes to a file, where COLUMNS says nothing."""
LEAST_WIDTH = 20
UNIT = r"(?:%|[a-zA-Zµ°][\w/·]{0,5})"
GLUE = "\ufdd0"
"""Stands for a space at which no line may end; no text that people write holds it."""
_BESIDE = re.compile(rf"(?<=\d) (?={UNIT}(?:[\s,;)]|$))|(?<=[±<>~]) (?=\d)")
_RED, _YELLOW, _GREEN, _BOLD = "31", "33", "32", "1"
_WORDS = {
    _RED: "error|down|unreachable|no-quorum|sealed|failed|refused|needs-you|delete|irreversible|no",
    _YELLOW: "warning|degraded|no-leader|booting|syncing|change|held|unknown|starting",
    _GREEN: "up|done|yes|verified|ok|recommended",
}
_TONES = [
    (re.compile(r"^[^\n]+(?=\n─[─ ]*$)", re.MULTILINE), _BOLD),
    (re.compile(r"^ERROR\b|✖", re.MULTILINE), _RED),
    (re.compile(r"^WARNING\b|▲", re.MULTILINE), _YELLOW),
    (re.compile(r"●"), _GREEN),
    *((re.compile(rf"(?<=  )(?:{words})(?=  |$)", re.MULTILINE), tone) for tone, words in _WORDS.items()),
]


def width(stream: IO[str] | None = None) -> int:
    """Gives the characters of a line: the terminal's, what COLUMNS says, or 140 where it goes to a file."""
    if (stream or sys.stdout).isatty() or _columns():
        return max(LEAST_WIDTH, _columns() or shutil.get_terminal_size((80, 24)).columns)
    return PIPED_WIDTH


def told(text: str, stream: IO[str] | None = None) -> str:
    """Gives text ready to be printed: plain, broken at the width of the terminal, coloured where that is wanted."""
    where = stream or sys.stdout
    text = plain(text)
    if where.isatty() or _columns():
        text = "\n".join(_broken(line, width(where)) for line in text.split("\n"))
    return _toned(text) if _colours(where) else text


def glued(text: str) -> str:
    """Gives text in which a number and its unit are one word."""
    return _BESIDE.sub(GLUE, text)


def _columns() -> int:
    said = os.environ.get("COLUMNS", "")
    return int(said) if said.isascii() and said.isdigit() else 0


def _colours(stream: IO[str]) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _toned(text: str) -> str:
    for pattern, tone in _TONES:
        text = pattern.sub(rf"\x1b[{tone}m\g<0>\x1b[0m".replace(r"\x1b", "\x1b"), text)
    return text


def _broken(line: str, room: int) -> str:
    """Breaks a line that is too long; what follows is set in under its beginning."""
    if len(line) <= room:
        return line
    body = line.lstrip(" ")
    indent = line[: len(line) - len(body)]
    hang = indent + ("  " if len(indent) + 12 < room else "")
    parts = wrap(
        glued(body),
        room,
        initial_indent=indent,
        subsequent_indent=hang,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(parts).replace(GLUE, " ")
