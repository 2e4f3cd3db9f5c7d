"""What a member is: who it follows or leads, its term and vote, how it stands for election, and what it has to say."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from meshlab.simulate.raft.log import Log, Tell
from meshlab.simulate.raft.membership import Changer, Configuration, Followers, restore
from meshlab.simulate.raft.messages import (
    NOBODY,
    TEXT,
    Entry,
    HardState,
    Kind,
    Membership,
    Message,
    payload,
)
from meshlab.simulate.raft.progress import Inflights, Progress
from meshlab.simulate.raft.quorum import Verdict
from meshlab.simulate.raft.reads import PendingReads, ReadState
from meshlab.simulate.raft.settings import Settings
from meshlab.simulate.raft.storage import Storage


class Role(Enum):
    FOLLOWER = "StateFollower"
    CANDIDATE = "StateCandidate"
    LEADER = "StateLeader"
    PRE_CANDIDATE = "StatePreCandidate"


class Campaign(Enum):
    """Why a member stands: to ask first, for good, or because the leader hands over."""

    PRE_ELECTION = "pre-election"
    ELECTION = "election"
    TRANSFER = "transfer"


class ProposalDropped(Exception):
    """Nobody takes the proposal now: there is no leader, or it is handing over, or too much is waiting."""

    def __str__(self) -> str:
        return "raft proposal dropped"


Draw = Callable[[], int]
"""Gives an election time-out in ticks, each time a new one."""

_PERSISTED_FIRST = frozenset({Kind.APP_RESP, Kind.VOTE_RESP, Kind.PRE_VOTE_RESP})
_VOTING = frozenset({Kind.VOTE, Kind.VOTE_RESP, Kind.PRE_VOTE, Kind.PRE_VOTE_RESP})
ANSWER = {Kind.VOTE: Kind.VOTE_RESP, Kind.PRE_VOTE: Kind.PRE_VOTE_RESP}


class MemberState:
    """All of one member but its step: what it knows, what it may become, what it sends.

    Parameters
    ----------
    storage
        What it finds on disk: a restart is a new Member on the same storage.
    draw
        Draws its election time-outs, in ticks.
    tell
        Takes its log lines, in etcd-io/raft's words; none are made when None.
    applied
        The last index that its state machine has applied before a restart.
    """

    def __init__(
        self,
        ident: int,
        settings: Settings,
        storage: Storage,
        draw: Draw,
        tell: Tell | None = None,
        applied: int = 0,
    ) -> None:
        self.id = ident
        self.settings = settings
        self.draw = draw
        self.tell = tell
        self.log = Log(storage, tell, settings.max_committed or settings.max_message)
        self.term = 0
        self.vote = NOBODY
        self.lead = NOBODY
        self.role = Role.FOLLOWER
        self.timeout = 0
        self.election_elapsed = 0
        self.heartbeat_elapsed = 0
        self.configuration = Configuration()
        self.followers: Followers = {}
        self.votes: dict[int, bool] = {}
        self.learner = False
        self.transferee = NOBODY
        self.pending_change = 0
        self.uncommitted = 0
        self.reads = PendingReads()
        self.early_reads: list[Message] = []
        self.read_states: list[ReadState] = []
        self.outbox: list[Message] = []
        self.outbox_after_write: list[Message] = []
        self.switch(*restore(self.changer(), storage.snapshot().members))
        hard = storage.hard
        if hard != HardState():
            if not self.log.committed <= hard.commit <= self.log.last_index:
                raise ValueError(f"stored commit index {hard.commit} is not within the stored log")
            self.term, self.vote, self.log.committed = hard.term, hard.vote, hard.commit
        if applied:
            self.log.applied_to(applied, 0)
        self.become_follower(self.term, NOBODY)
        if self.tell:
            term, index = self.log.last()
            peers = ",".join(f"{member:x}" for member in sorted(self.configuration.voters.everyone))
            self.say(
                f"newRaft {ident:x} [peers: [{peers}], term: {self.term}, commit: {self.log.committed}, "
                f"applied: {self.log.applied}, lastindex: {index}, lastterm: {term}]"
            )

    # --- looking

    @property
    def hard_state(self) -> HardState:
        return HardState(self.term, self.vote, self.log.committed)

    @property
    def promotable(self) -> bool:
        """Whether it could lead: it is a voter and not just receiving a snapshot."""
        own = self.followers.get(self.id)
        return own is not None and not own.learner and self.log.unstable.snapshot is None

    @property
    def others(self) -> list[int]:
        """Gives the other members, in order."""
        return [member for member in sorted(self.followers) if member != self.id]

    @property
    def in_lease(self) -> bool:
        """Whether it has heard a leader so lately that it grants nobody else a vote."""
        return (
            self.settings.check_quorum
            and self.lead != NOBODY
            and self.election_elapsed < self.settings.election
        )

    def say(self, text: str, level: str = "INFO") -> None:
        if self.tell:
            self.tell(level, text)

    # --- sending

    def send(self, message: Message) -> None:
        """Queues a message; answers that promise something wait until that is on disk."""
        if not message.sender:
            message.sender = self.id
        kind = message.kind
        if kind not in _VOTING and kind is not Kind.PROP and kind is not Kind.READ_INDEX:
            message.term = self.term
        (self.outbox_after_write if kind in _PERSISTED_FIRST else self.outbox).append(message)

    # --- becoming

    def _reset(self, term: int) -> None:
        if self.term != term:
            self.term, self.vote = term, NOBODY
        self.lead = NOBODY
        self.election_elapsed = self.heartbeat_elapsed = 0
        self.timeout = self.draw()
        self.transferee = NOBODY
        self.votes = {}
        self.pending_change = 0
        self.uncommitted = 0
        self.reads = PendingReads()

    def become_follower(self, term: int, lead: int) -> None:
        self._reset(term)
        self.lead = lead
        self.role = Role.FOLLOWER
        if self.tell:
            self.say(f"{self.id:x} became follower at term {self.term}")

    def become_candidate(self) -> None:
        self._reset(self.term + 1)
        self.vote = self.id
        self.role = Role.CANDIDATE
        if self.tell:
            self.say(f"{self.id:x} became candidate at term {self.term}")

    def become_pre_candidate(self) -> None:
        """Asks, without a new term and without a vote."""
        self.votes = {}
        self.lead = NOBODY
        self.role = Role.PRE_CANDIDATE
        if self.tell:
            self.say(f"{self.id:x} became pre-candidate at term {self.term}")

    def become_leader(self) -> None:
        """Leads, and begins its term with an empty entry."""
        self._reset(self.term)
        self.lead = self.id
        self.role = Role.LEADER
        last = self.log.last_index
        for member, old in self.followers.items():
            inflights = Inflights(self.settings.max_inflight, self.settings.max_inflight_bytes)
            self.followers[member] = Progress(
                last if member == self.id else 0, last + 1, inflights, learner=old.learner
            )
        own = self.followers[self.id]
        own.replicate()
        own.active = True
        self.pending_change = self.log.last_index  # there may be a change among the entries not yet applied
        self.append((Entry(0, 0),))
        if self.tell:
            self.say(f"{self.id:x} became leader at term {self.term}")

    def append(self, entries: tuple[Entry, ...]) -> bool:
        """Appends a leader's own entries; False when too much waits to be committed."""
        last = self.log.last_index
        numbered = tuple(
            Entry(self.term, last + place, entry.data, entry.change) for place, entry in enumerate(entries, 1)
        )
        size = payload(numbered)
        if self.uncommitted > 0 and size > 0 and self.uncommitted + size > self.settings.max_uncommitted:
            self.say(
                f"{self.id:x} appending new entries to log would exceed uncommitted entry size limit; "
                "dropping proposal",
                "WARN",
            )
            return False
        self.uncommitted += size
        self.send(Message(Kind.APP_RESP, to=self.id, index=self.log.append(numbered)))
        return True

    def try_commit(self) -> bool:
        """Commits what a quorum has; whether that is more than before."""
        matches = {member: progress.match for member, progress in self.followers.items()}
        return self.log.try_commit(self.term, self.configuration.voters.committed(matches))

    # --- standing

    def stand(self, why: Campaign) -> None:
        if self.role is Role.LEADER:
            self.say(f"{self.id:x} ignoring MsgHup because already leader", "DEBUG")
        elif not self.promotable:
            self.say(f"{self.id:x} is unpromotable and can not campaign", "WARN")
        elif self._unapplied_change():
            self.say(
                f"{self.id:x} cannot campaign at term {self.term} since there are still pending "
                "configuration changes to apply",
                "WARN",
            )
        else:
            if self.tell:
                self.say(f"{self.id:x} is starting a new election at term {self.term}")
            self.campaign(why)

    def _unapplied_change(self) -> bool:
        if self.log.applied >= self.log.committed:
            return False
        waiting = self.log.slice(self.log.applied + 1, self.log.committed + 1)
        return any(entry.change is not None for entry in waiting)

    def campaign(self, why: Campaign) -> None:
        """Asks everyone for a vote; its own is counted once it is on disk."""
        if why is Campaign.PRE_ELECTION:
            self.become_pre_candidate()
            kind, term = Kind.PRE_VOTE, self.term + 1
        else:
            self.become_candidate()
            kind, term = Kind.VOTE, self.term
        last_term, last = self.log.last()
        for voter in sorted(self.configuration.voters.everyone):
            if voter == self.id:
                self.send(Message(ANSWER[kind], to=voter, term=term))
                continue
            if self.tell:
                self.say(
                    f"{self.id:x} [logterm: {last_term}, index: {last}] sent {TEXT[kind]} request to {voter:x} "
                    f"at term {self.term}"
                )
            self.send(
                Message(
                    kind, to=voter, term=term, index=last, log_term=last_term,
                    transfer=why is Campaign.TRANSFER,
                )
            )  # fmt: skip

    def hand_over_received(self) -> None:
        """Stands at once because the leader hands over: nobody needs to be asked first."""
        self.stand(Campaign.TRANSFER)

    def count(self, message: Message) -> Verdict:
        """Counts a vote; gives the outcome so far."""
        granted = not message.reject
        if self.tell:
            refusal = "" if granted else " rejection"
            self.say(
                f"{self.id:x} received {TEXT[message.kind]}{refusal} from {message.sender:x} at term {self.term}"
            )
        self.votes.setdefault(message.sender, granted)
        if self.tell:
            counted = [
                self.votes[member]
                for member, progress in self.followers.items()
                if member in self.votes and not progress.learner
            ]
            self.say(
                f"{self.id:x} has received {sum(counted)} {TEXT[message.kind]} votes and "
                f"{len(counted) - sum(counted)} vote rejections"
            )
        return self.configuration.voters.verdict(self.votes)

    # --- membership

    def restore_members(self, members: Membership) -> None:
        """Takes the configuration of a snapshot, in place of its own."""
        self.configuration, self.followers, self.votes = Configuration(), {}, {}
        self.switch(*restore(self.changer(), members))

    def changer(self) -> Changer:
        """Gives what applies changes to the present configuration; it leaves the member as it is."""
        settings = self.settings
        return Changer(
            self.configuration,
            self.followers,
            self.log.last_index,
            settings.max_inflight,
            settings.max_inflight_bytes,
        )

    def switch(self, configuration: Configuration, followers: Followers) -> Membership:
        self.configuration, self.followers = configuration, followers
        if self.tell:
            self.say(f"{self.id:x} switched to configuration {configuration}")
        state = configuration.state()
        own = followers.get(self.id)
        self.learner = own is not None and own.learner
        removed = (own is None or self.learner) and self.role is Role.LEADER
        if removed and self.settings.step_down_on_removal:
            self.become_follower(self.term, NOBODY)
        return state
