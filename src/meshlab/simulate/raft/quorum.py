"""Quorum arithmetic: what a majority, or two majorities at once (joint consensus), has agreed on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum
from typing import NamedTuple

INFINITE = 2**64 - 1
"""The committed index of no voters at all: every index is agreed on."""


class Verdict(Enum):
    """What the votes so far amount to."""

    PENDING = "VotePending"
    LOST = "VoteLost"
    WON = "VoteWon"


def committed_index(voters: Collection[int], acknowledged: Mapping[int, int]) -> int:
    """Gives the greatest index that a majority of the voters has acknowledged; 0 counts for silence.

    Examples
    --------
    >>> committed_index({1, 2, 3}, {1: 12, 2: 5})
    5
    """
    if not voters:
        return INFINITE
    indexes = sorted([acknowledged.get(voter, 0) for voter in voters])
    return indexes[(len(indexes) - 1) // 2]


def verdict(voters: Collection[int], votes: Mapping[int, bool]) -> Verdict:
    """Gives the outcome of a vote among one set of voters; no voters at all have always agreed."""
    if not voters:
        return Verdict.WON
    need = len(voters) // 2 + 1
    granted = missing = 0
    for voter in voters:
        vote = votes.get(voter)
        if vote is None:
            missing += 1
        elif vote:
            granted += 1
    if granted >= need:
        return Verdict.WON
    return Verdict.PENDING if granted + missing >= need else Verdict.LOST


class Joint(NamedTuple):
    """Voters of a configuration; while it changes, those of the old one (`outgoing`) have to agree as well."""

    incoming: frozenset[int] = frozenset()
    outgoing: frozenset[int] = frozenset()

    @property
    def everyone(self) -> frozenset[int]:
        return self.incoming | self.outgoing if self.outgoing else self.incoming

    @property
    def joint(self) -> bool:
        return bool(self.outgoing)

    def committed(self, acknowledged: Mapping[int, int]) -> int:
        """Gives the index that both majorities have acknowledged."""
        first = committed_index(self.incoming, acknowledged)
        return min(first, committed_index(self.outgoing, acknowledged)) if self.outgoing else first

    def verdict(self, votes: Mapping[int, bool]) -> Verdict:
        """Gives the outcome: won if both majorities grant, lost as soon as one refuses."""
        first = verdict(self.incoming, votes)
        if not self.outgoing:
            return first
        second = verdict(self.outgoing, votes)
        if first is second:
            return first
        return Verdict.LOST if Verdict.LOST in (first, second) else Verdict.PENDING
