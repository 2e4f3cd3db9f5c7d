"""Links to files that were written, as a notebook can follow them: beside it, and of the same server."""

from __future__ import annotations

import os
from collections.abc import Iterable
from html import escape
from pathlib import Path
from urllib.parse import quote


class Links:
    """Files to open: a list of links in a notebook, a path on each line elsewhere.

    Parameters
    ----------
    files
        The files, each with a word or two on what it is.
    """

    def __init__(self, files: Iterable[tuple[Path, str]]) -> None:
        self.files = tuple(files)

    def __repr__(self) -> str:
        return "\n".join(f"{path}: {said}" for path, said in self.files)

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{link_html(path)}: {escape(said)}</li>" for path, said in self.files)
        return f'<ul class="meshlab-links">{items}</ul>'


def link_html(path: Path) -> str:
    """Gives a link to a file, relative to the folder that the kernel works in: the notebook's own."""
    way = Path(os.path.relpath(path)).as_posix()
    return f'<a href="{quote(way)}" target="_blank" rel="noopener">{escape(way)}</a>'
