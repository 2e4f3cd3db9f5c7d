"""What a member wants done: write this, send that, apply these entries; then tell it that it is done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from meshlab.simulate.raft.member import Member
from meshlab.simulate.raft.messages import (
    APPEND_THREAD,
    APPLY_THREAD,
    LOCAL,
    RESPONSES,
    Entry,
    HardState,
    Kind,
    Message,
    Snapshot,
    encoded,
)
from meshlab.simulate.raft.reads import ReadState
from meshlab.simulate.raft.state import Role


class SoftState(NamedTuple):
    """What is not written down: who leads, and what the member is."""

    lead: int
    role: Role


@dataclass(slots=True)
class Ready:
    """One batch of effects. `must_sync`: the write has to be durable before the answers among the messages go."""

    soft: SoftState | None
    hard: HardState | None
    reads: tuple[ReadState, ...]
    entries: tuple[Entry, ...]
    snapshot: Snapshot | None
    committed: tuple[Entry, ...]
    messages: tuple[Message, ...]
    must_sync: bool


class UnknownPeer(Exception):
    """A message from, or meant for, what is not a member."""


class Node:
    """Takes batches of effects out of a member.

    Written synchronously (`ready`, do it, `advance`), or with `Settings.asynchronous` by messages to and from an
    append thread and an apply thread, several writes under way at once.
    """

    def __init__(self, member: Member) -> None:
        self.member = member
        self._asynchronous = member.settings.asynchronous
        self._soft = self._soft_now()
        self._hard = member.hard_state
        self._on_advance: list[Message] = []

    def _soft_now(self) -> SoftState:
        return SoftState(self.member.lead, self.member.role)

    def step(self, message: Message) -> None:
        """Takes a message from the network or a thread. Raises UnknownPeer, ProposalDropped."""
        if message.sender not in (APPEND_THREAD, APPLY_THREAD):
            if message.kind in LOCAL:
                raise UnknownPeer("raft: cannot step raft local message")
            if message.kind in RESPONSES and message.sender not in self.member.followers:
                raise UnknownPeer("raft: cannot step as peer not found")
        self.member.step(message)

    @property
    def has_ready(self) -> bool:
        member, hard, soft = self.member, self._hard, self._soft
        if member.outbox or member.outbox_after_write or member.read_states:
            return True
        log = member.log
        unstable = log.unstable
        return (
            log.committed != hard.commit
            or member.term != hard.term
            or member.vote != hard.vote
            or member.lead != soft.lead
            or member.role is not soft.role
            or unstable.in_progress < unstable.offset + len(unstable.entries)
            or (unstable.snapshot is not None and not unstable.snapshot_in_progress)
            or log.has_committed(not self._asynchronous)
        )

    def ready(self) -> Ready:
        """Gives the next batch, which has then to be carried out."""
        member, log = self.member, self.member.log
        entries = log.unstable.next_entries()
        committed = log.next_committed(not self._asynchronous)
        soft, hard = self._soft_now(), member.hard_state
        snapshot = log.unstable.next_snapshot()
        must_sync = bool(entries) or hard[:2] != self._hard[:2]
        news = hard if hard not in (self._hard, HardState()) else None
        messages = list(member.outbox)
        answers = member.outbox_after_write
        written = self._written(snapshot)
        if self._asynchronous:
            if entries or news or snapshot or answers:
                messages.append(self._append_message(entries, news, snapshot, written))
            if committed:
                messages.append(self._apply_message(committed))
        else:
            if self._on_advance:
                raise AssertionError("the last batch has not been said to be done")
            messages += [answer for answer in answers if answer.to != member.id]
            self._on_advance = [answer for answer in answers if answer.to == member.id]
            if written is not None:
                self._on_advance.append(written)
            if committed:
                self._on_advance.append(self._applied(committed))
        batch = Ready(
            soft if soft != self._soft else None,
            news,
            tuple(member.read_states),
            entries,
            snapshot,
            committed,
            tuple(messages),
            must_sync,
        )
        self._accept(batch, soft)
        return batch

    def _accept(self, batch: Ready, soft: SoftState) -> None:
        member = self.member
        self._soft = soft
        if batch.hard is not None:
            self._hard = batch.hard
        member.read_states = []
        member.outbox = []
        member.outbox_after_write = []
        member.log.unstable.accept()
        if batch.committed:
            last = batch.committed[-1].index
            size = encoded(batch.committed) if member.log.limited else 0
            member.log.accept_applying(last, size, not self._asynchronous)

    def resume(self) -> None:
        """Takes the member's state as told and written: it came about outside of batches."""
        self._soft, self._hard = self._soft_now(), self.member.hard_state

    def advance(self) -> None:
        """Tells the member that the last batch is written, and applied."""
        steps, self._on_advance = self._on_advance, []
        for message in steps:
            self.member.step(message)

    def _written(self, snapshot: Snapshot | None) -> Message | None:
        """Gives the news that everything not yet on disk is there: of this write and of those under way."""
        log = self.member.log
        if not log.unstable.entries and snapshot is None:
            return None
        news = Message(
            Kind.STORAGE_APPEND_RESP,
            to=self.member.id,
            sender=APPEND_THREAD,
            term=self.member.term,
            snapshot=snapshot,
        )
        if log.unstable.entries:
            news.log_term, news.index = log.last()
        return news

    def _applied(self, entries: tuple[Entry, ...]) -> Message:
        return Message(Kind.STORAGE_APPLY_RESP, to=self.member.id, sender=APPLY_THREAD, entries=entries)

    def _append_message(
        self,
        entries: tuple[Entry, ...],
        hard: HardState | None,
        snapshot: Snapshot | None,
        written: Message | None,
    ) -> Message:
        answers = tuple(self.member.outbox_after_write)
        message = Message(
            Kind.STORAGE_APPEND,
            to=APPEND_THREAD,
            sender=self.member.id,
            entries=entries,
            snapshot=snapshot,
            responses=answers if written is None else (*answers, written),
        )
        return (
            message if hard is None else replace(message, term=hard.term, vote=hard.vote, commit=hard.commit)
        )

    def _apply_message(self, entries: tuple[Entry, ...]) -> Message:
        return Message(
            Kind.STORAGE_APPLY,
            to=APPLY_THREAD,
            sender=self.member.id,
            entries=entries,
            responses=(self._applied(entries),),
        )
