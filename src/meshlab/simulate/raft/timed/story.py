"""What is told of a group: who led from when to when, and what its members' logs would say."""

from __future__ import annotations

import math

from meshlab.model.units import duration
from meshlab.simulate.raft.messages import NOBODY
from meshlab.simulate.raft.state import Role
from meshlab.simulate.raft.timed.host import Host
from meshlab.simulate.raft.timed.world import Election, Reign

Seen = tuple[Role, int, int]
"""A member's role, term and leader before something happened to it."""


class Story:
    """Compares members before and after each event, and tells what has changed.

    `alone` is why a leader gives up by itself.
    """

    def __init__(self, alone: str = "no quorum answers it") -> None:
        self.alone = alone
        self.reigns: list[Reign] = []
        self.log: list[Election] = []
        self.silent_since = 0.0
        self._open: dict[int, tuple[int, float, float]] = {}

    def begins(self, leader: Host) -> None:
        """Notes who leads at the start, and serves."""
        self._open[leader.ident] = (leader.term, 0.0, 0.0)

    def seen(self, host: Host) -> Seen:
        member = host.member
        return member.role, member.term, member.lead

    def say(self, now: float, host: Host, kind: str, text: str) -> None:
        self.log.append(Election(now, host.name, host.term, kind, text))

    def compare(self, host: Host, before: Seen, now: float) -> None:
        """Tells what has become of a member since `before`."""
        role, term, _ = before
        member = host.member
        if member.role is role and member.term == term:
            if role is Role.LEADER:
                self._serves(host, now)
            return
        if role is Role.LEADER:
            self._stepped_down(host, term, now)
        elif (
            role is Role.CANDIDATE
            and member.role is Role.FOLLOWER
            and member.lead == NOBODY
            and member.term == term
        ):
            self.say(now, host, "split-vote", f"{host.name} lost the vote of term {term}")
        if member.role is Role.PRE_CANDIDATE:
            self.asks(host, now)
        elif member.role is Role.CANDIDATE:
            self.say(now, host, "candidate", f"{host.name} stands in term {member.term}")
        elif member.role is Role.LEADER:
            self._wins(host, now)

    def asks(self, host: Host, now: float) -> None:
        text = f"{host.name} asks whether it may stand in term {host.term + 1}"
        self.say(now, host, "pre-candidate", text)

    def no_majority(self, host: Host, now: float) -> None:
        text = f"no majority for {host.name} in term {host.term}"
        self.say(now, host, "split-vote", text)

    def ends(self, host: Host, now: float) -> None:
        """Notes that a leader leads no more."""
        open_reign = self._open.pop(host.ident, None)
        if open_reign is not None:
            term, elected, serving = open_reign
            self.reigns.append(Reign(host.name, term, elected, min(serving, now), now))
            if not host.missing and now < math.inf:
                self.silent_since = now
            host.missing = False

    def _stepped_down(self, host: Host, term: int, now: float) -> None:
        self.ends(host, now)
        why = f" for term {host.term}" if host.term > term else f": {self.alone}"
        self.say(now, host, "step-down", f"{host.name} stepped down{why}")

    def _wins(self, host: Host, now: float) -> None:
        self._open[host.ident] = (host.term, now, math.inf)
        host.missing = False
        text = f"{host.name} won the election of term {host.term}"
        if self.silent_since < now:
            text += f" {duration(now - self.silent_since)} after the last leader was lost"
        self.say(now, host, "leader", text)
        self._serves(host, now)

    def _serves(self, host: Host, now: float) -> None:
        """A leader serves from its first commit in its term."""
        term, elected, serving = self._open[host.ident]
        log = host.member.log
        if math.isinf(serving) and log.term_or_zero(log.committed) == term:
            self._open[host.ident] = (term, elected, now)
            self.say(now, host, "commit", f"{host.name} committed its first entry of term {term}")
