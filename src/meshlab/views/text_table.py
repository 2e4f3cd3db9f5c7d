"""Tables for a terminal: as wide as their content, plain text when they go to a file."""

from __future__ import annotations

import sys
from collections.abc import Sequence

NAME_WIDTH = 24
"""A name of up to so many characters is never broken over lines."""


def text_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Gives a table as text."""
    from io import StringIO

    from rich.console import Console
    from rich.table import Table

    grid = Table(title=title or None, title_justify="left", header_style="bold")
    for k, column in enumerate(columns):
        # What a row is called is kept in one piece, so that it can be read and searched for.
        whole = k == 0 and max((len(row[0]) for row in rows), default=0) <= NAME_WIDTH
        grid.add_column(column, overflow="fold", no_wrap=whole)
    for row in rows:
        grid.add_row(*row)
    width = max(80, Console().width) if sys.stdout.isatty() else 140
    stream = StringIO()
    Console(file=stream, width=width, color_system=None).print(grid)
    return stream.getvalue().rstrip()
