"""What a report is made of: sentences, tables and places for pictures, in sections, each with its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Statement:
    """One sentence of the report and the lines it rests on (``file:line``)."""

    text: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table: headings, and rows of cells; the last column of `rows` may be evidence."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    evidence: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Figure:
    """A place for a picture: its name, what it shows, for those who cannot see it too."""

    name: str
    caption: str
    description: str


Block = Statement | Table | Figure


@dataclass(frozen=True)
class Section:
    """A heading with what stands under it, in order; a `folded` one is opened by those who want it."""

    title: str
    blocks: tuple[Block, ...]
    folded: bool = False


@dataclass(frozen=True)
class Page:
    """A report as data; `quotes` has the text of the lines that it cites."""

    title: str
    subtitle: str
    sections: tuple[Section, ...]
    quotes: dict[str, str] = field(default_factory=dict, kw_only=True)

    def places(self) -> Iterator[str]:
        """Gives the places (``file:line``) that the report cites."""
        for section in self.sections:
            for block in section.blocks:
                if isinstance(block, Statement):
                    yield from block.evidence
                elif isinstance(block, Table):
                    for row in block.evidence:
                        yield from row
