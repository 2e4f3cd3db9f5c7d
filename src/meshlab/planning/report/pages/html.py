"""The plan as one page that needs nothing else: no request leaves it, it fits a phone and prints."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from html import escape

from meshlab.planning.report.document import (
    Basis,
    Figure,
    Line,
    Report,
    Section,
    Sentence,
    Source,
    Table,
    plain,
)
from meshlab.planning.report.pages.style import STYLE

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_LONG, _SHORT = 32, 16
"""Characters beyond which a cell is prose, whose column is not to be squeezed, and up to which it is one line."""
_TONES = {"●": "good", "▲": "look", "✖": "bad"}


def html(report: Report, figures: Mapping[str, bytes] | None = None) -> str:
    """Gives the plan as one HTML page; `figures` are its pictures (PNG) by name, every text is escaped.

    Every number is a link to its basis at the end of the page, which names method and sources.
    """
    writer = _Writer(report, figures or {})
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(report.title)}</title><style>{STYLE}</style></head>\n<body>\n<main>\n"
        f"<header><h1>{escape(report.title)}</h1><p class=signed>{escape(report.signed)}</p>"
        f"<p class=sub>{writer.line(report.subtitle)}</p></header>\n"
        f"{writer.contents()}\n"
        + "\n".join(writer.sections())
        + "\n"
        + writer.ledger()
        + "\n</main>\n</body></html>\n"
    )


class _Writer:
    """Writes the parts of one page; knows the number of each basis and source."""

    def __init__(self, report: Report, figures: Mapping[str, bytes]) -> None:
        self.report, self.figures = report, figures
        self.bases = {basis: n for n, basis in enumerate(report.bases(), 1)}
        cited = dict.fromkeys(key for basis in self.bases for key in basis.sources)
        self.sources = {key: n for n, key in enumerate(cited, 1)}

    def contents(self) -> str:
        items = [
            f'<li><a href="#part{n}">{escape(section.title)}</a></li>'
            for n, section in enumerate(self.report.sections)
        ]
        items.append('<li><a href="#sources-and-methods">Sources and methods</a></li>')
        return f'<nav aria-label="Contents"><ul>{"".join(items)}</ul></nav>'

    def sections(self) -> Iterable[str]:
        for n, section in enumerate(self.report.sections):
            yield self._section(n, section)

    def _section(self, n: int, section: Section) -> str:
        parts = [f'<section id="part{n}"{" class=answer" if n == 0 else ""}><h2>{escape(section.title)}</h2>']
        for block in section.blocks:
            if isinstance(block, Sentence):
                parts.append(f"<p{' class=lead' if block.lead else ''}>{self.line(block.line)}</p>")
            else:
                parts.append(self._table(block) if isinstance(block, Table) else self._figure(block))
        return "\n".join([*parts, "</section>"])

    def line(self, line: Line) -> str:
        """A line of text; each number is a link that says on hovering what it leads to."""
        found = []
        for piece in line:
            if isinstance(piece, str):
                found.append(escape(piece))
            else:
                n, about = self.bases[piece.basis], escape(self._about(piece.basis))
                found.append(f'<a class=n href="#basis{n}" title="{about}">{escape(piece.text)}</a>')
        return "".join(found)

    def _about(self, basis: Basis) -> str:
        count = len(basis.sources)
        return f"{self.report.methods[basis.method].title}; {count} source{'s' if count != 1 else ''}"

    def _table(self, table: Table) -> str:
        cited = any(not isinstance(piece, str) for row in table.rows for cell in row for piece in cell)
        heads = "".join(f"<th scope=col>{escape(heading)}</th>" for heading in table.headings)
        heads += "<th scope=col class=ref>basis</th>" if cited else ""
        rows = []
        for row in table.rows:
            first, *others = row
            cells = f"<th scope=row>{self.line(first)}</th>" + "".join(self._cell(cell) for cell in others)
            rows.append(f"<tr>{cells}{self._basis_cell(row) if cited else ''}</tr>")
        return (
            f'<div class=scroll tabindex=0 role=region aria-label="{escape(plain(table.caption))}"><table>'
            f"<caption>{self.line(table.caption)}</caption><thead><tr>{heads}</tr></thead>"
            f"<tbody>{''.join(rows)}</tbody></table></div>"
        )

    def _cell(self, cell: Line) -> str:
        text = plain(cell)
        tone = _TONES.get(text[:1])
        alone = len(cell) == 1 and not isinstance(cell[0], str)
        kind = (
            f"tone {tone}"
            if tone
            else "num"
            if alone
            else "text"
            if len(text) > _LONG
            else "short"
            if len(text) <= _SHORT
            else ""
        )
        return f'<td class="{kind}">{self.line(cell)}</td>' if kind else f"<td>{self.line(cell)}</td>"

    def _basis_cell(self, row: Iterable[Line]) -> str:
        found = dict.fromkeys(piece.basis for cell in row for piece in cell if not isinstance(piece, str))
        links = " ".join(f'<a href="#basis{self.bases[b]}">[{self.bases[b]}]</a>' for b in found)
        return f"<td class=ref>{links}</td>"

    def _figure(self, figure: Figure) -> str:
        picture = self.figures.get(figure.name)
        if picture is None:
            return ""
        data = base64.b64encode(picture).decode("ascii")
        alt = escape(plain(figure.caption) + " The table below holds the same numbers.")
        return f'<figure class="{escape(figure.name)}"><img alt="{alt}" src="data:image/png;base64,{data}"></figure>'

    def ledger(self) -> str:
        """Sources and methods: each basis with its method and sources, the methods, the sources."""
        bases = "".join(
            f'<li id="basis{n}"><a href="#method-{basis.method}">{escape(self._title(basis))}</a>'
            f"{self._cited(basis)}</li>"
            for basis, n in self.bases.items()
        )
        methods = "".join(
            f'<dt id="method-{key}">{escape(method.title)}</dt><dd>{escape(method.text)}</dd>'
            for key, method in self.report.methods.items()
        )
        rows = "".join(self._source(key, n) for key, n in self.sources.items())
        return (
            '<section id="sources-and-methods" class=ledger><h2>Sources and methods</h2>'
            f"<p>{escape(quality(self.report, self.sources))}</p>"
            f"<h3>Methods</h3><dl>{methods}</dl>"
            f"<h3>The basis of each number</h3><ol>{bases}</ol>"
            '<h3>Sources</h3><div class=scroll tabindex=0 role=region aria-label="Sources"><table><thead><tr>'
            "<th scope=col>no.</th><th scope=col>where it stands</th><th scope=col>value</th>"
            "<th scope=col>how good</th><th scope=col>where it comes from</th></tr></thead>"
            f"<tbody>{rows}</tbody></table></div></section>"
        )

    def _title(self, basis: Basis) -> str:
        return self.report.methods[basis.method].title

    def _cited(self, basis: Basis) -> str:
        links = [
            f'<a href="#source{self.sources[key]}" title="{escape(key)}">S{self.sources[key]}</a>'
            for key in basis.sources
        ]
        return f", from {', '.join(links)}" if links else ""

    def _source(self, key: str, n: int) -> str:
        source = self.report.sources[key]
        return (
            f'<tr id="source{n}"><th scope=row>S{n}</th><td>{escape(source.place)}</td>'
            f"<td>{escape(source.value)}</td><td>{escape(source.tag)}</td><td>{told(source)}</td></tr>"
        )


def told(source: Source) -> str:
    """Gives where a number comes from; a document with an address is a link to it, which a reader may follow."""
    found = []
    for piece in source.told or (source.text,):
        if isinstance(piece, str):
            found.append(escape(piece))
            continue
        title = escape(f"{piece.title}, {piece.date}" if piece.date else piece.title)
        found.append(f'<a href="{escape(piece.url)}" rel="noreferrer">{title}</a>' if piece.url else title)
    return "".join(found)


def quality(report: Report, cited: Iterable[str]) -> str:
    """Gives how good the sources are, counted."""
    tags: dict[str, int] = {}
    for key in cited:
        tag = report.sources[key].tag or "without a mark"
        tags[tag] = tags.get(tag, 0) + 1
    counted = ", ".join(
        f"{count} {tag}{'s' if tag == 'estimate' and count > 1 else ''}"
        for tag, count in sorted(tags.items(), key=lambda item: (-item[1], item[0]))
    )
    return f"{sum(tags.values())} sources: {counted}."
