"""Pairs of real WireGuard peers, each hit by one fault, and what was seen of each.

All pairs run side by side in one process (wireguard-go). Both peers of a pair send a small packet every ``poll``, as
machines of a cluster always have something to say; their persistent keepalive is KubeSpan's 25 s. What Talos would call
a peer is worked out from the real handshakes by Talos' own rule (:func:`meshlab.simulate.layers.peers.stated`).
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path

from meshlab.emulate.processes.processes import Child, ProcessTable
from meshlab.parameters import Parameters
from meshlab.simulate.layers.peers import stated
from meshlab.validation.mesh.wireguard_binary import wireguard_pairs
from meshlab.validation.setting import CannotValidate, Setting

PAIRS = 60
"""So many pairs at the same time: a tenth of a processor."""
WARM_S = 250.0
"""Pairs start spread over one renewal of keys (120 s), and are hit when each has renewed them at least once."""
SHORT_WARM_S = 10.0
"""A restart forgets all keys, so that their age does not matter."""
LAST_S = 15.0
SPREAD_S = 10.0
"""Pairs are healed after ``cut`` and up to so much more: two attempts of a handshake, so that each phase is met."""
KEEPALIVE_S = 25


@dataclass(frozen=True)
class Plan:
    """When one pair starts (``join``: its other side), is hit, healed and ended, in seconds."""

    start: float
    join: float
    cut: float
    heal: float
    end: float


@dataclass(frozen=True)
class MeshTrial:
    """What one fault did to one pair, in seconds; None: it did not happen.

    ``key_age``: since the last handshake, at the fault. ``carried_on``: from a one-way cut to the last packet that
    came through in the open direction, until healed. ``back_after``: from the heal (of a restart: from its new start)
    until packets have come through in both directions. ``black_hole``: from the fault until then.
    ``marked_down``: from the fault until Talos calls the peer down.
    ``noticed``: from the fault until a peer tried a handshake because it heard nothing. ``renewals``: between
    handshakes before the fault.
    """

    key_age: float | None
    back_after: float | None
    black_hole: float | None
    carried_on: float | None = None
    marked_down: float | None = None
    noticed: float | None = None
    renewals: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Happening:
    """One event that the program told of (see ``wireguard/pairs.go``)."""

    pair: int
    side: int
    kind: str
    t: float
    since: float = -1.0


async def trials(setting: Setting, folder: Path, *, progress: bool = True) -> AsyncIterator[MeshTrial]:
    """Gives the trials of all pairs, ``PAIRS`` at a time, and ends the program however the loop is left."""
    rng = random.Random(setting.seed)
    left, batch = setting.repeats, 0
    while left > 0:
        plans = planned(setting, min(left, PAIRS), rng)
        for trial in await _batch(setting, plans, folder / f"batch-{batch}", rng, progress):
            yield trial
        left, batch = left - len(plans), batch + 1


def planned(setting: Setting, pairs: int, rng: random.Random) -> list[Plan]:
    """Gives when each pair starts and is hit."""
    warm, spread = (SHORT_WARM_S, 1.0) if setting.fault == "restart" else (WARM_S, 120.0)
    found = []
    for _ in range(pairs):
        start = rng.random() * spread
        cut = warm + rng.random()
        heal = cut + setting.cut + rng.random() * SPREAD_S
        found.append(Plan(start, start + 0.2 + rng.random(), cut, heal, heal + LAST_S))
    return found


async def _batch(
    setting: Setting, plans: list[Plan], folder: Path, rng: random.Random, progress: bool
) -> list[MeshTrial]:
    program = await asyncio.to_thread(wireguard_pairs)
    folder.mkdir(parents=True)
    orders = {
        "fault": setting.fault,
        "interval_s": setting.poll,
        "delay_s": setting.link_delay,
        "jitter_s": setting.jitter,
        "keepalive_s": KEEPALIVE_S,
        "pairs": [asdict(plan) for plan in plans],
    }
    (folder / "orders.json").write_text(json.dumps(orders))
    table = ProcessTable(folder)
    try:
        child = await table.spawn(
            "pairs", [str(program), str(folder / "orders.json")], log=folder / "events.jsonl"
        )
        await _awaited(child, max(plan.end for plan in plans), f"{len(plans)} pairs", progress)
    finally:
        await table.close(0.0)
    told = happenings((folder / "events.jsonl").read_text())
    tick = Parameters.defaults().value("kubespan.reconcile-tick")
    return [
        seen([h for h in told if h.pair == k], setting, rng.random() * tick, tick) for k in range(len(plans))
    ]


async def _awaited(child: Child, seconds: float, what: str, progress: bool) -> None:
    """Waits for the end of the program, and shows how far it is."""
    from tqdm import tqdm

    with tqdm(total=round(seconds), desc=what, unit="s", disable=not progress) as bar:
        waiting = asyncio.create_task(child.wait())
        while not (await asyncio.wait([waiting], timeout=1.0))[0]:
            bar.update(min(1, bar.total - bar.n))


def happenings(text: str) -> list[Happening]:
    """Reads what the program told, in order of time.

    Raises
    ------
    CannotValidate
        It ended with a message of its own.
    """
    found = []
    for line in text.splitlines():
        if not line.startswith("{"):
            raise CannotValidate(f"mesh: the WireGuard program ended: {line}")
        told = json.loads(line)
        found.append(Happening(told["pair"], told["side"], told["kind"], told["t"], told.get("from", -1.0)))
    return sorted(found, key=lambda h: h.t)


def seen(told: list[Happening], setting: Setting, phase: float, tick: float) -> MeshTrial:
    """Gives what one pair's events amount to; Talos looks at its peers every ``tick`` seconds, first at ``phase``."""
    cut = next(h.t for h in told if h.kind == "cut")
    heal = next(h.t for h in told if h.kind == "heal")
    shaken = [h.t for h in told if h.kind == "handshake"]
    before = [t for t in shaken if t < cut]
    back = [_first_after(told, side, heal) for side in (0, 1)]
    both = max(t for t in back if t is not None) if None not in back else None
    noticed = [h.t - cut for h in told if h.kind == "noticed" and cut < h.t < heal]
    return MeshTrial(
        key_age=cut - before[-1] if before else None,
        back_after=None if both is None else both - heal,
        black_hole=None if both is None else both - cut,
        carried_on=_carried_on(told, cut, heal) if setting.fault == "partition-one-way" else None,
        marked_down=None if setting.fault == "restart" else _marked_down(shaken, cut, heal, phase, tick),
        noticed=min(noticed, default=None),
        renewals=[b - a for a, b in pairwise(before)],
    )


