"""What of a spec has been put in place of something broken, so that the rest can still be judged."""

from __future__ import annotations

from collections.abc import Iterable

from meshlab.model.spec.places import Path


class Doubt:
    """The paths whose values are not the user's: nothing that rests on one of them may be reported."""

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self._paths = set(paths)

    def add(self, path: Path) -> None:
        self._paths.add(path)

    def under(self, path: Path) -> bool:
        """Whether the value at the path is one that was put there."""
        return any(path[: len(p)] == p for p in self._paths)

    def touches(self, path: Path) -> bool:
        """Whether the value at the path was put there, or holds one that was."""
        return any(path[: len(p)] == p or p[: len(path)] == path for p in self._paths)
