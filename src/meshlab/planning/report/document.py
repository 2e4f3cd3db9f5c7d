"""A capacity plan as data: sections of sentences, tables and figures in which every number has its basis."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from meshlab.planning.tables import Document

_NUMBER = re.compile(
    r"(?P<name>\d+(?:\.\d+){3}(?:/\d+)?(?::\d+)?|=\s?[\w.,]+)"
    r"|(?<![\w.\-/])\d(?:[\d,.]*\d)?(?:[a-zA-Z]+|\s?%)?"
)
"""A number in running text, with the unit that is written to it; digits inside a name (worker-3, p95), of an address
(10.0.0.0/8) or of a setting (min = max = 1, masters=5) are none."""


@dataclass(frozen=True)
class Source:
    """Where one number that goes in comes from: its place (a row of a table, a part of the spec), value, provenance.

    ``text`` is the provenance as the table has it; ``told`` the same for a reader, with documents in place of codes.
    """

    place: str
    value: str
    text: str
    told: tuple[str | Document, ...] = ()

    @property
    def tag(self) -> str:
        """How good it is: measured, read, derived, recalled or estimated; empty where nothing is said."""
        tags = re.findall(r"\[([SDREMT])[\] ]", self.text)
        return _GOODNESS[max(tags, key="MSTDRE".index)] if tags else ""


_GOODNESS = {
    "M": "measured",
    "S": "read in its source",
    "T": "stated in the design",
    "D": "derived",
    "R": "recalled",
    "E": "estimate",
}


@dataclass(frozen=True)
class Method:
    """How a number is obtained from those that go in: a title and one paragraph, assumptions included."""

    title: str
    text: str


@dataclass(frozen=True)
class Basis:
    """What a number rests on: the key of its method, and the keys of its sources."""

    method: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Number:
    """A number (or another claim) as it is shown, and its basis."""

    text: str
    basis: Basis


Line = tuple[str | Number, ...]


def numbered(text: str, basis: Basis) -> Line:
    """Gives a text in which every number has this basis."""
    pieces: list[str | Number] = []
    at = 0
    for found in _NUMBER.finditer(text):
        if found["name"]:
            continue
        if found.start() > at:
            pieces.append(text[at : found.start()])
        pieces.append(Number(found.group(), basis))
        at = found.end()
    return (*pieces, text[at:]) if at < len(text) else tuple(pieces)


def plain(line: Line) -> str:
    """Gives a line as text alone."""
    return "".join(piece if isinstance(piece, str) else piece.text for piece in line)


@dataclass(frozen=True)
class Sentence:
    """A paragraph; the ``lead`` of a section is what a hurried reader reads of it."""

    line: Line
    lead: bool = False


@dataclass(frozen=True)
class Table:
    """A table: what it says, headings, rows of cells; the first cell of a row names it."""

    caption: Line
    headings: tuple[str, ...]
    rows: tuple[tuple[Line, ...], ...]


@dataclass(frozen=True)
class Figure:
    """A place for a picture: its name, and the question that it answers, for those who cannot see it too."""

    name: str
    caption: Line


Block = Sentence | Table | Figure


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Report:
    """A capacity plan; `html` and `markdown` write it, with the pictures they are given."""

    title: str
    subtitle: Line
    sections: tuple[Section, ...]
    methods: Mapping[str, Method]
    sources: Mapping[str, Source]
    signed: str = ""

    def lines(self) -> Iterator[Line]:
        """Gives every line of the plan, in order of appearance."""
        yield self.subtitle
        for section in self.sections:
            for block in section.blocks:
                if isinstance(block, Sentence):
                    yield block.line
                else:
                    yield block.caption
                if isinstance(block, Table):
                    for row in block.rows:
                        yield from row

    def bases(self) -> tuple[Basis, ...]:
        """Gives the bases of all numbers, each once, in order of appearance."""
        pieces = (piece for line in self.lines() for piece in line)
        return tuple(dict.fromkeys(piece.basis for piece in pieces if isinstance(piece, Number)))
