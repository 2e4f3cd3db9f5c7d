"""Tables for a terminal: as wide as their content, plain text when they go to a file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from textwrap import wrap

from meshlab.model.plain_text import plain
from meshlab.views.terminal import GLUE, UNIT, glued, width

NAME_WIDTH = 24
"""A name of up to so many characters is never broken over lines, nor is a word where there is room for its column."""
GAP = 2
"""Characters between two columns."""
_NUMBER = r"[-+<>~±≤≥]?\s?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?"
_QUANTITY = re.compile(rf"{_NUMBER}\*?(?: ?{UNIT}){{0,2}}(?: ±.*| \(.*\))?")
_WORDS_FOR_NUMBERS = frozenset({"", "-", "never", "now", "not seen"})


def text_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Gives a table as text: numbers to the right, columns without content left out, nothing of the data obeyed.

    A number stays on one line with its unit. Where the room is too narrow for the columns side by side, each row is
    a block of lines, one for each column.
    """
    cells = [[plain(cell, line=True) for cell in row] for row in rows]
    kept = [k for k in range(len(columns)) if k == 0 or any(row[k] for row in cells)]
    named = [columns[k] for k in kept]
    cells = [[row[k] for k in kept] for row in cells]
    room = width()
    widths = _widths([[name, *(row[k] for row in cells)] for k, name in enumerate(named)], room)
    heading = [plain(title, line=True)] if title else []
    if widths is None:
        return "\n".join([*heading, *_blocks(named, cells, room)])
    return "\n".join([*heading, _grid(named, cells, widths)])


def _grid(columns: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> str:
    from io import StringIO

    from rich.box import Box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    ruled = Box("    \n    \n ── \n    \n    \n    \n    \n    \n")
    grid = Table(box=ruled, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
    for k, column in enumerate(columns):
        numbers = _numeric([row[k] for row in rows])
        grid.add_column(
            Text(_folded(column, widths[k])), justify="right" if numbers else "left", width=widths[k]
        )
    for row in rows:
        grid.add_row(*(Text(_folded(cell, wide)) for cell, wide in zip(row, widths, strict=True)))
    stream = StringIO()
    whole = sum(widths) + GAP * len(widths)
    Console(file=stream, width=whole, color_system=None, legacy_windows=False).print(grid)
    return "\n".join(line[: whole - GAP].rstrip() for line in stream.getvalue().rstrip().splitlines())


def _blocks(columns: Sequence[str], rows: Sequence[Sequence[str]], room: int) -> list[str]:
    """Each row as lines of "heading: content", for terminals too narrow for columns."""
    lines: list[str] = []
    for row in rows:
        for k, (column, cell) in enumerate(zip(columns, row, strict=True)):
            if k == 0:
                lines += wrap(glued(cell), room) or [""]
            elif cell:
                lines += wrap(glued(f"{column}: {cell}"), room, initial_indent="  ", subsequent_indent="    ")
    return [line.replace(GLUE, " ") for line in lines]


def _numeric(cells: Sequence[str]) -> bool:
    """Says whether a column holds quantities, which are read from the right."""
    said = [cell for cell in cells if cell not in _WORDS_FOR_NUMBERS]
    return bool(said) and all(_QUANTITY.fullmatch(cell) for cell in said)


def _folded(text: str, room: int) -> str:
    """Gives a cell broken into lines between words, never between a number and its unit."""
    words = " ".join(piece for word in glued(text).split(" ") for piece in _pieces(word, room))
    return "\n".join(wrap(words, room, break_on_hyphens=False)).replace(GLUE, " ")


def _pieces(word: str, room: int) -> list[str]:
    """Gives a word in pieces that fit: whole where it can be, else broken after a hyphen, a dot or a slash."""
    found = []
    while len(word) > room:
        at = max(word.rfind(mark, 0, room) for mark in "-/._") + 1
        found.append(word[: at or room])
        word = word[at or room :]
    return [*found, word]


def _words(text: str) -> list[str]:
    return glued(text).split() or [""]


def _widths(columns: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """Gives widths at which no word is broken, the widest columns narrowed first; None where there are none such."""
    room -= GAP * (len(columns) - 1)
    full = [max(map(len, cells)) for cells in columns]
    if sum(full) <= room:
        return full
    longest = [max(len(word) for cell in cells for word in _words(cell)) for cells in columns]
    # What a row is called is kept in one piece, so that it can be read and searched for.
    if max(len(cell) for cell in columns[0][1:] or [""]) <= NAME_WIDTH:
        longest[0] = full[0]
    least = next(
        (
            kept
            for most in (2 * NAME_WIDTH, NAME_WIDTH, NAME_WIDTH * 2 // 3)
            if sum(kept := [min(most, word) for word in longest]) <= room
        ),
        None,
    )
    if least is None:
        return None
    return _widened(columns, least, full, room)


def _widened(
    columns: Sequence[Sequence[str]], least: Sequence[int], full: Sequence[int], room: int
) -> list[int]:
    """Gives the room that is left to the columns that lose most lines by it, for each character."""
    lengths = [Counter(tuple(map(len, _words(cell))) for cell in cells) for cells in columns]

    @cache
    def lines(column: int, wide: int) -> int:
        return sum(count * _lines(words, wide) for words, count in lengths[column].items())

    found = list(least)
    while True:
        spare = room - sum(found)
        gains = [
            ((lines(k, wide) - lines(k, wide + more)) / more, k, more)
            for k, wide in enumerate(found)
            for more in range(1, min(spare, full[k] - wide) + 1)
        ]
        gain, column, more = max(gains, default=(0.0, 0, 0))
        if gain <= 0:
            return found
        found[column] += more


def _lines(words: Sequence[int], room: int) -> int:
    """Gives the lines that words of so many characters take."""
    count, used = 1, 0
    for word in words:
        if used and used + 1 + word > room:
            count, used = count + 1, 0
        used += word + (1 if used else 0)
        count, used = count + (used - 1) // room, (used - 1) % room + 1
    return count
