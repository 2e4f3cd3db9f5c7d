"""The name that was perhaps meant, found without hanging on a long list of long names."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

_MOST = 500
_LONGEST = 80


def near_names(name: str, known: Iterable[str]) -> list[str]:
    """Gives the one known name that is nearest, or none where nothing is near.

    Only the first 500 names of nearly the same length are looked at, and no name of more than 80 characters.
    """
    if len(name) > _LONGEST:
        return []
    alike = (other for other in known if abs(len(other) - len(name)) <= 3 + len(name) // 3)
    return get_close_matches(name, list(islice(alike, _MOST)), n=1)
