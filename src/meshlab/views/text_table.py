"""Tables for a terminal: as wide as their content, plain text when they go to a file."""

from __future__ import annotations

import sys
from collections.abc import Sequence

NAME_WIDTH = 24
"""A name of up to so many characters is never broken over lines, nor is a word where there is room for its column."""
FRAME = 3
"""Characters between two columns."""


def text_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Gives a table as text."""
    from io import StringIO

    from rich.console import Console
    from rich.table import Table

    width = max(80, Console().width) if sys.stdout.isatty() else 140
    grid = Table(title=title or None, title_justify="left", header_style="bold")
    cells = [[column, *(row[k] for row in rows)] for k, column in enumerate(columns)]
    widths = _widths(cells, width - FRAME * len(columns) - 1)
    for k, column in enumerate(columns):
        # What a row is called is kept in one piece, so that it can be read and searched for.
        whole = k == 0 and max((len(row[0]) for row in rows), default=0) <= NAME_WIDTH
        grid.add_column(column, overflow="fold", no_wrap=whole, width=widths[k] if widths else None)
    for row in rows:
        grid.add_row(*row)
    stream = StringIO()
    Console(file=stream, width=width, color_system=None).print(grid)
    return stream.getvalue().rstrip()


def _widths(columns: Sequence[Sequence[str]], room: int) -> list[int]:
    """Gives widths at which no word is broken, the widest columns narrowed first; none where all fits or cannot."""
    full = [max(map(len, cells)) for cells in columns]
    least = [
        min(NAME_WIDTH, max(len(word) for cell in cells for word in (cell.split() or [""])))
        for cells in columns
    ]
    if sum(full) <= room or sum(least) > room:
        return []
    for level in range(max(full), 0, -1):
        found = [min(most, max(word, level)) for most, word in zip(full, least, strict=True)]
        if sum(found) <= room:
            return found
    return least
