"""What a collector of evidence offers: the pieces that one system still holds, each with how to fetch it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from meshlab.incident.observe.connections import Connections


@dataclass(frozen=True)
class Piece:
    """One piece of evidence: what it is, the file that it goes to (as a reader knows it), and how to fetch it."""

    what: str
    file: str
    fetch: Callable[[], str]


@dataclass(frozen=True)
class Sources:
    """Where evidence may be had: the connections, machines known to be silent, our own journal where there is one."""

    connections: Connections
    quiet: frozenset[str] = frozenset()
    journal: Path | None = None


Collector = Callable[[Sources], Iterable[Piece]]
"""Gives the pieces that a system may hold; nothing is fetched before `Piece.fetch` is called."""
