"""The machines in the picture of a topology: a card for each, with badges for what runs on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from meshlab.model import Machine, State, Topology
from meshlab.model.units import size
from meshlab.views import style
from meshlab.views.topology.layout import BADGE_HEIGHT, Box
from meshlab.views.topology.sheet import Sheet, short, text_width, tint

_CHAINS = {"solana": "Solana", "ethereum": "Ethereum", "tron": "Tron"}


@dataclass(frozen=True)
class Badge:
    """One thing that runs on a machine: its name, and how it is drawn."""

    text: str
    fill: str
    ink: str
    hatch: str = ""

    @property
    def width(self) -> float:
        return text_width(self.text, 7.0) + 0.14


def badge_rows(topology: Topology, machine: Machine, states: Mapping[str, State]) -> list[list[Badge]]:
    """Gives a machine's badges, in rows that fit its card."""
    return _in_rows(_badges(topology, machine, states))


def _badges(topology: Topology, machine: Machine, states: Mapping[str, State]) -> list[Badge]:
    found = []
    if any(machine.name in g.voters for g in topology.raft_groups if g.engine == "etcd"):
        found.append(Badge("etcd", *style.BADGES["etcd"]))
    if any(machine.name in s.members for s in topology.services if s.role == "api"):
        found.append(Badge("API", *style.BADGES["api"]))
    for workload in topology.workloads:
        if machine.name not in workload.machines:
            continue
        if workload.role == "vault":
            found.append(Badge("Vault", *style.BADGES["vault"]))
            continue
        state = states.get(workload.name)
        name = _CHAINS[workload.role]
        if state is None or state is State.UP:
            found.append(Badge(name, *style.BADGES[workload.role]))
        else:
            look = style.look(state)
            found.append(Badge(f"{name}: {state}", look.colour, look.text, look.hatch))
    return found


def _in_rows(badges: list[Badge]) -> list[list[Badge]]:
    rows: list[list[Badge]] = []
    left = 0.0
    for badge in badges:
        if not rows or badge.width > left:
            rows.append([])
            left = 1.90
        rows[-1].append(badge)
        left -= badge.width + 0.06
    return rows


def draw_card(sheet: Sheet, machine: Machine, box: Box, rows: list[list[Badge]]) -> None:
    """A machine's card: name, state, size, address, and its badges."""
    state = sheet.states.get(machine.name)
    look = style.look(state)
    serving = state is None or state.serving
    fill = style.PAPER if state is None or state is State.UP else tint(look.colour, 0.25)
    edge = style.MUTED if serving else look.colour
    sheet.box(box, fill=fill, edge=edge, line=0.9 if serving else 1.8, z=3)
    if state is not None:
        strip = Box(box.x + 0.015, box.y + 0.05, 0.085, box.height - 0.10)
        sheet.box(strip, fill=look.colour, edge=style.PAPER, hatch=look.hatch, line=0.3, radius=0.02, z=3.5)
    left = box.x + 0.14
    begin = sheet.chip(box.right - 0.07, box.y + 0.16, state if state is not State.UP else None)
    sheet.text(left, box.y + 0.16, short(machine.name, begin - left - 0.05, 10), 8.5, bold=True)
    parts = [
        machine.instance_type or (f"{machine.cores} cores" if machine.cores else ""),
        size(machine.memory) if machine.memory else "",
    ]
    where = " · ".join(filter(None, [machine.address, "behind NAT" if machine.nat else ""]))
    about = " · ".join(filter(None, parts))
    sheet.text(left, box.y + 0.36, short(about, box.width - 0.2, 7), 7, colour=style.MUTED)
    sheet.text(left, box.y + 0.52, short(where, box.width - 0.2, 7), 7, colour=style.MUTED)
    y = box.y + 0.65
    for row in rows:
        x = left
        for badge in row:
            place = Box(x, y, badge.width, BADGE_HEIGHT)
            line = 0.6 if badge.hatch else 0.0
            sheet.box(place, fill=badge.fill, edge=style.INK, line=line, radius=0.05, z=4)
            sheet.text(place.middle, y + BADGE_HEIGHT / 2, badge.text, 7, colour=badge.ink, ha="center")
            x += badge.width + 0.06
        y += BADGE_HEIGHT + 0.05


def draw_more(sheet: Sheet, box: Box, hidden: tuple[str, ...]) -> None:
    """The last card of a place with too many machines: how many are not drawn, and how many of those are not up."""
    sheet.box(box, fill=style.PAPER, edge=style.MUTED, dashed=True, z=3)
    sheet.text(box.middle, box.y + box.height * 0.36, f"and {len(hidden)} more", 8.5, bold=True, ha="center")
    bad = sum(sheet.states.get(name, State.UP) is not State.UP for name in hidden)
    told = f"{bad} of them not up" if bad else f"{hidden[0]} to {hidden[-1]}"
    sheet.text(
        box.middle,
        box.y + box.height * 0.64,
        short(told, 1.6, 6.5),
        6.5,
        colour=style.MUTED,
        ha="center",
    )
