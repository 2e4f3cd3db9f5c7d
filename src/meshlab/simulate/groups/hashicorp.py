"""Elections of a hashicorp/raft group (Vault, OpenBao) at message level: timers, lease, pre-vote, votes.

The rules (hashicorp/raft 1.7 raft.go; parameters.md C). They are not etcd's, and they are slower than the
time-outs suggest:

- A follower's timer is a renewal process: it runs U(H, 2H), is *not* put back by a contact, and when it ends
  the follower only looks whether the last contact is older than H. So a lost leader is noticed H plus the
  rest of a running timer later, not U(H, 2H) later.
- A voter that still believes in a leader refuses every vote and pre-vote. So of two survivors the first to
  notice cannot win: it waits for its next round, or for the second to notice. The second usually wins.
- A leader that has not heard a quorum for its lease (2.5 s) steps down.
- A started member multiplies its time-outs by three until it follows or leads for the first time; the timer
  that it set at its start (15-30 s) runs on. A leader lost soon after a restart is noticed that much later.

Seen so in the logs of three OpenBao 2.x processes whose active one was killed: the first to notice is refused
("we have a leader"), waits for its election time-out, and votes for the second as soon as that one notices.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from meshlab.simulate.raft.timed.world import Agenda, Election, Reign, World

if TYPE_CHECKING:
    import numpy as np

    from meshlab.model.distribution import Distribution

Role = Literal["follower", "candidate", "leader"]
Action = Callable[[float], None]
Acknowledge = Callable[[str, float], None]


@dataclass
class Member:
    """One member's state; `log` orders logs as in the etcd group."""

    name: str
    role: Role = "follower"
    term: int = 1
    vote: str = ""
    lead: str = ""
    contact: float = 0.0
    log: tuple[int, float] = (1, 0.0)
    heard: bool = False
    asleep: bool = False
    alive: bool = True
    fresh: bool = False
    timer: int = 0
    due: float = 0.0
    round: int = 0
    granted: set[str] = field(default_factory=set)
    lease_watch: bool = False


