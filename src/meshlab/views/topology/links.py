"""What joins machines and sites in the picture of a topology: the mesh, its tunnels, the links with their numbers."""

from __future__ import annotations

from meshlab.model import Link, State
from meshlab.model.units import rate
from meshlab.views import style
from meshlab.views.topology.layout import GUTTER, SiteLayout
from meshlab.views.topology.sheet import LineStyle, Sheet, text_width

TOP_OF_WAN = 1.45
"""How far below the top of the sites the line between two of them runs, in inches."""


def draw_mesh_inside(sheet: Sheet, site: SiteLayout) -> None:
    """A bus over the cards, and a lane down the right of each column that has cards."""
    if sheet.topology.overlay is None:
        return
    boxes = [
        box for name, box in sheet.layout.cards.items() if sheet.topology.machine(name).site == site.name
    ]
    boxes += [box for box, _ in site.more.values()]
    if not boxes:
        return
    lanes = sorted({box.right + GUTTER / 4 for box in boxes})
    sheet.line(
        [(site.box.x + 0.16, site.bus), (site.box.right - 0.16, site.bus)], style.MESH, 1.3, alpha=0.75
    )
    for lane in lanes:
        lowest = max(box.y + 0.15 for box in boxes if abs(box.right + GUTTER / 4 - lane) < 1e-6)
        sheet.line([(lane, site.bus), (lane, lowest)], style.MESH, 1.0, alpha=0.6)
    for box in boxes:
        ends = [(box.right, box.y + 0.15), (box.right + GUTTER / 4, box.y + 0.15)]
        sheet.line(ends, style.MESH, 1.0, alpha=0.6)


def draw_between_sites(sheet: Sheet) -> None:
    """The links between sites and the tunnels over them: neighbours side by side, the others by a line below."""
    for left, right in zip(sheet.layout.sites, sheet.layout.sites[1:], strict=False):
        x0, x1 = left.box.right, right.box.x
        link = sheet.topology.link_between(left.name, right.name)
        if sheet.topology.overlay is not None:
            _bundle(sheet, left, right)
        if link is not None:
            _wan(sheet, link, x0, x1, TOP_OF_WAN + left.box.y)
    for (a, b), y in sheet.layout.far_links.items():
        link = sheet.topology.link_between(a, b)
        if link is None:
            continue
        boxes = {site.name: site.box for site in sheet.layout.sites}
        x0, x1 = boxes[a].middle, boxes[b].middle
        colour, dash = _link_look(sheet, link)
        sheet.line(
            [(x0, boxes[a].bottom), (x0, y), (x1, y), (x1, boxes[b].bottom)],
            colour,
            1.6,
            dash=dash,
            z=0.8,
        )
        text = f"{a} - {b}: {', '.join(_link_text(link))}"
        sheet.text((x0 + x1) / 2, y, text, 7, ha="center", ground=style.PAPER)
        state = sheet.states.get(link.name)
        if state is not None:
            sheet.chip((x0 + x1) / 2 + text_width(text, 7) / 2 + 0.9, y, state)


def _bundle(sheet: Sheet, left: SiteLayout, right: SiteLayout) -> None:
    """All tunnels between two sites as one line."""
    ours, theirs = (sum(m.site == s.name for m in sheet.topology.machines) for s in (left, right))
    if not ours or not theirs:
        return
    state = sheet.states.get("mesh") or sheet.states.get(
        sheet.topology.overlay.name if sheet.topology.overlay else ""
    )
    broken = state is not None and not state.serving
    y = left.bus
    ends = [(left.box.right - 0.16, y), (right.box.x + 0.16, y)]
    sheet.line(ends, style.MESH, 6.5, alpha=0.30, z=1.6)
    sheet.line(ends, style.MESH, 1.3, alpha=0.9, z=1.7, dash="--" if broken else "-")
    middle = (left.box.right + right.box.x) / 2
    overlay = sheet.topology.overlay
    if overlay is not None:
        sheet.text(middle, y - 0.33, "KubeSpan (WireGuard)", 7.5, ha="center", colour="#2c7a72", bold=True)
    sheet.text(
        middle, y - 0.15, f"{ours} × {theirs} = {ours * theirs} tunnels", 7, ha="center", colour="#2c7a72"
    )
    if state is not None and state is not State.UP:
        width = text_width(str(state), 6.5) + 0.13
        sheet.chip(middle + width / 2, y + 0.18, state)


def _wan(sheet: Sheet, link: Link, x0: float, x1: float, y: float) -> None:
    colour, dash = _link_look(sheet, link)
    if colour != style.INK:
        sheet.line([(x0, y), (x1, y)], style.INK, 4.0, dash=dash, z=1.9)
    sheet.line([(x0, y), (x1, y)], colour, 2.4, dash=dash, z=2)
    for x in (x0, x1):
        sheet.line([(x, y - 0.08), (x, y + 0.08)], style.INK, 2.2, z=2.1)
    middle = (x0 + x1) / 2
    texts = _link_text(link)
    sheet.text(middle, y - 0.15, texts[0], 8, ha="center", bold=True)
    for k, text in enumerate(texts[1:]):
        sheet.text(middle, y + 0.16 + 0.17 * k, text, 7, ha="center", colour=style.MUTED)
    state = sheet.states.get(link.name)
    if state is not None:
        width = text_width(str(state), 6.5) + 0.13
        sheet.chip(middle + width / 2, y + 0.20 + 0.17 * (len(texts) - 1), state)


def _link_look(sheet: Sheet, link: Link) -> tuple[str, LineStyle]:
    state = sheet.states.get(link.name)
    if state is None or state is State.UP:
        return style.INK, "-"
    return style.look(state).colour, "-" if state.serving else ":"


def _link_text(link: Link) -> list[str]:
    median, late = link.latency.quantile(0.5) * 1000, link.latency.quantile(0.99) * 1000
    texts = [f"{median:.3g} ms one way", f"p99 {late:.3g} ms"]
    if link.loss:
        texts.append(
            f"{link.loss:.3%} lost".replace("0%", "%", 1) if link.loss < 0.01 else f"{link.loss:.1%} lost"
        )
    if link.bandwidth:
        texts.append(rate(link.bandwidth))
    return texts
