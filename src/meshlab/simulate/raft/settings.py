"""A member's settings, of etcd and of hashicorp/raft alike."""

from __future__ import annotations

from dataclasses import dataclass

from meshlab.simulate.raft.messages import INFINITE_BYTES
from meshlab.simulate.raft.reads import ReadRule


@dataclass(frozen=True, slots=True)
class Settings:
    """How a member behaves; times are in ticks, sizes in bytes.

    Parameters
    ----------
    election, heartbeat
        Ticks without a leader after which a member may stand at the earliest; ticks between heartbeats.
    prevote, check_quorum
        Raft thesis 9.6 and 6.2: ask before standing; a leader that no quorum answers steps down, and a voter that
        hears a leader grants nobody else.
    answers_stale
        Whether a leader of an older term is told of the newer one (raft paper 5.1). etcd-io/raft leaves that to its
        votes, but with `prevote` or `check_quorum`, where votes may be ignored, it always answers.
    refuses_while_led
        Whether a voter that knows a leader refuses everyone else aloud, however long it has not heard it
        (hashicorp/raft), instead of by `check_quorum`'s lease.
    step_down_on_removal
        Whether a leader that is removed, or made a learner, gives up at once.
    max_committed
        Bytes of entries handed out to be applied at once; `max_message` when 0.
    """

    election: int = 10
    heartbeat: int = 1
    prevote: bool = False
    check_quorum: bool = False
    reads: ReadRule = ReadRule.SAFE
    max_message: int = INFINITE_BYTES
    max_committed: int = 0
    max_uncommitted: int = INFINITE_BYTES
    max_inflight: int = 2**31 - 1
    max_inflight_bytes: int = 0
    asynchronous: bool = False
    forwards_proposals: bool = True
    checks_changes: bool = True
    answers_stale: bool = False
    refuses_while_led: bool = False
    step_down_on_removal: bool = False

    def __post_init__(self) -> None:
        if self.heartbeat <= 0 or self.election <= self.heartbeat:
            raise ValueError(
                f"the election time-out ({self.election} ticks) has to be longer than the heartbeat interval "
                f"({self.heartbeat} ticks, at least 1)"
            )
        if self.max_inflight <= 0:
            raise ValueError(f"at least one message has to be allowed in flight, not {self.max_inflight}")
        if self.reads is ReadRule.LEASE and not self.check_quorum:
            raise ValueError("reads by lease need check_quorum")