class HashicorpGroup:
    """One group in one replicate; `run` gives the reigns of its leaders and its log of elections.

    Parameters
    ----------
    world
        Members, their reachability, delays in seconds.
    heartbeat, election, lease
        The effective time-outs in seconds (base times performance multiplier).
    rng
        Everything random in this group comes from it.
    leader
        Who leads at time 0; drawn among those who can when empty.
    startup
        Factor on the time-outs of a member that has just started.
    reconnect
        How long a leader waits before it tries a lost follower again, in seconds.
    """

    def __init__(
        self,
        world: World,
        *,
        heartbeat: float,
        election: float,
        lease: float,
        rng: np.random.Generator,
        leader: str = "",
        prevote: bool = True,
        startup: float = 3.0,
        reconnect: Distribution | None = None,
        commit_interval: Distribution | None = None,
    ) -> None:
        self.world = world
        self.heartbeat, self.election, self.lease = heartbeat, election, lease
        self.rng = rng
        self.prevote = prevote
        self.startup = startup
        self.reconnect = reconnect
        self.commit_interval = commit_interval
        self.agenda = Agenda()
        self.members = {name: Member(name) for name in world.members}
        self.reigns: list[Reign] = []
        self.log: list[Election] = []
        self._open: dict[str, tuple[int, float, float]] = {}
        self._start(leader)

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
            if chosen and member.alive:
                member.lead = chosen if self.world.arrives(chosen, member.name, 0.0) else ""
                member.heard = member.name != chosen and bool(member.lead)
            if member.alive and not member.heard and member.name != chosen:
                self._set_timer(member, 0.0)
        if chosen:
            self.members[chosen].role = "leader"
            self._open[chosen] = (1, 0.0, 0.0)
        for time in self.world.times():
            self.agenda.add(time, self._changed)

    def _changed(self, now: float) -> None:
        for member in self.members.values():
            runs = self.world.running[member.name].at(now)
            if member.alive and not runs:
                self._stop(member, now)
            elif runs and not member.alive:
                member.alive, member.fresh, member.lead, member.contact = True, True, "", -math.inf
                self._set_timer(member, now)
        for leader in self.members.values():
            if leader.role == "leader" and leader.alive:
                self._seek(leader, now)

    def _stop(self, member: Member, now: float) -> None:
        member.alive = False
        member.timer += 1
        member.round += 1
        if member.role == "leader":
            self._end_reign(member, now)
            member.log = (member.term, now)
            if now in self.world.leaving.get(member.name, ()):
                self._hand_over(member, now)
        member.role, member.lead, member.heard, member.asleep = "follower", "", False, False

    def _hand_over(self, member: Member, now: float) -> None:
        """An active node that stops cleanly transfers the leadership when it gives up its lock."""
        heirs = [m for m in self.members.values() if m.heard and m.lead == member.name and m.alive]
        heirs = [m for m in heirs if self.world.voting[m.name].at(now)]
        if heirs:
            heir, term = heirs[0], member.term
            self._say(now, member, "transfer", f"{member.name} hands the leadership to {heir.name}")

            def stand(time: float) -> None:
                if heir.alive and heir.term == term and self.world.acts(heir.name, time):
                    heir.role, heir.lead, heir.heard = "candidate", "", False
                    self._elect(heir, time, force=True)

            self.agenda.add(now + self.world.delay(member.name, heir.name, now), stand)

    def _settle(self, now: float) -> None:
        for member in self.members.values():
            if member.alive and member.heard:
                lead = self.members[member.lead]
                if not self._hears(member, lead, now):
                    member.heard = False
                    member.log = (member.term, now)
                    since = float(self.rng.random()) * (
                        float(self.commit_interval.sample(self.rng)) if self.commit_interval else 0.0
                    )
                    member.contact = now - since
                    self._set_timer(member, now, running=True)
        for member in self.members.values():
            if member.role == "leader" and member.alive:
                self._watch_lease(member, now)
            elif member.asleep and member.alive and self._has_a_chance(member, now):
                member.asleep = False
                wait = self._scaled(member, self.election) * float(self.rng.random())
                self.agenda.add(now + wait, self._round_of(member))

    def _has_a_chance(self, member: Member, now: float) -> bool:
        """Whether a quorum could grant a candidate its vote: hears it, and believes in no leader."""
        if not self.prevote:
            return self.world.has_quorum(now)
        around = self.world.around(member.name, now)
        open_to = [v for v in around if v == member.name or not self.members[v].lead]
        return len(open_to) >= self.world.quorum(now)

    def _hears(self, member: Member, lead: Member, now: float) -> bool:
        return (
            lead.alive
            and lead.role == "leader"
            and lead.term == member.term
            and self.world.acts(lead.name, now)
            and self.world.acts(member.name, now)
            and self.world.arrives(lead.name, member.name, now)
        )

    def _seek(self, leader: Member, now: float) -> None:
        """A leader tries followers that it can reach again, after its back-off."""
        for member in self.members.values():
            if member is leader or not member.alive or (member.heard and member.lead == leader.name):
                continue
            if self.world.touch(leader.name, member.name, now):
                wait = float(self.reconnect.sample(self.rng)) if self.reconnect else 0.0
                self.agenda.add(now + wait, self._append_to(leader, member, leader.term))

    # --- timers

    def _scaled(self, member: Member, timeout: float) -> float:
        return timeout * (self.startup if member.fresh else 1.0)

    def _set_timer(self, member: Member, now: float, *, running: bool = False) -> None:
        """Starts the follower's timer, or, for one that has long been running, draws what is left of it."""
        member.timer += 1
        timer, base = member.timer, self._scaled(member, self.heartbeat)
        if running and member.due > now:  # the long timer of its start still runs
            due = member.due
        elif running:  # stationary renewal process of U(T, 2T): a length-biased life, cut at a uniform place
            life = base * math.sqrt(1 + 3 * float(self.rng.random()))
            due = now + life * float(self.rng.random())
        else:
            due = now + base * (1 + float(self.rng.random()))
        member.due = due

        def fire(time: float) -> None:
            if member.timer != timer or not member.alive or member.heard or member.role != "follower":
                return
            if not self.world.acts(member.name, time):
                resumed = self.world.frozen[member.name].next_at(time, False)
                if resumed < math.inf:
                    self._set_timer(member, resumed)
                return
            if time - member.contact < self._scaled(member, self.heartbeat):
                self._set_timer(member, time)
                return
            member.lead = ""
            if self.world.voting[member.name].at(time):
                self._say(time, member, "heartbeat-timeout", f"{member.name} noticed that it has no leader")
                self._round_of(member)(time)

        self.agenda.add(due, fire)

    # --- votes

    def _round_of(self, member: Member) -> Action:
        return lambda now: self._round(member, now)

    def _round(self, member: Member, now: float) -> None:
        if not member.alive or member.heard or member.role == "leader":
            return
        if not self.world.acts(member.name, now):
            return
        member.role, member.lead = "candidate", ""
        member.round += 1
        if not self._has_a_chance(member, now):
            member.asleep = True
            return
        self._again(member, now)
        if not self.prevote:
            self._elect(member, now)
            return
        member.granted = {member.name}
        self._say(
            now, member, "pre-candidate", f"{member.name} asks whether it may stand in term {member.term + 1}"
        )
        if self._won(member, now):
            self._elect(member, now)
            return
        for voter in self.world.voters(now):
            if voter != member.name:
                self._ask(member, self.members[voter], now, pre=True)

    def _again(self, member: Member, now: float) -> None:
        round_ = member.round
        wait = self._scaled(member, self.election) * (1 + float(self.rng.random()))

        def again(time: float) -> None:
            if member.round == round_ and member.role == "candidate":
                self._round(member, time)

        self.agenda.add(now + wait, again)

    def _elect(self, member: Member, now: float, *, force: bool = False) -> None:
        member.round += 1
        member.term += 1
        member.vote = member.name
        member.granted = {member.name}
        self._say(now, member, "candidate", f"{member.name} stands in term {member.term}")
        self._again(member, now)
        written = now + self.world.fsync(member.name)
        if self._won(member, now):
            term = member.term
            self.agenda.add(written, lambda time: self._lead_if(member, term, time))
            return
        for voter in self.world.voters(now):
            if voter != member.name:
                self._ask(member, self.members[voter], written, pre=False, force=force)

    def _lead_if(self, member: Member, term: int, now: float) -> None:
        if member.alive and member.role == "candidate" and member.term == term:
            self._become_leader(member, now)

    def _ask(self, asker: Member, voter: Member, sent: float, *, pre: bool, force: bool = False) -> None:
        if not self.world.arrives(asker.name, voter.name, sent):
            return
        term, log, round_ = asker.term + (1 if pre else 0), asker.log, asker.round

        def receive(now: float) -> None:
            if not voter.alive or not self.world.acts(voter.name, now):
                return
            grants, replied = self._answer(asker, voter, term, log, now, pre, force)
            if self.world.arrives(voter.name, asker.name, replied):
                back = replied + self.world.delay(voter.name, asker.name, replied)
                self.agenda.add(
                    back, lambda time: self._count(asker, voter.name, voter.term, grants, round_, pre, time)
                )

        self.agenda.add(sent + self.world.delay(asker.name, voter.name, sent), receive)

    def _answer(
        self,
        asker: Member,
        voter: Member,
        term: int,
        log: tuple[int, float],
        now: float,
        pre: bool,
        force: bool,
    ) -> tuple[bool, float]:
        if term < voter.term or (not force and voter.lead and voter.lead != asker.name):
            return False, now
        if log < (voter.log if not voter.heard else (voter.term, math.inf)):
            if not pre and term > voter.term:
                self._follow(voter, term, now)
            return False, now
        if pre:
            return True, now
        if term > voter.term:
            self._follow(voter, term, now)
        if voter.vote not in ("", asker.name):
            return False, now
        voter.vote, voter.contact = asker.name, now
        return True, now + self.world.fsync(voter.name)

    def _count(
        self, asker: Member, voter: str, term: int, grants: bool, round_: int, pre: bool, now: float
    ) -> None:
        if not asker.alive or not self.world.acts(asker.name, now) or asker.role != "candidate":
            return
        if not grants and term > asker.term:
            self._follow(asker, term, now)
            return
        if asker.round != round_ or not grants:
            return
        asker.granted.add(voter)
        if self._won(asker, now):
            if pre:
                self._elect(asker, now)
            else:
                self._become_leader(asker, now)

    def _won(self, member: Member, now: float) -> bool:
        return len(member.granted & set(self.world.voters(now))) >= self.world.quorum(now)

    def _follow(self, member: Member, term: int, now: float, lead: str = "") -> None:
        if member.role == "leader":
            self._end_reign(member, now)
            member.log = (member.term, now)
        if term > member.term:
            member.vote = ""
        changed = member.role != "follower" or not member.alive
        member.term, member.role, member.lead = term, "follower", lead
        member.asleep = False
        member.round += 1
        if lead:
            member.heard, member.fresh = True, False
            member.timer += 1
        elif changed or member.heard:
            member.heard = False
            self._set_timer(member, now)

    # --- leading

    def _become_leader(self, member: Member, now: float) -> None:
        member.role, member.lead, member.heard, member.fresh = "leader", member.name, False, False
        member.lease_watch = False
        member.timer += 1
        member.round += 1
        self._open[member.name] = (member.term, now, math.inf)
        self._say(now, member, "leader", f"{member.name} won the election of term {member.term}")
        acks: set[str] = set()
        term = member.term

        def acknowledged(voter: str, time: float) -> None:
            if member.role == "leader" and member.term == term and member.alive:
                acks.add(voter)
                if len(acks & set(self.world.voters(time))) >= self.world.quorum(time):
                    self._committed(member, time)

        self.agenda.add(now + self.world.fsync(member.name), lambda time: acknowledged(member.name, time))
        for other in self.members.values():
            if other is not member:
                self._append_to(member, other, term, acknowledged)(now)

    def _committed(self, member: Member, now: float) -> None:
        term, elected, serving = self._open[member.name]
        if math.isinf(serving):
            self._open[member.name] = (term, elected, now)
            self._say(now, member, "commit", f"{member.name} committed its first entry of term {term}")

    def _append_to(
        self, leader: Member, member: Member, term: int, acknowledged: Acknowledge | None = None
    ) -> Action:
        def send(now: float) -> None:
            still = leader.alive and leader.role == "leader" and leader.term == term
            if (
                still
                and self.world.acts(leader.name, now)
                and self.world.arrives(leader.name, member.name, now)
            ):
                self.agenda.add(now + self.world.delay(leader.name, member.name, now), receive)

        def receive(now: float) -> None:
            if not member.alive or not self.world.acts(member.name, now):
                return
            if term < member.term:
                if self.world.arrives(member.name, leader.name, now):
                    self.agenda.add(now + self.world.delay(member.name, leader.name, now), refused)
                return
            if member.role == "leader" and term == member.term:
                return
            self._follow(member, term, now, lead=leader.name)
            member.contact = now
            if acknowledged is not None and self.world.arrives(member.name, leader.name, now):
                done = now + self.world.fsync(member.name)
                back = done + self.world.delay(member.name, leader.name, done)
                self.agenda.add(back, lambda time: acknowledged(member.name, time))

        def refused(now: float) -> None:
            if leader.alive and leader.role == "leader" and member.term > leader.term:
                self._say(now, leader, "step-down", f"{leader.name} stepped down for term {member.term}")
                self._follow(leader, member.term, now)

        return send

    def _watch_lease(self, leader: Member, now: float) -> None:
        """A leader without a quorum's contact gives up when its lease has run out."""
        missing = len(self.world.around(leader.name, now)) < self.world.quorum(now)
        if not missing:
            leader.lease_watch = False
        elif not leader.lease_watch and self.world.acts(leader.name, now):
            leader.lease_watch = True
            term = leader.term

            def expired(time: float) -> None:
                if leader.lease_watch and leader.role == "leader" and leader.term == term and leader.alive:
                    leader.lease_watch = False
                    self._say(time, leader, "step-down", f"{leader.name} stepped down: its lease ran out")
                    self._follow(leader, term, time)

            self.agenda.add(now + self.lease, expired)

    def _end_reign(self, member: Member, now: float) -> None:
        if member.name in self._open:
            term, elected, serving = self._open.pop(member.name)
            self.reigns.append(Reign(member.name, term, elected, min(serving, now), now))

    def _say(self, now: float, member: Member, kind: str, text: str) -> None:
        self.log.append(Election(now, member.name, member.term, kind, text))
