"""Elections of an etcd-io/raft group at message level: ticks, PreVote, CheckQuorum, votes, first commit.

Only what changes is simulated. A follower that hears its leader has no timer in the agenda; when it stops
hearing it, the timer is set from the last heartbeat that arrived. A group in which nobody can reach a quorum
sleeps until something changes. So a quiet year costs nothing.

The rules (etcd-io/raft raft.go, parameters.md A): the election time-out is a whole number of ticks drawn
uniformly from E..2E-1, counted on the member's own tick clock, whose phase is its own; the campaign begins on
the tick that completes the count. A voter in contact with a leader within E ticks answers no (pre-)vote. A
leader looks every E ticks whether a quorum has answered, and steps down if not. A term and a vote are on disk
before they are told.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from meshlab.model.units import duration
from meshlab.simulate.raft_world import Agenda, Election, Reign, World

if TYPE_CHECKING:
    import numpy as np

Role = Literal["follower", "precandidate", "candidate", "leader"]
Acknowledge = Callable[[str, float], None]
_EPS = 1e-9


@dataclass
class Member:
    """One member's raft state. `log` orders logs: (term of the last entry, how far in it, as a time)."""

    name: str
    phase: float
    timeout: int
    role: Role = "follower"
    term: int = 1
    vote: str = ""
    lead: str = ""
    base: float = 0.0
    log: tuple[int, float] = (1, 0.0)
    heard: bool = False
    asleep: bool = False
    alive: bool = True
    timer: int = 0
    granted: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    lost_contact: dict[str, float] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)
    checking: bool = False
    missing: bool = False
    paused_at: float = -1.0


