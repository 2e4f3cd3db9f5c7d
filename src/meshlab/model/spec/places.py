"""Where things stand in a YAML file: from a path of keys to a line and a column."""

from __future__ import annotations

from typing import Any

Path = tuple[str | int, ...]


class Places:
    """The lines of one YAML document as `parse_yaml` gives it.

    A key that came by a merge (``<<: *master``) is found where it was written, in the map that was merged.
    """

    def __init__(self, file: str, root: Any) -> None:
        self.file = file
        self._root = root

    def of(self, path: Path) -> tuple[int, int]:
        """Gives line and column (from 1) of what is at the path, or of the nearest part above it."""
        node, place = self._root, (1, 1)
        for key in path:
            found = _key_place(node, key)
            if found is None:
                break
            place = found
            try:
                node = node[key]
            except (KeyError, IndexError, TypeError):
                break
        return place


def _key_place(node: Any, key: str | int) -> tuple[int, int] | None:
    return getattr(node, "places", {}).get(key)
