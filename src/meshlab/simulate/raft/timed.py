"""A raft group in time: processes with clocks and disks of their own, on links with delays.

Each message is one event, and each synchronous write; but only while something changes. A follower that hears its
leader has no event to come: when it stops hearing it, the last heartbeats are drawn from when they must have been
sent (`quiet`). A group in which nobody can reach a quorum sleeps. So a quiet year costs nothing.

The order of work is etcd's (server/etcdserver/raft.go): a leader sends its messages while it writes, the others
write first; meanwhile messages are taken in, and what they lead to goes into the next batch. Messages of one
direction keep their order. What reaches a paused process waits for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from meshlab.simulate.raft import quiet
from meshlab.simulate.raft.host import Host
from meshlab.simulate.raft.member import Member, ProposalDropped, Role
from meshlab.simulate.raft.messages import (
    NOBODY,
    Change,
    ChangeKind,
    ConfChange,
    Entry,
    HardState,
    Kind,
    Membership,
    Message,
    Snapshot,
)
from meshlab.simulate.raft.ready import Node, Ready, UnknownPeer
from meshlab.simulate.raft.settings import Settings
from meshlab.simulate.raft.storage import Storage
from meshlab.simulate.raft.story import Story
from meshlab.simulate.raft_world import Agenda, Election, Reign, World

if TYPE_CHECKING:
    import numpy as np

_FROM_LEADER = frozenset({Kind.APP, Kind.HEARTBEAT, Kind.SNAP})
_EPS = 1e-9


class TimedGroup:
    """One group in one replicate; `run` gives the reigns of its leaders and its log of elections.

    Parameters
    ----------
    world
        Members, their reachability, delays in seconds.
    settings
        Of every member, in ticks.
    tick
        Seconds between two ticks; each member's clock has a phase of its own.
    leader
        Who leads at time 0; drawn among those who can when empty.
    fast_forward
        Ticks that a restarted member skips once it has an active peer.
    kept
        For how long entries are kept for a follower that lags behind, in seconds; after that it needs a snapshot.
    transfer
        Seconds that a snapshot takes to be sent, beside the delay of a message.
    """

    def __init__(
        self,
        world: World,
        settings: Settings,
        tick: float,
        rng: np.random.Generator,
        *,
        leader: str = "",
        fast_forward: int = 0,
        phases: dict[str, float] | None = None,
        kept: float = math.inf,
        transfer: float = 0.0,
    ) -> None:
        self.world = world
        self.settings = settings
        self.tick = tick
        self.rng = rng
        self.fast_forward = min(fast_forward, settings.election - 1)
        self.kept = kept
        self.transfer = transfer
        self.agenda = Agenda()
        self.story = Story()
        self.hosts: dict[int, Host] = {}
        self._ids = {name: ident for ident, name in enumerate(world.members, 1)}
        self._arrived: dict[tuple[int, int], float] = {}
        self._found(phases or {})
        self._begin(leader)

    # --- what callers use

    @property
    def members(self) -> dict[str, Host]:
        return {host.name: host for host in self.hosts.values()}

    def run(self, horizon: float) -> tuple[list[Reign], list[Election]]:
        """Gives what happens up to the horizon in seconds."""
        self.agenda.run(horizon, self._settle)
        for host in self.hosts.values():
            self.story.ends(host, math.inf)
        return self.story.reigns, self.story.log

    # --- founding

    def _found(self, phases: dict[str, float]) -> None:
        """Makes members that have been together for a while: term 1, the same configuration and log."""
        voters = tuple(self._ids[name] for name in self.world.voters(0.0))
        others = tuple(ident for ident in self._ids.values() if ident not in voters)
        first = Snapshot(1, 1, Membership(voters, (), others))
        for name, ident in self._ids.items():
            storage = Storage()
            storage.apply_snapshot(first)
            storage.hard = HardState(1, NOBODY, 1)
            phase = phases.get(name, float(self.rng.random()) * self.tick)
            node = Node(Member(ident, self.settings, storage, self._draw, applied=1))
            host = Host(ident, name, phase, storage, node, applied=1)
            host.up = self.world.running[name].at(0.0)
            self.hosts[ident] = host

    def _begin(self, leader: str) -> None:
        world = self.world
        able = [v for v in world.voters(0.0) if world.acts(v, 0.0)]
        best = [v for v in able if len(world.around(v, 0.0)) >= world.quorum(0.0)]
        chosen = leader if leader in best else ""
        if best and not chosen:
            chosen = best[int(self.rng.integers(len(best)))]
        for host in self.hosts.values():
            host.counted = self.ticks(host, 0.0)
            host.frozen = world.frozen[host.name].at(0.0)
        if chosen:
            first = self.hosts[self._ids[chosen]]
            quiet.crown(first, list(self.hosts.values()))
            for host in self.hosts.values():
                if host is not first and host.acts and world.arrives(chosen, host.name, 0.0):
                    host.member.lead = first.ident
                    host.node.resume()
                    host.calm = first
            self.story.begins(first)
        for host in self.hosts.values():
            if host.acts and host.calm is None:
                self.arm(host, 0.0)
        self._settle(0.0)
        for time in world.times():
            self.agenda.add(time, self._changed)

    # --- the world changes

    def _changed(self, now: float) -> None:
        if now > 0:
            quiet.write(self, now)
        for host in self.hosts.values():
            runs = self.world.running[host.name].at(now)
            if host.up and not runs:
                self._stop(host, now)
            elif runs and not host.up:
                self._restart(host, now)
            frozen = self.world.frozen[host.name].at(now)
            if frozen and not host.frozen:
                self.count(host, now)
                host.frozen = True
                self.disarm(host)
            elif host.frozen and not frozen:
                self._thaw(host, now)
        for host in self.hosts.values():
            if host.leads and host.acts:
                self._enrol(host, now)

    def _stop(self, host: Host, now: float) -> None:
        self.count(host, now)
        heir = self._heir(host, now) if now in self.world.leaving.get(host.name, ()) else None
        self.story.ends(host, now)
        if heir is not None:
            self.story.say(now, host, "transfer", f"{host.name} hands the leadership to {heir.name}")
            host.member.step(Message(Kind.TRANSFER_LEADER, sender=heir.ident))
            for message in host.member.outbox:  # its last words: they are under way when its machine goes down
                if message.kind is Kind.TIMEOUT_NOW:
                    self.in_flight(host, heir, message, now + self.world.delay(host.name, heir.name, now))
        host.up = False
        host.life += 1
        self.disarm(host)
        host.writing = host.asleep = False
        host.backlog.clear()
        host.calm = None

    def _heir(self, host: Host, now: float) -> Host | None:
        """Gives the follower to whom a leader that stops cleanly hands over: a voter that has everything."""
        if not host.leads:
            return None
        last = host.member.log.last_index
        voters = host.member.configuration.voters.everyone
        for other in self.hosts.values():
            progress = host.member.followers.get(other.ident)
            if other.calm is host and other.ident in voters and progress and progress.match == last:
                return other
        return None

    def _restart(self, host: Host, now: float) -> None:
        """A new process on the old disk; it skips ticks when it finds a peer (etcd's fast-forward)."""
        host.up = True
        host.phase = now
        host.node = Node(Member(host.ident, self.settings, host.storage, self._draw, applied=host.applied))
        host.counted = self.ticks(host, now)
        host.answering.clear()
        host.answered.clear()
        peers = (p for p in self.world.voters(now) if p != host.name)
        if any(self.world.touch(peer, host.name, now) for peer in peers):
            host.member.election_elapsed = self.fast_forward
        self.arm(host, now)

    def _thaw(self, host: Host, now: float) -> None:
        """A process goes on: its clock did not run, and what was sent to it is there."""
        host.frozen = False
        host.counted = self.ticks(host, now)
        for leader in self.hosts.values():
            spoke = leader is not host and leader.leads and leader.acts
            if spoke and self.world.arrives(leader.name, host.name, now):
                host.backlog.append(self._delivery(leader, host, quiet.heartbeat(leader, host)))
        backlog, host.backlog = host.backlog, []
        for action in backlog:
            action(now)
        self.arm(host, now)

    def _enrol(self, leader: Host, now: float) -> None:
        """Has a leader promote who should vote by now, and demote who should not; one at a time."""
        member = leader.member
        if member.pending_change > member.log.applied or member.configuration.voters.joint:
            return
        voters = member.configuration.voters.incoming
        for host in self.hosts.values():
            should = self.world.voting[host.name].at(now)
            if should == (host.ident in voters):
                continue
            kind = ChangeKind.ADD if should else ChangeKind.LEARNER
            change = ConfChange((Change(kind, host.ident),), simple=True)
            self.step(
                leader, Message(Kind.PROP, sender=leader.ident, entries=(Entry(0, 0, change=change),)), now
            )
            return

    # --- after every event

    def _settle(self, now: float) -> None:
        """Notices who hears its leader no more, whom a leader has to speak to, who may wake."""
        hosts = self.hosts.values()
        for host in hosts:
            if host.calm is not None and not quiet.hears(self, host, host.calm, now):
                quiet.lose(self, host, now)
        for host in hosts:
            if host.leads:
                quiet.watch(self, host, now)
            elif not host.acts:
                continue
            elif host.asleep and self._has_a_chance(host, now):
                self._wake(host, now)

    def _has_a_chance(self, host: Host, now: float) -> bool:
        """Whether a quorum could answer a member's question with yes.

        It cannot while too few voters hear it, or (leases) while they hear a leader. With PreVote a question
        without a chance changes nothing, so it need not be asked; without, nothing comes of it while no voter
        whatsoever could win.
        """
        world = self.world
        if not self.settings.prevote:
            return world.has_quorum(now)
        around: Collection[str] = world.around(host.name, now)
        if self.settings.check_quorum:
            led = {h.name for h in self.hosts.values() if h.calm is not None or h.leads}
            around = [name for name in around if name not in led]
        return len(around) >= world.quorum(now)

    def _wake(self, host: Host, now: float) -> None:
        """Takes a sleeper's timer up where it would be: it asks again every `timeout` ticks."""
        host.asleep = False
        passed = self.ticks(host, now) - self.ticks(host, host.asked)
        host.member.election_elapsed = passed % host.member.timeout
        host.counted = self.ticks(host, now)
        self.arm(host, now)

    # --- clocks

    def _draw(self) -> int:
        return self.settings.election + int(self.rng.integers(self.settings.election))

    def ticks(self, host: Host, time: float) -> int:
        """Gives the number of the last tick of a host's clock at an instant."""
        return math.floor((time - host.phase) / self.tick + _EPS)

    def count(self, host: Host, now: float) -> None:
        """Lets a member count the ticks that nothing came of."""
        number = self.ticks(host, now)
        passed = number - host.counted
        if passed <= 0:
            return
        host.counted = number
        member = host.member
        member.election_elapsed += passed
        if member.role is Role.LEADER:
            member.election_elapsed %= self.settings.election
        elif host.calm is not None:
            member.election_elapsed = 0

    def arm(self, host: Host, now: float) -> None:
        """Sets the alarm for the tick on which a member that hears no leader stands."""
        member = host.member
        if host.calm is not None or not host.acts or member.role is Role.LEADER or not member.promotable:
            self.disarm(host)
            return
        self.count(host, now)
        self.alarm(host, host.counted + max(1, member.timeout - member.election_elapsed), self._time_out)

    def disarm(self, host: Host) -> None:
        host.alarm += 1
        host.due = -1

    def alarm(self, host: Host, number: int, action: Callable[[Host, float], None]) -> None:
        """Does something on a host's tick of that number, unless the alarm is set anew before."""
        if host.due == number:
            return
        host.alarm += 1
        host.due = number
        serial = host.alarm

        def ring(now: float) -> None:
            if host.alarm == serial and host.acts:
                host.due = -1
                host.member.election_elapsed += number - 1 - host.counted
                host.counted = number
                action(host, now)

        self.agenda.add(host.phase + number * self.tick, ring)

    def _time_out(self, host: Host, now: float) -> None:
        member = host.member
        if not self._has_a_chance(host, now):
            member.become_pre_candidate()
            host.node.resume()
            host.asleep, host.asked = True, now
            member.election_elapsed = 0
            return
        before = self.story.seen(host)
        if before[0] is Role.CANDIDATE:
            self.story.no_majority(host, now)
        member.tick()
        if before[0] is member.role is Role.PRE_CANDIDATE:
            self.story.asks(host, now)
        self._after(host, before, now)

    def beat(self, leader: Host, now: float) -> None:
        """Lets a leader have a tick for real: heartbeats to those who need them, at times a look at its quorum."""
        member = leader.member
        member.heartbeat_elapsed = self.settings.heartbeat
        if member.election_elapsed + 1 >= self.settings.election:
            quiet.mark_active(self, leader, now)
        before = self.story.seen(leader)
        member.tick()
        self._after(leader, before, now)

    # --- messages

    def send(self, sender: Host, message: Message, now: float) -> None:
        """Puts a message on its way, if there is a way."""
        host = self.hosts.get(message.to)
        if host is None or not host.up or not self.world.arrives(sender.name, host.name, now):
            return
        if message.kind is Kind.HEARTBEAT and not message.context and quiet.settled(sender, host):
            return
        arrival = now + self.world.delay(sender.name, host.name, now)
        if message.kind is Kind.SNAP:
            arrival += self.transfer
        pair = (sender.ident, host.ident)
        arrival = self._arrived[pair] = max(arrival, self._arrived.get(pair, 0.0))
        self.agenda.add(arrival, self._delivery(sender, host, message))

    def _delivery(self, sender: Host, host: Host, message: Message) -> Callable[[float], None]:
        life = host.life

        def deliver(now: float) -> None:
            if host.life != life:
                return
            if host.frozen:
                host.backlog.append(deliver)
            else:
                self.step(host, message, now)
                if message.kind in _FROM_LEADER and quiet.hears(self, host, sender, now):
                    quiet.begin(self, host, sender, now)

        return deliver

    def in_flight(self, sender: Host, host: Host, message: Message, arrival: float) -> None:
        """Lets a message arrive that was sent before."""
        self.agenda.add(arrival, self._delivery(sender, host, message))

    def step(self, host: Host, message: Message, now: float) -> None:
        """Has a member take a message, and does what it then wants."""
        self.count(host, now)
        before = self.story.seen(host)
        try:
            host.node.step(message)
        except (UnknownPeer, ProposalDropped):
            return
        self._after(host, before, now)

    def _after(self, host: Host, before: tuple[Role, int, int], now: float) -> None:
        self.story.compare(host, before, now)
        member = host.member
        if member.role is not before[0] or member.term != before[1]:
            host.asleep = False
            self.disarm(host)
            if member.role is Role.LEADER:
                host.calm = None
                host.answering.clear()
                host.answered.clear()
        self.work(host, now)
        if member.role is not Role.LEADER and host.calm is None and not host.asleep:
            self.arm(host, now)

    # --- writes

    def work(self, host: Host, now: float) -> None:
        """Takes the next batch of effects, unless the last one is still being written."""
        while not host.writing and host.node.has_ready:
            batch = host.node.ready()
            leads = host.member.role is Role.LEADER
            if leads:
                for message in batch.messages:
                    self.send(host, message, now)
            if not batch.must_sync:
                self._written(host, batch, leads, now)
                continue
            host.writing = True
            self.agenda.add(now + self.world.fsync(host.name), self._completion(host, batch, leads))

    def _completion(self, host: Host, batch: Ready, sent: bool) -> Callable[[float], None]:
        life = host.life

        def complete(now: float) -> None:
            if host.life != life:
                return
            if host.frozen:
                host.backlog.append(complete)
                return
            host.writing = False
            self.count(host, now)
            self._written(host, batch, sent, now)
            self.work(host, now)

        return complete

    def _written(self, host: Host, batch: Ready, sent: bool, now: float) -> None:
        before = self.story.seen(host)
        host.store(batch.hard, batch.snapshot, batch.entries)
        changed = host.apply(batch.committed)
        if not sent:
            for message in batch.messages:
                self.send(host, message, now)
        host.node.advance()
        self.story.compare(host, before, now)
        if host.member.role is not Role.LEADER:
            if host.calm is None and not host.asleep and host.member.role is not before[0]:
                self.arm(host, now)
        elif changed or before[0] is not Role.LEADER or batch.committed:
            self._enrol(host, now)
