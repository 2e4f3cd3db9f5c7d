"""The report as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from meshlab.incident.report.blocks import Figure, Page, Statement, Table
from meshlab.model.plain_text import plain

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#!&~])")


def markdown(report: Page, figures: Mapping[str, str] | None = None) -> str:
    """Gives the report as Markdown; every text is escaped, evidence is linked to its line.

    ``figures`` are the files of its pictures, by name.
    """
    parts = [f"# {escape(report.title)}", escape(report.subtitle)]
    for section in report.sections:
        parts.append(f"## {escape(section.title)}")
        bullets: list[str] = []
        for block in section.blocks:
            if isinstance(block, Statement):
                bullets.append(f"- {escape(block.text)}{_evidence(block.evidence)}")
                continue
            if bullets:
                parts.append("\n".join(bullets))
                bullets = []
            parts.append(_table(block) if isinstance(block, Table) else _figure(block, figures or {}))
        if bullets:
            parts.append("\n".join(bullets))
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(text: str) -> str:
    """Gives text that Markdown shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", plain(text, line=True))


def _table(table: Table) -> str:
    if not table.rows:
        return f"*{escape(table.caption)}* (none)"
    headings = [*table.headings, "evidence"] if any(table.evidence) else list(table.headings)
    lines = [
        "| " + " | ".join(escape(heading) for heading in headings) + " |",
        "|" + " --- |" * len(headings),
    ]
    for number, row in enumerate(table.rows):
        cells = [escape(cell) for cell in row]
        if any(table.evidence):
            cells.append(_links(table.evidence[number]))
        lines.append("| " + " | ".join(cells) + " |")
    return f"*{escape(table.caption)}*\n\n" + "\n".join(lines)


def _figure(figure: Figure, files: Mapping[str, str]) -> str:
    if figure.name not in files:
        return f"*{escape(figure.caption)}*: {escape(figure.description)}"
    return f"![{escape(figure.caption)}]({files[figure.name]})\n\n*{escape(figure.description)}*"


def _evidence(places: Iterable[str]) -> str:
    links = _links(places)
    return f" ({links})" if links else ""


def _links(places: Iterable[str]) -> str:
    found = []
    for place in places:
        name, _, line = place.rpartition(":")
        if line.isdigit():
            # Everything but letters, digits and the marks of a path is encoded: no scheme, no end of the link.
            found.append(f"[{escape(place)}]({quote(plain(name, line=True), safe='/._-')}#L{line})")
        else:
            found.append(escape(place))
    return ", ".join(found)
