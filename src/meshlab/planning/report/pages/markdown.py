"""The plan as Markdown: every number is a link to its basis at the end, which names method and sources."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

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
from meshlab.planning.report.pages.html import quality

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#!&~])")


def markdown(report: Report, figures: Mapping[str, str] | None = None) -> str:
    """Gives the plan as Markdown; `figures` are the files of its pictures, by name. Every text is escaped."""
    bases = {basis: n for n, basis in enumerate(report.bases(), 1)}
    sources = {key: n for n, key in enumerate(dict.fromkeys(k for b in bases for k in b.sources), 1)}
    parts = [f"# {escape(report.title)}", escape(report.signed), _line(report.subtitle, bases)]
    for section in report.sections:
        parts += _section(section, bases, figures or {})
    parts += ["## Sources and methods", escape(quality(report, sources)), "### Methods"]
    parts += [
        f'<a id="method-{key}"></a>**{escape(method.title)}.** {escape(method.text)}'
        for key, method in report.methods.items()
    ]
    parts += [
        "### The basis of each number",
        "\n".join(_basis(b, n, report, sources) for b, n in bases.items()),
    ]
    parts += ["### Sources", _sources(report, sources)]
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(text: str) -> str:
    """Gives text that Markdown shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _line(line: Line, bases: Mapping[Basis, int]) -> str:
    found = []
    for piece in line:
        if isinstance(piece, str):
            # escape() joins words by single spaces; those at the ends belong to the line.
            lead, trail = piece[: len(piece) - len(piece.lstrip())], piece[len(piece.rstrip()) :]
            found.append(f"{lead}{escape(piece)}{trail}" if piece.strip() else piece)
        else:
            found.append(f"[{escape(piece.text)}](#basis{bases[piece.basis]})")
    return "".join(found)


def _section(section: Section, bases: Mapping[Basis, int], figures: Mapping[str, str]) -> Iterable[str]:
    yield f"## {escape(section.title)}"
    for block in section.blocks:
        if isinstance(block, Sentence):
            yield _line(block.line, bases)
        elif isinstance(block, Table):
            yield f"*{_line(block.caption, bases)}*"
            yield _table(block, bases)
        else:
            yield _figure(block, figures)


def _table(table: Table, bases: Mapping[Basis, int]) -> str:
    lines = [
        "| " + " | ".join(escape(heading) for heading in table.headings) + " |",
        "|" + " --- |" * len(table.headings),
    ]
    lines += ["| " + " | ".join(_line(cell, bases) for cell in row) + " |" for row in table.rows]
    return "\n".join(lines)


def _figure(figure: Figure, files: Mapping[str, str]) -> str:
    name = files.get(figure.name)
    return f"![{escape(plain(figure.caption))}]({name})" if name else ""


def _basis(basis: Basis, n: int, report: Report, sources: Mapping[str, int]) -> str:
    links = ", ".join(f"[S{sources[key]}](#source{sources[key]})" for key in basis.sources)
    title = escape(report.methods[basis.method].title)
    return f'{n}. <a id="basis{n}"></a>[{title}](#method-{basis.method}){f", from {links}" if links else ""}'


def _sources(report: Report, sources: Mapping[str, int]) -> str:
    lines = ["| no. | where it stands | value | how good | where it comes from |", "|" + " --- |" * 5]
    for key, n in sources.items():
        one = report.sources[key]
        cells = " | ".join(escape(text) for text in (one.place, one.value, one.tag))
        lines.append(f'| <a id="source{n}"></a>S{n} | {cells} | {_told(one)} |')
    return "\n".join(lines)


def _told(source: Source) -> str:
    found = []
    for piece in source.told or (source.text,):
        if isinstance(piece, str):
            lead, trail = piece[: len(piece) - len(piece.lstrip())], piece[len(piece.rstrip()) :]
            found.append(f"{lead}{escape(piece)}{trail}" if piece.strip() else piece)
            continue
        title = escape(f"{piece.title}, {piece.date}" if piece.date else piece.title)
        found.append(f"[{title}]({piece.url})" if piece.url else title)
    return "".join(found)
