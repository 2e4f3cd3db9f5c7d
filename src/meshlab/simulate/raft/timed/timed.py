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

from meshlab.simulate.raft.member import Member
from meshlab.simulate.raft.membership import MembershipError
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
from meshlab.simulate.raft.quorum import Verdict
from meshlab.simulate.raft.ready import Node, Ready, UnknownPeer
from meshlab.simulate.raft.settings import Settings
from meshlab.simulate.raft.state import ProposalDropped, Role
from meshlab.simulate.raft.storage import Storage
from meshlab.simulate.raft.timed import quiet
from meshlab.simulate.raft.timed.host import Host
from meshlab.simulate.raft.timed.story import Seen, Story
from meshlab.simulate.raft.timed.world import Agenda, Election, Reign, World

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

    writes_first = False
    """Whether a leader, too, sends its entries only when it has written them."""
    timer_runs_on = False
    """Whether a follower's timer runs on when it learns of a newer term."""

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
        self.members: dict[str, Host] = {}
        self._ids = {name: ident for ident, name in enumerate(world.members, 1)}
        self._arrived: dict[tuple[int, int], float] = {}
        self._open: set[tuple[int, int]] = set()
        self._around: dict[int, list[Host]] = {}
        self.stirred = True
        self._found(phases or {})
        self._begin(leader)

    # --- what callers use

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
            self.hosts[ident] = self.members[name] = host

    def _begin(self, leader: str) -> None:
        world = self.world
        self._look_around(0.0)
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
                if host is not first and host.acts and self.reaches(first, host):
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

    def _look_around(self, now: float) -> None:
        """Notes the ways that are open until the world changes again."""
        self._around.clear()
        flows = self.world.flows.items()
        self._open = {(self._ids[a], self._ids[b]) for (a, b), track in flows if track.at(now)}

    def reaches(self, sender: Host, host: Host) -> bool:
        """Whether what one member sends to another arrives, as things are."""
        return (sender.ident, host.ident) in self._open

    def around(self, host: Host) -> list[Host]:
        """Gives the members with whom one can exchange messages, itself included."""
        found = self._around.get(host.ident)
        if found is None:
            found = [
                other
                for other in self.hosts.values()
                if other is host
                or (other.acts and host.acts and self.reaches(host, other) and self.reaches(other, host))
            ]
            self._around[host.ident] = found
        return found

    def could_win(self, host: Host, open_to: Collection[Host]) -> bool:
        """Whether the votes of some members would make one the leader, as far as it knows who votes."""
        voters = host.member.configuration.voters
        granting = {other.ident for other in open_to}
        return voters.verdict({ident: ident in granting for ident in voters.everyone}) is Verdict.WON

    def _changed(self, now: float) -> None:
        if now > 0:
            quiet.write(self, now)
        self.stirred = True
        self._look_around(now)
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
        self._around.clear()
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
            # its last words are under way when its machine goes down
            for message in host.member.outbox:
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
        host.boot(Node(Member(host.ident, self.settings, host.storage, self._draw, applied=host.applied)))
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
            if spoke and self.reaches(leader, host):
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
            try:
                member.changer().apply(change)
            except MembershipError:  # the last voter stays one
                continue
            self.step(
                leader, Message(Kind.PROP, sender=leader.ident, entries=(Entry(0, 0, change=change),)), now
            )
            return

    # --- after every event

    def _settle(self, now: float) -> None:
        """Notices who hears its leader no more, whom a leader has to speak to, who may wake."""
        if not self.stirred:
            return
        self.stirred = False
        hosts = self.hosts.values()
        for host in hosts:
            if host.calm is not None and not quiet.hears(self, host, host.calm):
                self.lost(host, now)
        for host in hosts:
            if host.leads:
                self.watch(host, now)
            elif not host.acts:
                continue
            elif host.asleep and self.has_a_chance(host):
                self._wake(host, now)

    def has_a_chance(self, host: Host) -> bool:
        """Whether a quorum could answer a member's question with yes.

        It cannot while too few voters hear it, or (leases) while they hear a leader. With PreVote a question
        without a chance changes nothing, so it need not be asked; without, nothing comes of it while no voter
        whatsoever could win.
        """
        if not self.settings.prevote:
            return any(
                self.could_win(other, self.around(other)) for other in self.hosts.values() if other.acts
            )
        around = self.around(host)
        return self.could_win(host, [other for other in around if other is host or self.may_grant(other)])

    def may_grant(self, host: Host) -> bool:
        """Whether a voter would answer a candidate with yes, if the logs allow it."""
        return not self.settings.check_quorum or (host.calm is None and not host.leads)

    def _wake(self, host: Host, now: float) -> None:
        """Takes a sleeper's timer up where it would be: it asks again every `timeout` ticks."""
        host.asleep = False
        passed = self.ticks(host, now) - self.ticks(host, host.asked)
        host.member.election_elapsed = passed % host.member.timeout
        host.counted = self.ticks(host, now)
        self.arm(host, now)

    # --- what depends on the kind of clock

    def lost(self, host: Host, now: float) -> None:
        """Notes that a follower hears its leader no more."""
        quiet.lose(self, host, now)

    def watch(self, leader: Host, now: float) -> None:
        """Notes who answers a leader, and what it has to do by itself."""
        quiet.watch(self, leader, now)

    def found(self, host: Host) -> None:
        """Notes that a member follows or leads."""

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
            if host.alarm != serial:
                return
            host.due = -1
            if host.acts:
                host.member.election_elapsed += number - 1 - host.counted
                host.counted = number
                action(host, now)

        self.agenda.add(host.phase + number * self.tick, ring)

    def _time_out(self, host: Host, now: float) -> None:
        member = host.member
        if not self.has_a_chance(host):
            member.become_pre_candidate()
            host.node.resume()
            host.asleep, host.asked = True, now
            self.stirred = True
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
        if host is None or not host.up or not self.reaches(sender, host):
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
                if message.kind in _FROM_LEADER and quiet.hears(self, host, sender):
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

    def _after(self, host: Host, before: Seen, now: float) -> None:
        """Tells what has become of a member, does what it wants, sets its alarm."""
        self._note(host, before, now)
        if not host.writing:
            self.work(host, now)
        if host.due < 0 and host.calm is None and not host.asleep and host.member.role is not Role.LEADER:
            self.arm(host, now)

    def _note(self, host: Host, before: Seen, now: float) -> None:
        member = host.member
        role = member.role
        if (
            role is Role.LEADER
            or role is not before[0]
            or member.term != before[1]
            or member.lead != before[2]
        ):
            self.stirred = True
            self.story.compare(host, before, now)
            if role is not before[0] or member.term != before[1]:
                host.asleep = False
                if role is not before[0] or not self.timer_runs_on:
                    self.disarm(host)
                if role is Role.LEADER:
                    host.calm = None
                    host.answering.clear()
                    host.answered.clear()
                    self.found(host)

    # --- writes

    def work(self, host: Host, now: float) -> None:
        """Takes the next batch of effects, unless the last one is still being written."""
        while not host.writing and host.node.has_ready:
            batch = host.node.ready()
            leads = host.member.role is Role.LEADER and not (self.writes_first and batch.must_sync)
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
        self._note(host, before, now)
        if host.member.role is not Role.LEADER:
            if host.calm is None and not host.asleep:
                self.arm(host, now)
        elif changed or before[0] is not Role.LEADER or batch.committed:
            self._enrol(host, now)
