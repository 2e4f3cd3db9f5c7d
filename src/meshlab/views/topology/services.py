"""What serves in the picture of a topology: the raft groups as rails under their voters, the row of services."""

from __future__ import annotations

from meshlab.model import RaftGroup
from meshlab.views import style
from meshlab.views.topology.layout import SERVICE_WIDTH, SiteLayout
from meshlab.views.topology.sheet import Sheet, text_width


def draw_rails(sheet: Sheet) -> None:
    """Each raft group as a rail under its voters: a ring at each voter, the quorum in words."""
    for k, group in enumerate(sheet.topology.raft_groups):
        boxes = [sheet.layout.cards[v] for v in group.voters if v in sheet.layout.cards]
        home = _home(sheet, group.name)
        y = home.rails[group.name] if home else sheet.layout.rails[group.name]
        if not boxes:
            continue
        colour = style.BADGES["etcd" if group.engine == "etcd" else "vault"][0]
        lanes = []
        for voter in group.voters:
            if voter not in sheet.layout.cards:
                continue
            box = sheet.layout.cards[voter]
            lane, height = (
                box.x - 0.085 - 0.10 * (k % 2),
                box.y + 0.38 + 0.28 * k % max(0.3, box.height - 0.5),
            )
            lanes.append(lane)
            gone = sheet.states.get(voter)
            lost = gone is not None and not gone.serving
            sheet.line(
                [(box.x, height), (lane, height), (lane, y)],
                colour,
                1.3,
                z=2.5,
                dash=":" if lost else "-",
            )
            sheet.ring(box.x, height, colour, lost)
        sheet.line([(min(lanes), y), (max(lanes), y)], colour, 1.8, z=2.5)
        word = _quorum(sheet, group)
        beside = [
            other
            for other in sheet.topology.raft_groups
            if _home(sheet, other.name) == _home(sheet, group.name)
        ]
        x = (
            max(sheet.layout.cards[v].x for other in beside for v in other.voters if v in sheet.layout.cards)
            + 0.04
        )
        sheet.line([(max(lanes), y), (x - 0.07, y)], colour, 1.8, z=2.5)
        sheet.text(x, y, word, 7.5, colour=colour, bold=True)
        state = sheet.states.get(group.name)
        if state is not None:
            begin = x + text_width(word, 7.5) * 1.08 + 0.1
            sheet.chip(begin + text_width(str(state), 6.5) + 0.13, y, state)


def _quorum(sheet: Sheet, group: RaftGroup) -> str:
    """What a raft group needs and, where the state of all its voters is known, what it has."""
    count, known = len(group.voters), [sheet.states[v] for v in group.voters if v in sheet.states]
    if len(known) < count:
        return f"{group.name}: quorum {group.quorum} of {count}"
    return f"{group.name}: {sum(s.serving for s in known)} of {count}, needs {group.quorum}"


def _home(sheet: Sheet, group: str) -> SiteLayout | None:
    """The site that a raft group's rail is in; None where its voters are in several."""
    return next((site for site in sheet.layout.sites if group in site.rails), None)


def draw_services(sheet: Sheet) -> None:
    """A row with the state of each service that one is known of."""
    known = [name for name in sheet.topology.service_names if name in sheet.states]
    y = sheet.layout.services + 0.16
    if known:
        sheet.text(0.24, y, "Services", 8, bold=True)
    for i, name in enumerate(known):
        row, column = divmod(i, sheet.layout.services_per_row)
        x, line = 1.10 + column * SERVICE_WIDTH, y + row * 0.27
        sheet.text(x, line, name, 7.5)
        state = sheet.states[name]
        sheet.chip(x + text_width(name, 7.5) * 1.05 + 0.22 + text_width(str(state), 6.5), line, state)
