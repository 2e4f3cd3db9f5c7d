"""The same fault in the simulator: raft at message level, with nothing of the real run but what was set and measured
beforehand.

What a client sees is followed here from the group's history, by etcd's own rules (server/etcdserver/v3_server.go,
raft/node.go): a put to a member that still believes in the lost leader is forwarded into the void and waits for its
time-out; a put to a member that knows no leader waits there and goes through once there is one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlab.simulate.groups.etcd import EtcdGroup
from meshlab.simulate.raft.timed.world import Election, World
from meshlab.simulate.tracks import Track
from meshlab.validation.etcd.machine import Machine
from meshlab.validation.etcd.writers import PAUSE_S
from meshlab.validation.setting import Setting

if TYPE_CHECKING:
    import numpy as np

SIMULATED = 4000
"""Replicates of the simulated side: enough that its own noise (KS 0.02) is small beside the real side's."""
GIVE_UP_ELECTIONS = 15
WARM_ELECTIONS = 3.0
LEADER = "m0"


@dataclass(frozen=True)
class Predicted:
    """What one simulated fault did; the fields mean what they mean in :class:`etcd_trials.Trial`."""

    leader_after: float | None
    terms: int
    stepped_down_after: float | None
    outages: list[float]


class EtcdModel:
    """Draws faults of one setting on one machine."""

    def __init__(self, setting: Setting, machine: Machine) -> None:
        self.setting = setting
        self.machine = machine
        self.names = tuple(f"m{i}" for i in range(setting.members))

    def draws(self, count: int = SIMULATED) -> Iterator[Predicted]:
        """Gives ``count`` independent faults."""
        import numpy as np

        for replicate in range(count):
            yield self._draw(np.random.default_rng([self.setting.seed, replicate]))

    def _draw(self, rng: np.random.Generator) -> Predicted:
        setting = self.setting
        at = (WARM_ELECTIONS + float(rng.random())) * setting.election  # any phase of ticks and quorum checks
        world = self._world(rng)
        self._strike(world, at, rng)
        phases = {LEADER: self._last_contact(at, rng) % setting.heartbeat} if self._speaks else None
        group = EtcdGroup(
            world,
            heartbeat=setting.heartbeat,
            election=setting.election,
            rng=rng,
            leader=LEADER,
            phases=phases,
        )
        _, log = group.run(at + GIVE_UP_ELECTIONS * setting.election)
        return self._seen(log, at, rng)

    @property
    def _loaded(self) -> bool:
        return self.setting.measure == "outage"

    @property
    def _speaks(self) -> bool:
        """Whether followers hear of the leader between its heartbeats."""
        return self._loaded or self.setting.fault == "disk-stall"

    def _last_contact(self, at: float, rng: np.random.Generator) -> float:
        """Under load every append is a contact: the last one was as long ago as the writers' puts lie apart."""
        if self.setting.fault == "disk-stall":
            return at  # a leader tells its followers of an entry before it writes it
        cycle = PAUSE_S + float(rng.choice(self.machine.put)) + 2 * self.setting.link_delay
        return at - float(rng.random()) * cycle / self.setting.members

    def _world(self, rng: np.random.Generator) -> World:
        names = self.names
        setting, fsync, ask = self.setting, self.machine.fsync, self.machine.ask

        def delay(a: str, b: str, time: float) -> float:
            jitter = setting.jitter * (2 * float(rng.random()) - 1) if setting.jitter else 0.0
            return setting.link_delay + jitter + 0.5 * ask[int(rng.integers(len(ask)))]

        return World(
            members=names,
            running={m: Track(True) for m in names},
            frozen={m: Track(False) for m in names},
            flows={(a, b): Track(True) for a in names for b in names if a != b},
            delay=delay,
            fsync=lambda member: fsync[int(rng.integers(len(fsync)))],
        )

    def _strike(self, world: World, at: float, rng: np.random.Generator) -> None:
        fault = self.setting.fault
        if fault == "kill":
            world.running[LEADER].set(at, False, "killed")
        elif fault == "kill-follower":
            victim = self.names[1 + int(rng.integers(len(self.names) - 1))]
            world.running[victim].set(at, False, "killed")
            world.running[victim].set(at + 2 * self.setting.election, True, "started again")
        elif fault == "pause":
            world.frozen[LEADER].set(at, True, "paused")
        elif fault == "disk-stall":  # etcd waits for its write in the loop that also ticks and sends
            world.frozen[LEADER].set(at + 1e-4, True, "its disk stalls")
        else:
            for other in self.names[1:]:
                world.flows[LEADER, other].set(at, False, "cut")
                if fault == "partition":
                    world.flows[other, LEADER].set(at, False, "cut")

    def _seen(self, log: list[Election], at: float, rng: np.random.Generator) -> Predicted:
        """What polling and the writers would have seen of it."""
        won = next((e for e in log if e.kind == "leader" and e.time > at and e.member != LEADER), None)
        if won is None:
            terms = max((e.term for e in log if e.time > at), default=1) - 1
            return Predicted(None, terms, self._stepped(log, at, rng), self._outages(log, None, at, rng))
        terms = won.term - 1
        after = won.time - at + self._poll(rng)
        return Predicted(after, terms, self._stepped(log, at, rng), self._outages(log, won, at, rng))

    def _poll(self, rng: np.random.Generator) -> float:
        """From an event to the answer of the first poll after it."""
        return float(rng.random()) * self.setting.poll + float(rng.choice(self.machine.ask))

    def _stepped(self, log: list[Election], at: float, rng: np.random.Generator) -> float | None:
        if not self.setting.fault.startswith("partition"):
            return None
        down = next((e for e in log if e.kind == "step-down" and e.time > at and e.member == LEADER), None)
        return None if down is None else down.time - at + self._poll(rng)

    # --- what the writers see

    def _outages(
        self, log: list[Election], won: Election | None, at: float, rng: np.random.Generator
    ) -> list[float]:
        if not self._loaded:
            return []
        return [self._outage(m, log, won, at, rng) for m in self.names[1:]]

    def _outage(
        self, member: str, log: list[Election], won: Election | None, at: float, rng: np.random.Generator
    ) -> float:
        """From the fault to the first success of a put begun after it, for the writer at one survivor."""
        timeout, hop = self.setting.client_timeout, self.setting.link_delay
        latency = float(rng.choice(self.machine.put)) + 2 * hop + (2 * hop if member != LEADER else 0.0)
        if self.setting.fault == "kill-follower" or won is None:
            return (
                float(rng.random()) * PAUSE_S + latency if won is None and self._quiet(log, at) else math.inf
            )
        aware = self._knows_it_is_gone(member, log, won, at)
        back = won.time + (0.0 if member == won.member else hop)
        patience = min(timeout, 5.0 + 2 * self.setting.election)  # etcd's own time-out for a request
        start = at + float(rng.random()) * PAUSE_S
        if float(rng.random()) < latency / (latency + PAUSE_S):  # one was under way
            start = at + patience - float(rng.random()) * latency + PAUSE_S
        while True:
            if start >= back:
                return start + latency - at
            if start >= aware and back + latency <= start + patience:
                return back + latency - at
            start += patience + PAUSE_S

    def _quiet(self, log: list[Election], at: float) -> bool:
        return not any(e.kind == "step-down" and e.time > at for e in log)

    def _knows_it_is_gone(self, member: str, log: list[Election], won: Election, at: float) -> float:
        """When a survivor stopped forwarding to the lost leader: as it stands itself, or when asked for a real vote."""
        own = (e.time for e in log if e.member == member and e.time > at and e.kind == "pre-candidate")
        asked = (
            e.time + self.setting.link_delay
            for e in log
            if e.member != member and e.time > at and e.kind == "candidate"
        )
        return min([*own, *asked], default=won.time)
