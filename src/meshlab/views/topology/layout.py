"""Where things stand in the picture of a topology: boxes in inches, from the top left; no drawing is done here."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from meshlab.model import Machine, Topology

CARD_WIDTH = 2.12
GUTTER = 0.30
"""Room left of a card for the raft groups' lanes, and half of it right for the mesh."""
PAD = 0.22
BETWEEN = 0.14
"""Room between two cards, one below the other."""
BADGE_HEIGHT = 0.21
WAN_GAP = 2.15
RAIL_STEP = 0.27
SITE_HEAD = 0.52
SERVICE_WIDTH = 2.10
ZONE_HEAD = 0.30
TOP = 1.62
"""Height of the row of Omni and the discovery service, with the title above."""
MOST_CARDS = 16
"""More machines than this in one place are drawn as a few and a number."""


@dataclass(frozen=True)
class Box:
    """A rectangle: left, top (growing downwards), width, height."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


@dataclass
class SiteLayout:
    """A site's frame with its zones, columns and the machines drawn in it."""

    name: str
    box: Box
    zones: dict[str, Box] = field(default_factory=dict)
    columns: list[float] = field(default_factory=list)
    rails: dict[str, float] = field(default_factory=dict)
    bus: float = 0.0
    more: dict[str, tuple[Box, tuple[str, ...]]] = field(default_factory=dict)


@dataclass
class Layout:
    """Everything's place, and the size of the whole."""

    width: float
    height: float
    sites: list[SiteLayout]
    cards: dict[str, Box]
    rails: dict[str, float]
    """Raft groups over several sites: the y of their rail, below all sites."""
    far_links: dict[tuple[str, str], float]
    """Pairs of sites that are no neighbours: the y of the line that joins them, below."""
    services: float
    """The y of the rows of services."""
    services_per_row: int


def lay_out(topology: Topology, badge_rows: int, services: int, left: float = PAD) -> Layout:
    """Gives the places of everything.

    `badge_rows` is how many rows of badges the fullest card has, `services` how many have a state to tell.
    """
    card_height = 0.66 + badge_rows * (BADGE_HEIGHT + 0.05) + 0.06
    homes = _homes(topology)
    x, sites, placed_in = left, [], {}
    tallest = 0.0
    for site in topology.sites:
        layout, placed = _site(topology, site.name, x, card_height, homes)
        sites.append(layout)
        placed_in[site.name] = placed
        tallest = max(tallest, layout.box.height)
        x = layout.box.right + WAN_GAP
    cards: dict[str, Box] = {}
    for layout in sites:
        cards.update(_spread(layout, placed_in[layout.name], tallest))
        layout.box = Box(layout.box.x, layout.box.y, layout.box.width, tallest)
        for step, group in enumerate(reversed([g for g, home in homes.items() if home == layout.name])):
            layout.rails[group] = layout.box.bottom - 0.22 - step * RAIL_STEP
    width, needed = x - WAN_GAP + PAD, _least_width(topology)
    if left == PAD and width < needed:
        return lay_out(topology, badge_rows, services, PAD + (needed - width) / 2)
    width = max(width, needed)
    y = TOP + tallest + 0.10
    rails = {}
    for group in (g for g, home in homes.items() if not home):
        y += RAIL_STEP
        rails[group] = y
    far = {}
    for i, one in enumerate(topology.sites):
        for other in topology.sites[i + 2 :]:
            y += 0.42
            far[one.name, other.name] = y
    y += 0.30 if rails or far else 0.12
    per_row = max(1, min(services, int((width - 1.3) / SERVICE_WIDTH)))
    lines = math.ceil(services / per_row)
    height = y + (0.18 + lines * 0.27 if lines else 0.10)
    return Layout(width, height, sites, cards, rails, far, y, per_row)


def _least_width(topology: Topology) -> float:
    """Room for Omni and the discovery service side by side, and for the title."""
    above = sum(part is not None for part in (topology.orchestrator, topology.discovery))
    return max(above * 3.25 + 0.2, 3.8)


