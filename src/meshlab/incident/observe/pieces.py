"""From marks (something was so, then) to pieces (so it was from here to there), with what is not known left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Generic, TypeVar

from meshlab.incident.observe.samples import Sample

V = TypeVar("V")
W = TypeVar("W")


@dataclass(frozen=True)
class Mark(Generic[V]):
    """From `first` to `last` (seconds) the value was seen to be `value`; None: nothing could be seen."""

    first: float
    last: float
    value: V | None
    sample: Sample
    why: str = ""


@dataclass(frozen=True)
class Piece(Generic[V]):
    """The value held from `start` to `end`; `uncertainty` is the half-width of where it started (and ended)."""

    start: float
    end: float
    value: V
    uncertainty: float
    samples: tuple[Sample, ...]
    why: str = ""


def answered_marks(
    samples: Sequence[Sample], value: Callable[[Sample], tuple[V | None, str]]
) -> list[Mark[V]]:
    """Gives one mark for each sample: an answer holds from question to answer, silence from the question on.

    A silent question counts until one second before it was given up: something that comes back answers an open
    question, save that a lost connection attempt is repeated only after a second (TCP's first retransmission).
    """
    marks: list[Mark[V]] = []
    for sample in samples:
        found, why = value(sample)
        last = max(sample.sent, sample.got - 1.0) if sample.outcome == "silent" else sample.got
        marks.append(Mark(sample.sent, last, found, sample, why))
    return marks


def pieces(marks: Sequence[Mark[V]], *, stale: float, end: float) -> list[Piece[V]]:
    """Gives the stretches of equal value; a change lies midway between the two marks that show it.

    Where two marks are more than `stale` seconds apart, or a mark says that nothing could be seen, the time
    between is in no piece. The first mark is taken to hold from zero when it is within `stale` of it, the last
    until `end` likewise.
    """
    found: list[Piece[V]] = []
    start, uncertainty = 0.0, 0.0
    held: list[Mark[V]] = []

    def close(at: float) -> None:
        at = min(at, end)  # the last questions may be answered when the watch is over
        if held and held[0].value is not None and at > start:
            found.append(
                Piece(
                    start,
                    at,
                    held[0].value,
                    uncertainty,
                    tuple(dict.fromkeys((held[0].sample, held[-1].sample))),
                    held[0].why,
                )
            )

    for mark in marks:
        if not held:
            start = 0.0 if mark.first <= stale else mark.first
            uncertainty = 0.0
        else:
            before = held[-1]
            if mark.first - before.last > stale:  # nobody looked in between
                close(min(before.last + stale / 2, mark.first))
                start, uncertainty, held = mark.first, stale / 2, []
            elif mark.value != before.value:
                middle = max((before.last + mark.first) / 2, start)
                close(middle)
                start, uncertainty, held = middle, max(0.0, (mark.first - before.last) / 2), []
        held.append(mark)
    if held:
        close(end if end - held[-1].last <= stale else held[-1].last)
    return found


def at(found: Sequence[Piece[V]], time: float) -> Piece[V] | None:
    """Gives the piece that holds at an instant."""
    for piece in found:
        if piece.start <= time < piece.end:
            return piece
    return None


def fuse(
    sources: Mapping[str, Sequence[Piece[V]]],
    judge: Callable[[float, Mapping[str, Piece[V] | None]], tuple[W | None, str]],
) -> list[Piece[W]]:
    """Gives the pieces of a value judged from several sources, cut wherever any of them changes.

    `judge` gets the middle of a stretch and what each source says then (None: nothing), and gives the value
    with the reason, or None where it cannot tell.
    """
    edges: dict[float, float] = {}
    for found in sources.values():
        for piece in found:
            edges[piece.start] = max(edges.get(piece.start, 0.0), piece.uncertainty)
            edges.setdefault(piece.end, 0.0)
    cuts = sorted(edges)
    fused: list[Piece[W]] = []
    for start, end in pairwise(cuts):
        middle = (start + end) / 2
        seen = {name: at(found, middle) for name, found in sources.items()}
        value, why = judge(middle, seen)
        if value is None:
            continue
        changed = [piece for piece in seen.values() if piece and piece.start == start]
        shown = changed or [piece for piece in seen.values() if piece]
        evidence = tuple(dict.fromkeys(piece.samples[0] for piece in shown))
        last = fused[-1] if fused else None
        if last and last.value == value and last.end == start:
            fused[-1] = replace(last, end=end)
        else:
            fused.append(Piece(start, end, value, edges[start], evidence, why))
    return fused


def without_blips(found: Iterable[Piece[V]], shorter_than: float) -> list[Piece[V]]:
    """Gives the pieces with those left out that are shorter than the time in which they are known.

    Two sources are asked at different instants; between the two, their answers can seem to disagree. A piece
    no longer than that gap is closed by the piece before it.
    """
    kept: list[Piece[V]] = []
    for piece in found:
        joined = bool(kept) and kept[-1].end == piece.start
        if joined and (piece.end - piece.start <= shorter_than or kept[-1].value == piece.value):
            kept[-1] = replace(kept[-1], end=piece.end)
        else:
            kept.append(piece)
    return kept
