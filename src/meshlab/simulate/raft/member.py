"""The state machine of one member: what it does with a message and with the passing of time.

The rules are those of etcd-io/raft (raft.go, in 2026) step by step, because its published traces are held
against it, text for text. What a member is stands in `state`, what a leader does in `leading`, what the others
do in `following`.
"""

from __future__ import annotations

from meshlab.simulate.raft import following, leading
from meshlab.simulate.raft.messages import (
    NOBODY,
    TEXT,
    ConfChange,
    Entry,
    Kind,
    Membership,
    Message,
    Snapshot,
    encoded,
    payload,
)
from meshlab.simulate.raft.state import ANSWER, Campaign, MemberState, ProposalDropped, Role

_FROM_LEADER = frozenset({Kind.APP, Kind.HEARTBEAT, Kind.SNAP})


class Member(MemberState):
    """One member; `step` takes a message, `tick` the passing of time, `ready.Node` takes out what follows."""

    # --- time

    def tick(self) -> None:
        """Lets one tick of its clock pass."""
        self.election_elapsed += 1
        if self.role is not Role.LEADER:
            if self.promotable and self.election_elapsed >= self.timeout:
                self.election_elapsed = 0
                self.step(Message(Kind.HUP, sender=self.id))
            return
        self.heartbeat_elapsed += 1
        if self.election_elapsed >= self.settings.election:
            self.election_elapsed = 0
            if self.settings.check_quorum:
                self.step(Message(Kind.CHECK_QUORUM, sender=self.id))
            if self.role is Role.LEADER:
                self.transferee = NOBODY  # a hand-over has as long as an election
        if self.role is Role.LEADER and self.heartbeat_elapsed >= self.settings.heartbeat:
            self.heartbeat_elapsed = 0
            self.step(Message(Kind.BEAT, sender=self.id))

    # --- messages

    def step(self, message: Message) -> None:
        """Takes a message. Raises ProposalDropped where it is a proposal that nobody takes."""
        term = message.term
        if (term > self.term and not self._greater_term(message)) or (
            0 < term < self.term and not self._lesser_term(message)
        ):
            return
        kind = message.kind
        if kind is Kind.VOTE or kind is Kind.PRE_VOTE:
            self._answer_vote(message)
        elif kind is Kind.HUP:
            self.stand(Campaign.PRE_ELECTION if self.settings.prevote else Campaign.ELECTION)
        elif kind is Kind.STORAGE_APPEND_RESP:
            if message.index:
                self.log.unstable.stable_to(message.log_term, message.index)
            if message.snapshot is not None:
                self._snapshot_applied(message.snapshot)
        elif kind is Kind.STORAGE_APPLY_RESP:
            if message.entries:
                size = encoded(message.entries) if self.log.limited else 0
                self.applied_to(message.entries[-1].index, size)
                self.uncommitted = max(0, self.uncommitted - payload(message.entries))
        elif self.role is Role.LEADER:
            leading.step(self, message)
        elif self.role is Role.FOLLOWER:
            following.step(self, message)
        else:
            following.step_candidate(self, message)

    def _greater_term(self, message: Message) -> bool:
        """Takes note of a greater term; whether the message counts."""
        kind = message.kind
        asks = kind in ANSWER and not message.transfer
        if asks and self.settings.refuses_while_led and self.lead not in (NOBODY, message.sender):
            self.send(Message(ANSWER[kind], to=message.sender, term=self.term, reject=True))
            return False
        if asks and self.in_lease:
            if self.tell:
                left = self.settings.election - self.election_elapsed
                self.say(
                    f"{self._vote_text('ignored', message)}: lease is not expired (remaining ticks: {left})"
                )
            return False
        if kind is Kind.PRE_VOTE or (kind is Kind.PRE_VOTE_RESP and not message.reject):
            return True
        if self.tell:
            self.say(
                f"{self.id:x} [term: {self.term}] received a {TEXT[kind]} message with higher term from "
                f"{message.sender:x} [term: {message.term}]"
            )
        self.become_follower(message.term, message.sender if kind in _FROM_LEADER else NOBODY)
        return True

    def _lesser_term(self, message: Message) -> bool:
        """Answers a message of an older term where silence would leave somebody stuck; it never counts."""
        kind, settings = message.kind, self.settings
        answers = settings.check_quorum or settings.prevote or settings.answers_stale
        if answers and kind in (Kind.HEARTBEAT, Kind.APP):
            self.send(Message(Kind.APP_RESP, to=message.sender))
        elif kind is Kind.PRE_VOTE:
            if self.tell:
                self.say(self._vote_text("rejected", message))
            self.send(Message(Kind.PRE_VOTE_RESP, to=message.sender, term=self.term, reject=True))
        elif kind is Kind.STORAGE_APPEND_RESP:
            if message.index:  # they may have been replaced in memory since; so they are not called stable
                self.say(
                    f"{self.id:x} [term: {self.term}] ignored entry appends from a {TEXT[kind]} message with "
                    f"lower term [term: {message.term}]"
                )
            if message.snapshot is not None:
                self._snapshot_applied(message.snapshot)
        elif self.tell:
            self.say(
                f"{self.id:x} [term: {self.term}] ignored a {TEXT[kind]} message with lower term from "
                f"{message.sender:x} [term: {message.term}]"
            )
        return False

    def _answer_vote(self, message: Message) -> None:
        """Grants or refuses a (pre-)vote. Learners grant too: they may have been promoted without knowing it."""
        kind, asker = message.kind, message.sender
        free = (
            self.vote == asker
            or (self.vote == NOBODY and self.lead == NOBODY)
            or (kind is Kind.PRE_VOTE and message.term > self.term)
        )
        if free and self.log.up_to_date(message.log_term, message.index):
            if self.tell:
                self.say(self._vote_text("cast", message))
            self.send(Message(ANSWER[kind], to=asker, term=message.term))
            if kind is Kind.VOTE:
                self.election_elapsed = 0
                self.vote = asker
        else:
            if self.tell:
                self.say(self._vote_text("rejected", message))
            self.send(Message(ANSWER[kind], to=asker, term=self.term, reject=True))

    def _vote_text(self, verb: str, message: Message) -> str:
        term, index = self.log.last()
        preposition = "for" if verb == "cast" else "from"
        return (
            f"{self.id:x} [logterm: {term}, index: {index}, vote: {self.vote:x}] {verb} {TEXT[message.kind]} "
            f"{preposition} {message.sender:x} [logterm: {message.log_term}, index: {message.index}] "
            f"at term {self.term}"
        )

    # --- applying

    def applied_to(self, index: int, size: int) -> None:
        """Notes what the state machine has applied; leaves a joint configuration that should be left by itself."""
        index = max(index, self.log.applied)
        self.log.applied_to(index, size)
        if not (self.configuration.auto_leave and index >= self.pending_change and self.role is Role.LEADER):
            return
        leave = Message(Kind.PROP, entries=(Entry(0, 0, change=ConfChange()),))
        try:
            self.step(leave)
        except ProposalDropped as dropped:
            self.say(
                "not initiating automatic transition out of joint configuration "
                f"{self.configuration}: {dropped}",
                "DEBUG",
            )
        else:
            self.say(f"initiating automatic transition out of joint configuration {self.configuration}")

    def _snapshot_applied(self, snapshot: Snapshot) -> None:
        self.log.unstable.stable_snapshot_to(snapshot.index)
        self.applied_to(snapshot.index, 0)

    def apply_change(self, change: ConfChange) -> Membership:
        """Switches to the configuration that a committed change leads to."""
        state = self.switch(*self.changer().apply(change))
        if self.role is Role.LEADER and self.id in self.followers and not self.learner and state.voters:
            leading.reconfigured(self)
        return state
