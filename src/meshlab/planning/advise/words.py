"""Lists of names in a sentence."""

from __future__ import annotations

from collections.abc import Iterable


def joined(names: Iterable[str], word: str = "and") -> str:
    """Gives "a, b and c"."""
    listed = list(names)
    return ", ".join(listed[:-1]) + f" {word} " + listed[-1] if len(listed) > 1 else "".join(listed)


def either(names: Iterable[str]) -> str:
    """Gives "a, b or c"."""
    return joined(names, "or")
