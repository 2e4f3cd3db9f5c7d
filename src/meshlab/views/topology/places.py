"""Sites and zones in the picture of a topology, and what stands above them: title, Omni, discovery."""

from __future__ import annotations

from meshlab.model import MachineGroup, State
from meshlab.views import style
from meshlab.views.topology.layout import Box, SiteLayout
from meshlab.views.topology.sheet import Sheet, short, text_width, tint


def draw_title(sheet: Sheet) -> None:
    """The name of the topology and how large it is."""
    count, sites = len(sheet.topology.machines), len(sheet.topology.sites)
    title = f"{sheet.topology.name}: {count} machines in {sites} site{'s' if sites != 1 else ''}"
    sheet.text(0.24, 0.24, title, 12, bold=True)


def draw_site(sheet: Sheet, site: SiteLayout) -> None:
    """A site's frame with its head: name, state, kind and network, what is in it; and the zones within."""
    component = next(s for s in sheet.topology.sites if s.name == site.name)
    fill, edge = style.PLACES[component.place]
    state = sheet.states.get(site.name)
    sheet.box(site.box, fill=fill, edge=edge, line=1.6, radius=0.12)
    if state is not None and not state.serving:
        look = style.look(state)
        strip = Box(site.box.x + 0.02, site.box.y + 0.12, 0.10, site.box.height - 0.24)
        sheet.box(strip, fill=look.colour, edge=style.PAPER, hatch=look.hatch, line=0.3, radius=0.02, z=1.5)
    y = site.box.y + 0.21
    begin = sheet.chip(site.box.right - 0.18, y, state)
    name = short(site.name, begin - site.box.x - 0.32, 12)
    sheet.text(site.box.x + 0.22, y, name, 10.5, bold=True, colour=edge)
    kind = "AWS region" if component.place == "aws-region" else "data centre"
    full = f"{kind} · {component.network}" if component.network else kind
    room = begin - site.box.x - 0.45 - text_width(name, 12)
    kind = full if text_width(full, 7.5) <= room else short(kind, room, 7.5)
    sheet.text(begin - 0.08, y, kind, 7.5, colour=style.MUTED, ha="right")
    note = _site_note(sheet, site.name)
    sheet.text(site.box.x + 0.22, y + 0.22, short(note, site.box.width - 0.4, 7), 7, colour=style.MUTED)
    for zone, box in site.zones.items():
        _zone(sheet, zone, box, edge)


def _site_note(sheet: Sheet, name: str) -> str:
    """The groups of a site and the latency inside it, in one line."""
    notes = []
    for group in sheet.topology.of(MachineGroup):
        if group.machines and all(sheet.topology.machine(m).site == name for m in group.machines):
            kind = "ASG" if group.technology == "autoscaling-group" else "pool"
            notes.append(f"{kind} {group.name}")
    places = {name, *(z.name for z in sheet.topology.zones if z.site == name)}
    inside = [
        link.latency.quantile(0.5) * 1000 for link in sheet.topology.links if {link.a, link.b} <= places
    ]
    if inside:
        low, high = f"{min(inside):.3g}", f"{max(inside):.3g}"
        notes.append(f"{low if low == high else f'{low}-{high}'} ms one way")
    return " · ".join(notes)


def _zone(sheet: Sheet, name: str, box: Box, edge: str) -> None:
    state = sheet.states.get(name)
    down = state is not None and not state.serving
    look = style.look(state)
    sheet.box(box, fill="#fffaf0" if not down else "#f1eeee", edge=edge, line=0.9, dashed=True, radius=0.07)
    if down:
        strip = Box(box.x + 0.03, box.y + 0.07, 0.09, box.height - 0.14)
        sheet.box(strip, fill=look.colour, edge=style.PAPER, hatch=look.hatch, line=0.3, radius=0.02, z=1.5)
    begin = sheet.chip(box.right - 0.08, box.y + 0.15, state)
    left = min(
        (card.x for card in sheet.layout.cards.values() if box.x < card.x < box.right),
        default=box.x + 0.16,
    )
    sheet.text(left, box.y + 0.15, short(name, begin - left - 0.06, 9), 8, colour=edge, bold=True)


def draw_above(sheet: Sheet) -> None:
    """Omni and the discovery service, and their faint threads to the sites."""
    omni, discovery = sheet.topology.orchestrator, sheet.topology.discovery
    parts = []
    if omni:
        hosted = "SaaS" if omni.hosted == "saas" else "self-hosted"
        parts.append((omni.name, "Omni", f"{hosted} · manages {len(sheet.topology.machines)} machines"))
    if discovery:
        within = f"within {discovery.within}" if discovery.within else "introduces the peers to each other"
        parts.append((discovery.name, "Discovery service", within))
    width, height, y = 2.75, 0.56, 0.50
    gap = 0.5
    x = (sheet.layout.width - len(parts) * width - (len(parts) - 1) * gap) / 2
    for k, (name, title, about) in enumerate(parts):
        box = Box(x, y, width, height)
        for site in sheet.layout.sites:
            shift = (k - (len(parts) - 1) / 2) * 0.5
            target = min(max(box.middle, site.box.x + 0.5), site.box.right - 0.5) + shift
            start = min(max(target, box.x + 0.3), box.right - 0.3)
            middle = box.bottom + 0.20 + 0.10 * k
            path = [(start, box.bottom), (start, middle), (target, middle), (target, site.box.y)]
            sheet.line(path, style.FAINT, 1.1, dash=":", z=0.5)
        state = sheet.states.get(name)
        look = style.look(state)
        serving = state is None or state.serving
        fill = "#f4f2fa" if state in (None, State.UP) else tint(look.colour, 0.25)
        sheet.box(
            box,
            fill=fill,
            edge=style.MUTED if serving else look.colour,
            line=1.0 if serving else 1.8,
            z=3,
        )
        begin = sheet.chip(box.right - 0.08, y + 0.18, state if state is not State.UP else None)
        sheet.text(x + 0.14, y + 0.18, short(title, begin - x - 0.2, 9), 9, bold=True)
        sheet.text(x + 0.14, y + 0.40, short(about, width - 0.24, 7), 7, colour=style.MUTED)
        x += width + gap