def _gap(told: Iterable[Happening], side: int, heal: float) -> Happening | None:
    """The silence at one side that the heal fell into; one that ended before was the machine's, not the link's."""
    resumed = (h for h in told if h.side == side and h.kind == "resumed")
    return next((h for h in resumed if h.since < heal < h.t), None)


def _first_after(told: list[Happening], side: int, heal: float) -> float | None:
    """When packets came again at one side; a side that heard some all the time was never without."""
    gap = _gap(told, side, heal)
    if gap is not None:
        return gap.t
    last = max((h.t for h in told if h.side == side and h.kind == "last"), default=-1.0)
    return heal if last > heal + 1.0 else None


def _carried_on(told: list[Happening], cut: float, heal: float) -> float:
    """Side 0 is still heard by side 1: until its next packet is missing, at most until the heal."""
    gap = _gap(told, 1, heal)
    return heal - cut if gap is None else max(0.0, gap.since - cut)


def _marked_down(shaken: list[float], cut: float, heal: float, phase: float, tick: float) -> float | None:
    """When Talos' rule says `down` at a look, from the real handshakes; its endpoint was set long ago."""
    looks = phase
    while looks < heal:
        made = [t for t in shaken if t <= looks]
        if looks > cut and made and stated(float("inf"), looks - made[-1]) == "down":
            return looks - cut
        looks += tick
    return None
