"""The report as one page that needs nothing else: no request leaves it, it fits a phone and prints."""

from __future__ import annotations

import base64
import html as escaping
from collections.abc import Iterable, Mapping

from meshlab.incident.report.blocks import Figure, Page, Section, Statement, Table
from meshlab.model.plain_text import plain

STYLE = """
:root {
  color-scheme: light dark;
  --ink: #1d2733; --soft: #4d5965; --paper: #fff; --line: #d5dce3; --head: #f2f5f8; --link: #0b5cad; --mark: #fff7d6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6ebf0; --soft: #aab5c0; --paper: #12171d; --line: #35404b; --head: #1b232c; --link: #7db8f0;
    --mark: #3a3413;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.2rem; max-width: 68rem; color: var(--ink); background: var(--paper);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
h1 { font-size: 1.7rem; line-height: 1.2; margin: .4rem 0; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid var(--line); padding-bottom: .25rem; }
.sub { color: var(--soft); margin: 0 0 1rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem .9rem; padding: 0; margin: .4rem 0; list-style: none; }
nav { font-size: .9rem; }
a { color: var(--link); }
a:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
caption { text-align: left; color: var(--soft); padding: .2rem 0 .4rem; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .5rem; text-align: left; vertical-align: top; }
thead th { background: var(--head); }
td:first-child { font-weight: 600; }
summary { cursor: pointer; color: var(--link); }
ul.facts { padding-left: 1.1rem; }
ul.facts li { margin: .35rem 0; }
.ev { font-size: .8rem; }
figure { margin: 1rem 0; }
figure img { max-width: 100%; height: auto; background: #fff; border: 1px solid var(--line); border-radius: 4px; }
figcaption { color: var(--soft); font-size: .9rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .78rem; margin: .1rem 0; }
dt { font-size: .8rem; font-weight: 600; margin-top: .5rem; }
dt:target { background: var(--mark); }
dd { margin: 0; }
@media (max-width: 40rem) { body { padding: .7rem; font-size: 15px; } }
@media print {
  :root { --ink: #000; --soft: #333; --paper: #fff; --line: #999; --head: #eee; --link: #000; }
  nav { display: none; }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  h2 { break-after: avoid; }
  tr, figure { break-inside: avoid; }
  .scroll { overflow: visible; }
}
"""


def html(report: Page, figures: Mapping[str, bytes]) -> str:
    """Gives the report as one HTML page; figures are inlined, every text is escaped."""
    quotes = report.quotes
    body = [
        f"<h1>{_text(report.title)}</h1>",
        f'<p class="sub">{_text(report.subtitle)}</p>',
        _contents(report),
    ]
    for number, section in enumerate(report.sections):
        body.append(_section(section, number, figures, quotes))
    if quotes:
        body.append(_evidence_section(quotes))
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{_text(report.title)}</title><style>{STYLE}</style></head>\n<body>\n<main>\n"
        + "\n".join(body)
        + "\n</main>\n</body></html>\n"
    )


def _text(text: str) -> str:
    return escaping.escape(plain(text), quote=True)


def _contents(report: Page) -> str:
    items = "".join(f'<li><a href="#s{n}">{_text(s.title)}</a></li>' for n, s in enumerate(report.sections))
    return f'<nav aria-label="Contents"><ul>{items}</ul></nav>'


def _section(section: Section, number: int, figures: Mapping[str, bytes], quotes: Mapping[str, str]) -> str:
    parts = [f'<section><h2 id="s{number}">{_text(section.title)}</h2>']
    facts: list[str] = []

    def flush() -> None:
        if facts:
            parts.append(f'<ul class="facts">{"".join(facts)}</ul>')
            facts.clear()

    for block in section.blocks:
        if isinstance(block, Statement):
            facts.append(f"<li>{_text(block.text)}{_evidence(block.evidence, quotes)}</li>")
            continue
        flush()
        parts.append(_table(block, quotes) if isinstance(block, Table) else _figure(block, figures))
    flush()
    if section.folded:
        parts = [parts[0], "<details><summary>show</summary>", *parts[1:], "</details>"]
    parts.append("</section>")
    return "\n".join(parts)


def _table(table: Table, quotes: Mapping[str, str]) -> str:
    cited = any(table.evidence)
    headings = [*table.headings, "evidence"] if cited else list(table.headings)
    head = "".join(f'<th scope="col">{_text(heading)}</th>' for heading in headings)
    rows = []
    for number, row in enumerate(table.rows):
        cells = "".join(f"<td>{_text(cell)}</td>" for cell in row)
        if cited:
            cells += f"<td>{_evidence(table.evidence[number], quotes)}</td>"
        rows.append(f"<tr>{cells}</tr>")
    caption = _text(table.caption)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{caption}"><table><caption>{caption}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _figure(figure: Figure, figures: Mapping[str, bytes]) -> str:
    caption = f"<figcaption>{_text(figure.caption)}. {_text(figure.description)}</figcaption>"
    picture = figures.get(figure.name)
    if picture is None:
        return f"<figure>{caption}</figure>"
    data = base64.b64encode(picture).decode("ascii")
    alt = _text(f"{figure.caption}. {figure.description}")
    return f'<figure><img alt="{alt}" src="data:image/png;base64,{data}">{caption}</figure>'


def _evidence(places: Iterable[str], quotes: Mapping[str, str]) -> str:
    links = [
        f'<a href="#{_anchor(place)}">{_text(place)}</a>' if place in quotes else _text(place)
        for place in places
    ]
    return f' <span class="ev">[{", ".join(links)}]</span>' if links else ""


def _evidence_section(quotes: Mapping[str, str]) -> str:
    rows = "".join(
        f'<dt id="{_anchor(place)}">{_text(place)}</dt><dd><pre>{_text(text)}</pre></dd>'
        for place, text in sorted(quotes.items(), key=lambda item: _order(item[0]))
    )
    return f'<section><h2 id="evidence">Evidence: the lines cited</h2><dl>{rows}</dl></section>'


def _order(place: str) -> tuple[str, int]:
    name, _, line = place.rpartition(":")
    return name, int(line) if line.isdigit() else 0


def _anchor(place: str) -> str:
    return "e-" + "".join(c if c.isascii() and c.isalnum() else f"-{ord(c):x}-" for c in place)
