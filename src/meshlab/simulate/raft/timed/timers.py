"""The clockwork of hashicorp/raft around the same members: timers in place of ticks, and a leader's lease.

The rules (hashicorp/raft 1.7 raft.go; parameters.md C). They are not etcd's, and they are slower than the time-outs
suggest:

- A follower's timer is a renewal process: it runs U(H, 2H), is *not* put back by a contact, and when it ends the
  follower only looks whether the last contact is older than H. So a lost leader is noticed H plus the rest of a
  running timer later, not U(H, 2H) later.
- A voter that still believes in a leader refuses every vote and pre-vote. So of two survivors the first to notice
  cannot win: it waits for its next round, or for the second to notice. The second usually wins.
- A leader that has not heard a quorum for its lease (2.5 s) steps down.
- A started member multiplies its time-outs by three until it follows or leads for the first time; the timer that
  it set at its start (15-30 s) runs on. A leader lost soon after a restart is noticed that much later.
- A leader writes its entries before it sends them.

Seen so in the logs of three OpenBao 2.x processes whose active one was killed: the first to notice is refused ("we
have a leader"), waits for its election time-out, and votes for the second as soon as that one notices.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from meshlab.simulate.raft.messages import NOBODY, Kind, Message
from meshlab.simulate.raft.settings import Settings
from meshlab.simulate.raft.state import Role
from meshlab.simulate.raft.timed import quiet
from meshlab.simulate.raft.timed.host import Host
from meshlab.simulate.raft.timed.timed import TimedGroup
from meshlab.simulate.raft.timed.world import World

if TYPE_CHECKING:
    import numpy as np

    from meshlab.model.distribution import Distribution

_NEVER = 10**9
_NO_TICK = 3600.0


class TimerGroup(TimedGroup):
    """One group of hashicorp/raft members in one replicate.

    Parameters
    ----------
    heartbeat, election, lease
        The effective time-outs in seconds (base times performance multiplier).
    startup
        Factor on the time-outs of a member that has just started.
    reconnect
        How long a leader waits before it tries a lost follower again, in seconds.
    commit_interval
        How far a leader's messages to a follower lie apart, in seconds.
    """

    writes_first = True
    timer_runs_on = True

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
        self.heartbeat, self.election, self.lease = heartbeat, election, lease
        self.startup = startup
        self.reconnect, self.commit_interval = reconnect, commit_interval
        settings = Settings(
            prevote=prevote, answers_stale=True, refuses_while_led=True, step_down_on_removal=True
        )
        super().__init__(
            world, settings, _NO_TICK, rng, leader=leader, phases=dict.fromkeys(world.members, 0.0)
        )
        self.story.alone = "its lease ran out"

    # --- in place of ticks

    def _draw(self) -> int:
        return _NEVER

    def count(self, host: Host, now: float) -> None:
        """Nothing is counted."""

    def _scaled(self, host: Host, timeout: float) -> float:
        return timeout * (self.startup if host.fresh else 1.0)

    def _restart(self, host: Host, now: float) -> None:
        host.fresh, host.contact = True, -math.inf
        host.seeking.clear()
        super()._restart(host, now)

    def found(self, host: Host) -> None:
        host.fresh = False

    def arm(self, host: Host, now: float) -> None:
        """Starts the timer of a follower, or the one until a candidate's next round, unless it runs."""
        role = host.member.role
        if host.calm is not None or not host.acts or role is Role.LEADER:
            self.disarm(host)
        elif host.due < 0:
            factor = 1 + float(self.rng.random())
            if role is Role.FOLLOWER:
                self._follow_until(host, now + self._scaled(host, self.heartbeat) * factor)
            else:
                self._ring(host, now + self._scaled(host, self.election) * factor, self._round)

    def _follow_until(self, host: Host, due: float) -> None:
        host.timer_end = due
        self._ring(host, due, self._look)

    def _ring(self, host: Host, due: float, action: Callable[[Host, float], None]) -> None:
        host.alarm += 1
        host.due = 0
        serial = host.alarm

        def ring(now: float) -> None:
            if host.alarm == serial:
                host.due = -1
                if host.acts:
                    action(host, now)

        self.agenda.add(due, ring)

    def lost(self, host: Host, now: float) -> None:
        """A follower's timer has long been running when it loses its leader: only the rest of it is left."""
        leader, host.calm = host.calm, None
        member = host.member
        if leader is None or not host.up or member.role is not Role.FOLLOWER or member.lead != leader.ident:
            self.arm(host, now)
            return
        gap = float(self.commit_interval.sample(self.rng)) if self.commit_interval else 0.0
        host.contact = now - float(self.rng.random()) * gap
        due = host.timer_end
        if due <= now:  # stationary renewal process of U(T, 2T): a length-biased life, cut at a uniform place
            life = self._scaled(host, self.heartbeat) * math.sqrt(1 + 3 * float(self.rng.random()))
            due = now + life * float(self.rng.random())
        self._follow_until(host, due)

    def _look(self, host: Host, now: float) -> None:
        """When a follower's timer ends it looks whether its last contact is too long ago."""
        if now - host.contact < self._scaled(host, self.heartbeat):
            self.arm(host, now)
            return
        if host.member.promotable:
            self.story.say(now, host, "heartbeat-timeout", f"{host.name} noticed that it has no leader")
            self._round(host, now)
        else:
            self.step(host, Message(Kind.FORGET_LEADER, sender=host.ident), now)

    def _round(self, host: Host, now: float) -> None:
        """Asks for votes, first whether it may; the next round comes an election time-out later."""
        member = host.member
        if not member.promotable:
            return
        if not self.has_a_chance(host):
            member.become_pre_candidate()
            host.node.resume()
            host.asleep = self.stirred = True
            return
        before = self.story.seen(host)
        if before[0] is Role.CANDIDATE:
            self.story.no_majority(host, now)
        member.step(Message(Kind.HUP, sender=host.ident))
        if before[0] is member.role is Role.PRE_CANDIDATE:
            self.story.asks(host, now)
        self._after(host, before, now)

    def may_grant(self, host: Host) -> bool:
        return host.member.lead == NOBODY

    def _wake(self, host: Host, now: float) -> None:
        host.asleep = False
        wait = self._scaled(host, self.election) * float(self.rng.random())
        self._ring(host, now + wait, self._round)

    # --- leading

    def watch(self, leader: Host, now: float) -> None:
        """Lets a leader seek whom it can reach and who is behind; without a quorum its lease runs out."""
        before = leader.missing
        quiet.note_answers(self, leader, now)
        if leader.missing and not before:
            self._let_lease_run(leader, now)
        for host in self.hosts.values():
            if host is leader or host.ident in leader.seeking or quiet.settled(leader, host):
                continue
            if leader.acts and host.acts and self.reaches(leader, host) and self.reaches(host, leader):
                leader.seeking.add(host.ident)
                wait = float(self.reconnect.sample(self.rng)) if self.reconnect else self.heartbeat / 10
                self.agenda.add(now + wait, self._attempt(leader, host))

    def _attempt(self, leader: Host, host: Host) -> Callable[[float], None]:
        life = leader.life

        def attempt(now: float) -> None:
            if leader.life != life:
                return
            leader.seeking.discard(host.ident)
            if leader.leads and leader.acts and not quiet.settled(leader, host):
                self.send(leader, quiet.heartbeat(leader, host), now)

        return attempt

    def _let_lease_run(self, leader: Host, now: float) -> None:
        leader.lease += 1
        number, life, term = leader.lease, leader.life, leader.term

        def expired(time: float) -> None:
            valid = leader.life == life and leader.lease == number and leader.missing
            if not valid or not leader.leads or leader.term != term:
                return
            if leader.frozen:
                leader.backlog.append(expired)
                return
            seen = self.story.seen(leader)
            leader.member.become_follower(term, NOBODY)
            self._after(leader, seen, time)

        self.agenda.add(now + self.lease, expired)