def _homes(topology: Topology) -> dict[str, str]:
    """The site of each raft group; "" where its voters are in several."""
    homes = {}
    for group in topology.raft_groups:
        sites = {topology.machine(v).site for v in group.voters if v in topology}
        homes[group.name] = next(iter(sites)) if len(sites) == 1 else ""
    return homes


def _site(
    topology: Topology, name: str, x: float, card_height: float, homes: dict[str, str]
) -> tuple[SiteLayout, dict[str, Box]]:
    """A site's frame; its zones one below the other, each with its cards side by side."""
    layout = SiteLayout(name, Box(x, TOP, 0, 0))
    layout.bus = TOP + SITE_HEAD + 0.10
    zones = [zone.name for zone in topology.zones if zone.site == name]
    places = zones or [name]
    here = {
        place: [m for m in topology.machines if m.site == name and (not zones or m.zone == place)]
        for place in places
    }
    most = max(min(len(machines), MOST_CARDS) for machines in here.values())
    columns = _columns(most, 2 if zones else 4)
    voters = {voter for group in topology.raft_groups for voter in group.voters}
    lanes = GUTTER if any(m.name in voters for machines in here.values() for m in machines) else GUTTER / 2
    step = lanes + CARD_WIDTH + GUTTER / 2
    width = max(2 * PAD + columns * step, 2.9)
    layout.columns = [x + (width - columns * step) / 2 + lanes + i * step for i in range(columns)]
    y, cards = layout.bus + 0.16, {}
    for place in places:
        top = y + (ZONE_HEAD if zones else 0.0)
        placed = _stack(here[place], layout.columns, top, card_height)
        cards.update(placed.cards)
        if placed.more:
            layout.more[place] = placed.more
        bottom = top + placed.rows * (card_height + BETWEEN)
        if zones:
            layout.zones[place] = Box(x + PAD - 0.10, y, width - 2 * PAD + 0.20, bottom - y)
        y = bottom + 0.10
    rails = sum(home == name for home in homes.values())
    layout.box = Box(x, TOP, width, y - TOP + 0.04 + rails * RAIL_STEP)
    return layout, cards


def _columns(count: int, rows: int) -> int:
    """How many columns hold the cards in about as many rows; never more than four."""
    return max(1, min(4, math.ceil(count / rows)))


@dataclass(frozen=True)
class _Stack:
    cards: dict[str, Box]
    rows: int
    more: tuple[Box, tuple[str, ...]] | None


def _stack(here: list[Machine], columns: list[float], top: float, height: float) -> _Stack:
    """Cards row by row over the columns; what is too much is left to one last card."""
    shown = here if len(here) <= MOST_CARDS else here[: MOST_CARDS - 1]
    boxes = [
        Box(columns[i % len(columns)], top + (i // len(columns)) * (height + BETWEEN), CARD_WIDTH, height)
        for i in range(len(shown) + (len(shown) < len(here)))
    ]
    cards = {machine.name: box for machine, box in zip(shown, boxes, strict=False)}
    more = (boxes[-1], tuple(m.name for m in here[len(shown) :])) if len(shown) < len(here) else None
    return _Stack(cards, max(1, math.ceil(len(boxes) / len(columns))), more)


def _spread(layout: SiteLayout, cards: dict[str, Box], height: float) -> dict[str, Box]:
    """The cards of a site without zones, further apart where its neighbours make its frame taller."""
    rows = sorted({box.y for box in cards.values()} | {box.y for box, _ in layout.more.values()})
    slack = height - layout.box.height
    if layout.zones or not rows or slack <= 0:
        return cards
    step = min(slack / len(rows), 0.45)
    moved = {top: top + i * step + step / 2 for i, top in enumerate(rows)}
    layout.more = {
        place: (replace(box, y=moved[box.y]), hidden) for place, (box, hidden) in layout.more.items()
    }
    return {name: replace(box, y=moved[box.y]) for name, box in cards.items()}