class EtcdGroup:
    """One group in one replicate; `run` gives the reigns of its leaders and its log of elections.

    Parameters
    ----------
    world
        Members, their reachability, delays in seconds.
    heartbeat, election
        etcd's settings in seconds; a tick is one heartbeat interval.
    rng
        Everything random in this group comes from it.
    leader
        Who leads at time 0; drawn among those who can when empty.
    fast_forward
        Ticks that a restarted member skips once it has an active peer.
    """

    def __init__(
        self,
        world: World,
        *,
        heartbeat: float,
        election: float,
        rng: np.random.Generator,
        leader: str = "",
        prevote: bool = True,
        check_quorum: bool = True,
        fast_forward: int = 8,
        phases: dict[str, float] | None = None,
    ) -> None:
        self.world = world
        self.tick = heartbeat
        self.ticks = max(1, round(election / heartbeat))
        self.rng = rng
        self.prevote = prevote
        self.check_quorum = check_quorum
        self.fast_forward = min(fast_forward, self.ticks - 1)
        self.agenda = Agenda()
        self.members = {
            name: Member(name, (phases or {}).get(name, float(rng.random()) * heartbeat), self._draw())
            for name in world.members
        }
        self.reigns: list[Reign] = []
        self.log: list[Election] = []
        self._open: dict[str, tuple[int, float, float]] = {}
        self._silent_since = 0.0
        self._start(leader)

    # --- what callers use

    def run(self, horizon: float) -> tuple[list[Reign], list[Election]]:
        """Gives what happens up to the horizon in seconds."""
        self.agenda.run(horizon, self._settle)
        for member in self.members.values():
            if member.role == "leader":
                self._end_reign(member, math.inf)
        return self.reigns, self.log

    # --- set-up and changes from below

    def _start(self, leader: str) -> None:
        able = [v for v in self.world.voters(0.0) if self.world.acts(v, 0.0)]
        best = [v for v in able if len(self.world.around(v, 0.0)) >= self.world.quorum(0.0)]
        chosen = leader if leader in best else ""
        if best and not chosen:
            chosen = best[int(self.rng.integers(len(best)))]
        for member in self.members.values():
            member.alive = self.world.running[member.name].at(0.0)
        if chosen:
            first = self.members[chosen]
            first.role, first.lead = "leader", chosen
            self._open[chosen] = (1, 0.0, 0.0)
            for member in self.members.values():
                member.lead = chosen if self.world.arrives(chosen, member.name, 0.0) else ""
                member.heard = member is not first and bool(member.lead) and member.alive
        for member in self.members.values():
            if member.alive and not member.heard and member.role != "leader":
                self._set_timer(member, 0.0)
        for time in self.world.times():
            self.agenda.add(time, self._changed)

    def _changed(self, now: float) -> None:
        for member in self.members.values():
            runs = self.world.running[member.name].at(now)
            if member.alive and not runs:
                self._stop(member, now)
            elif runs and not member.alive:
                self._restart(member, now)
            frozen = self.world.frozen[member.name].at(now)
            if frozen and member.paused_at < 0:
                member.paused_at = now
                member.timer += 1
            elif not frozen and member.paused_at >= 0:
                member.base += now - member.paused_at
                member.paused_at = -1.0
                if member.alive and member.role != "leader":
                    self._set_timer(member, now)
        for leader in self.members.values():
            if leader.role == "leader" and leader.alive:
                self._greet(leader, now)

    def _stop(self, member: Member, now: float) -> None:
        member.alive = False
        member.timer += 1
        if member.role == "leader":
            self._silent_since = now if not member.missing else self._silent_since
            self._end_reign(member, now)
            member.log = (member.term, now)
            if now in self.world.leaving.get(member.name, ()):
                self._hand_over(member, now)
        member.role, member.lead = "follower", ""

    def _hand_over(self, member: Member, now: float) -> None:
        """A leader that stops cleanly tells a follower to stand at once, without pre-vote or lease."""
        heirs = [m for m in self.members.values() if m.heard and m.lead == member.name and m.alive]
        heirs = [m for m in heirs if self.world.voting[m.name].at(now)]
        if heirs:
            heir, term = heirs[0], member.term
            self._say(now, member, "transfer", f"{member.name} hands the leadership to {heir.name}")

            def stand(time: float) -> None:
                if heir.alive and heir.term == term and self.world.acts(heir.name, time):
                    self._campaign(heir, time, force=True)

            self.agenda.add(now + self.world.delay(member.name, heir.name, now), stand)

    def _restart(self, member: Member, now: float) -> None:
        member.alive, member.role, member.lead, member.heard = True, "follower", "", False
        member.timeout = self._draw()
        peers = [
            p for p in self.world.voters(now) if p != member.name and self.world.touch(p, member.name, now)
        ]
        member.base = now - (self.fast_forward * self.tick if peers else 0.0)
        self._set_timer(member, now)

    def _settle(self, now: float) -> None:
        """Notices who has lost or found its leader, and leaders who have lost their quorum."""
        for member in self.members.values():
            if not member.alive or member.role == "leader":
                continue
            lead = self.members.get(member.lead) if member.heard else None
            if lead is not None and not self._hears(member, lead, now):
                self._lost_leader(member, lead, now)
            stale = self._stale_leader(member, now)
            if stale is not None:
                self._append(stale, member, self._tick_after(stale, now), heartbeat=True)
        for member in self.members.values():
            if member.role == "leader" and member.alive:
                self._watch_quorum(member, now)
            elif member.asleep and member.alive and self._has_a_chance(member, now):
                self._wake(member, now)

    def _has_a_chance(self, member: Member, now: float) -> bool:
        """Whether a quorum could answer a member's question with yes.

        It cannot while too few voters hear it, or (leases) while they hear a leader. With PreVote a question
        without a chance changes nothing, so it need not be asked.
        """
        around = self.world.around(member.name, now)
        if not self.prevote:
            return self.world.has_quorum(now)
        if self.check_quorum:
            others = self.members
            around = [v for v in around if not others[v].heard and others[v].role != "leader"]
        return len(around) >= self.world.quorum(now)

    def _wake(self, member: Member, now: float) -> None:
        """Takes a sleeper's timer up where it would be: it asks again every `timeout` ticks."""
        member.asleep = False
        period = member.timeout * self.tick
        member.base += math.floor((now - member.base) / period + _EPS) * period
        self._set_timer(member, now)

    def _stale_leader(self, member: Member, now: float) -> Member | None:
        """A leader of an older term whose next heartbeat this member will refuse, once for each term."""
        for other in self.members.values():
            if (
                other.role != "leader"
                or other.term >= member.term
                or other.told.get(member.name) == member.term
            ):
                continue
            if self.world.acts(other.name, now) and self.world.arrives(other.name, member.name, now):
                other.told[member.name] = member.term
                return other
        return None

    def _hears(self, member: Member, lead: Member, now: float) -> bool:
        return (
            lead.alive
            and lead.role == "leader"
            and lead.term == member.term
            and member.lead == lead.name
            and self.world.acts(lead.name, now)
            and self.world.acts(member.name, now)
            and self.world.arrives(lead.name, member.name, now)
        )

    def _lost_leader(self, member: Member, lead: Member, now: float) -> None:
        """Sets the timer from the last heartbeat that came through."""
        member.heard = False
        member.log = (member.term, now)
        sent = lead.phase + math.floor((now - lead.phase) / self.tick) * self.tick
        delay = self.world.delay(lead.name, member.name, now)
        member.base = max(sent + delay, member.base)
        self._set_timer(member, now)

    def _greet(self, leader: Member, now: float) -> None:
        """Sends the next heartbeat to members that the leader can reach and that do not follow it."""
        for member in self.members.values():
            if member is leader or not member.alive or (member.heard and member.lead == leader.name):
                continue
            if self.world.acts(leader.name, now) and self.world.arrives(leader.name, member.name, now):
                sent = self._tick_after(leader, now)
                self._append(leader, member, sent, heartbeat=True)

    # --- timers

    def _draw(self) -> int:
        return self.ticks + int(self.rng.integers(self.ticks))

    def _tick_after(self, member: Member, time: float, count: int = 1) -> float:
        """The instant of the count-th tick of a member's clock after `time`."""
        done = math.floor((time - member.phase) / self.tick + _EPS)
        return member.phase + (done + count) * self.tick

    def _elapsed(self, member: Member, now: float) -> int:
        since = math.floor((member.base - member.phase) / self.tick + _EPS)
        return math.floor((now - member.phase) / self.tick + _EPS) - since

    def _set_timer(self, member: Member, now: float) -> None:
        member.timer += 1
        timer = member.timer
        due = max(self._tick_after(member, member.base, member.timeout), now)

        def fire(time: float) -> None:
            if member.timer == timer and member.alive and member.role != "leader":
                self._timed_out(member, time)

        self.agenda.add(due, fire)

    def _timed_out(self, member: Member, now: float) -> None:
        if not self.world.acts(member.name, now) or not self.world.voting[member.name].at(now):
            return
        member.lead, member.heard = "", False
        if member.role == "candidate":
            self._say(now, member, "split-vote", f"no majority for {member.name} in term {member.term}")
        member.base = now
        if not self._has_a_chance(member, now):
            member.role, member.asleep = "precandidate", True
            return
        if not self.prevote:
            self._campaign(member, now)
            return
        member.role = "precandidate"
        member.granted, member.refused = {member.name}, set()
        self._say(
            now, member, "pre-candidate", f"{member.name} asks whether it may stand in term {member.term + 1}"
        )
        if self._won(member, now):
            self._campaign(member, now)
            return
        for voter in self.world.voters(now):
            if voter != member.name:
                self._ask(member, self.members[voter], member.term + 1, now, pre=True)
        self._set_timer(member, now)

    # --- votes

    def _campaign(self, member: Member, now: float, *, force: bool = False) -> None:
        member.role, member.lead, member.heard = "candidate", "", False
        member.term += 1
        member.vote = member.name
        member.timeout = self._draw()
        member.base = now
        member.granted, member.refused = {member.name}, set()
        self._say(now, member, "candidate", f"{member.name} stands in term {member.term}")
        written = now + self.world.fsync(member.name)
        if self._won(member, now):
            term = member.term
            self.agenda.add(written, lambda time: self._lead_if(member, term, time))
            return
        for voter in self.world.voters(now):
            if voter != member.name:
                self._ask(member, self.members[voter], member.term, written, pre=False, force=force)
        self._set_timer(member, now)

    def _lead_if(self, member: Member, term: int, now: float) -> None:
        if member.alive and member.role == "candidate" and member.term == term:
            self._become_leader(member, now)

    def _ask(
        self, asker: Member, voter: Member, term: int, sent: float, *, pre: bool, force: bool = False
    ) -> None:
        log = asker.log
        if not self.world.arrives(asker.name, voter.name, sent):
            return
        arrival = sent + self.world.delay(asker.name, voter.name, sent)

        def receive(now: float) -> None:
            if voter.alive and self.world.acts(voter.name, now):
                self._answer(asker, voter, term, log, now, pre, force)

        self.agenda.add(arrival, receive)

    def _answer(
        self,
        asker: Member,
        voter: Member,
        term: int,
        log: tuple[int, float],
        now: float,
        pre: bool,
        force: bool,
    ) -> None:
        if term > voter.term:
            if not force and self._in_lease(voter, now):
                return
            if not pre:
                self._follow(voter, term, now)
        elif term < voter.term:
            if pre:
                self._reply(asker, voter, voter.term, False, now, pre)
            return
        free = voter.vote in ("", asker.name) and not voter.lead
        may = (pre and term > voter.term) or voter.vote == asker.name or free
        grants = may and log >= self._log_of(voter)
        if grants and not pre:
            voter.vote = asker.name
            voter.base = now
            if voter.role != "leader":
                self._set_timer(voter, now)
            self._reply(asker, voter, term, True, now + self.world.fsync(voter.name), pre)
        else:
            self._reply(asker, voter, term if grants else voter.term, grants, now, pre)

    def _log_of(self, member: Member) -> tuple[int, float]:
        return (member.term, math.inf) if member.heard or member.role == "leader" else member.log

    def _in_lease(self, voter: Member, now: float) -> bool:
        if not self.check_quorum or not voter.lead:
            return False
        return voter.heard or voter.role == "leader" or self._elapsed(voter, now) < self.ticks

    def _reply(self, asker: Member, voter: Member, term: int, grants: bool, sent: float, pre: bool) -> None:
        asked = asker.term + 1 if pre else asker.term
        role = asker.role
        if not self.world.arrives(voter.name, asker.name, sent):
            return
        arrival = sent + self.world.delay(voter.name, asker.name, sent)

        def receive(now: float) -> None:
            if not asker.alive or not self.world.acts(asker.name, now):
                return
            if not grants and term > asker.term:
                self._follow(asker, term, now)
                return
            wanted = "precandidate" if pre else "candidate"
            if asker.role != wanted or role != wanted or asked != asker.term + (1 if pre else 0):
                return
            (asker.granted if grants else asker.refused).add(voter.name)
            if self._won(asker, now):
                if pre:
                    self._campaign(asker, now)
                else:
                    self._become_leader(asker, now)
            elif len(asker.refused) >= self.world.quorum(now):
                if not pre:
                    self._say(now, asker, "split-vote", f"{asker.name} lost the vote of term {asker.term}")
                self._follow(asker, asker.term, now)

        self.agenda.add(arrival, receive)

    def _won(self, member: Member, now: float) -> bool:
        voters = set(self.world.voters(now))
        return len(member.granted & voters) >= self.world.quorum(now)

    def _follow(self, member: Member, term: int, now: float, lead: str = "") -> None:
        if member.role == "leader":
            self._silent_since = now if not member.missing else self._silent_since
            self._end_reign(member, now)
            member.log = (member.term, now)
            if term > member.term:
                self._say(now, member, "step-down", f"{member.name} stepped down for term {term}")
        if term > member.term:
            member.vote = ""
        member.term, member.role, member.lead = term, "follower", lead
        member.heard, member.asleep = bool(lead), False
        member.timeout, member.base = self._draw(), now
        member.timer += 1
        if not lead:
            self._set_timer(member, now)

    # --- leading

    def _become_leader(self, member: Member, now: float) -> None:
        member.role, member.lead, member.heard, member.checking = "leader", member.name, False, False
        member.timer += 1
        member.base = now
        member.lost_contact, member.told = {}, {}
        self._open[member.name] = (member.term, now, math.inf)
        self._say(now, member, "leader", f"{member.name} won the election of term {member.term}")
        acks: set[str] = set()
        term = member.term

        def acknowledged(voter: str, time: float) -> None:
            if member.role != "leader" or member.term != term or not member.alive:
                return
            acks.add(voter)
            if len(acks & set(self.world.voters(time))) >= self.world.quorum(time):
                self._committed(member, time)

        written = now + self.world.fsync(member.name)
        self.agenda.add(written, lambda time: acknowledged(member.name, time))
        for other in self.members.values():
            if other is not member:
                self._append(member, other, now, acknowledged=acknowledged)

    def _committed(self, member: Member, now: float) -> None:
        term, elected, serving = self._open[member.name]
        if math.isinf(serving):
            self._open[member.name] = (term, elected, now)
            self._say(now, member, "commit", f"{member.name} committed its first entry of term {term}")

    def _append(
        self,
        leader: Member,
        member: Member,
        sent: float,
        *,
        heartbeat: bool = False,
        acknowledged: Acknowledge | None = None,
    ) -> None:
        term = leader.term

        def send(now: float) -> None:
            still = leader.alive and leader.role == "leader" and leader.term == term
            if (
                still
                and self.world.acts(leader.name, now)
                and self.world.arrives(leader.name, member.name, now)
            ):
                self.agenda.add(now + self.world.delay(leader.name, member.name, now), receive)

        def receive(now: float) -> None:
            if not member.alive or not self.world.acts(member.name, now) or member is leader:
                return
            if term < member.term:
                if self.world.arrives(member.name, leader.name, now):
                    self.agenda.add(now + self.world.delay(member.name, leader.name, now), refused)
                return
            if member.role == "leader" and term == member.term:
                return
            self._follow(member, term, now, lead=leader.name)
            member.log = (term, now)
            if not self._hears(member, leader, now):
                member.heard = False
                self._set_timer(member, now)
            if acknowledged is not None and self.world.arrives(member.name, leader.name, now):
                done = now + self.world.fsync(member.name)
                back = done + self.world.delay(member.name, leader.name, done)
                self.agenda.add(back, lambda time: acknowledged(member.name, time))

        def refused(now: float) -> None:
            if leader.alive and leader.role == "leader" and member.term > leader.term:
                self._follow(leader, member.term, now)

        if heartbeat:
            self.agenda.add(sent, send)
        else:
            send(sent)

    def _watch_quorum(self, leader: Member, now: float) -> None:
        """Notes since when followers do not answer; looks at it every E ticks while a quorum is missing."""
        voters = self.world.voters(now)
        for voter in voters:
            if voter == leader.name or self.world.touch(leader.name, voter, now):
                leader.lost_contact.pop(voter, None)
            else:
                leader.lost_contact.setdefault(voter, now)
        missing = len(voters) - len(leader.lost_contact) < self.world.quorum(now)
        if missing and not leader.missing:
            self._silent_since = now
        leader.missing = missing
        if missing and self.check_quorum and not leader.checking and self.world.acts(leader.name, now):
            leader.checking = True
            period = self.ticks * self.tick
            passed = math.floor((now - leader.base) / period + _EPS)
            self._check_at(leader, leader.base + (passed + 1) * period, leader.term)

    def _check_at(self, leader: Member, due: float, term: int) -> None:
        def check(now: float) -> None:
            if not leader.alive or leader.role != "leader" or leader.term != term:
                return
            if not self.world.acts(leader.name, now):
                leader.checking = False
                return
            period = self.ticks * self.tick
            voters = self.world.voters(now)
            active = [v for v in voters if leader.lost_contact.get(v, math.inf) > now - period + self.tick]
            if len(active) >= self.world.quorum(now):
                if len(leader.lost_contact) > len(voters) - self.world.quorum(now):
                    self._check_at(leader, now + period, term)
                else:
                    leader.checking = False
                return
            leader.checking = False
            self._say(now, leader, "step-down", f"{leader.name} stepped down: no quorum answers it")
            self._follow(leader, leader.term, now)

        self.agenda.add(due, check)

    def _end_reign(self, member: Member, now: float) -> None:
        if member.name in self._open:
            term, elected, serving = self._open.pop(member.name)
            self.reigns.append(Reign(member.name, term, elected, min(serving, now), now))
        member.checking = member.missing = False

    def _say(self, now: float, member: Member, kind: str, text: str) -> None:
        if kind == "leader" and self._silent_since < now:
            text += f" {duration(now - self._silent_since)} after the last leader was lost"
        self.log.append(Election(now, member.name, member.term, kind, text))
