"""What a leader does: it replicates, commits, checks its quorum, confirms reads and hands over."""

from __future__ import annotations

from collections.abc import Callable

from meshlab.simulate.raft.messages import (
    NOBODY,
    ChangeKind,
    ConfChange,
    Entry,
    Kind,
    Message,
    Snapshot,
    Transition,
    payload,
)
from meshlab.simulate.raft.progress import Flow, Progress
from meshlab.simulate.raft.quorum import Verdict
from meshlab.simulate.raft.reads import ReadRule, ReadState
from meshlab.simulate.raft.state import MemberState, ProposalDropped
from meshlab.simulate.raft.storage import Compacted, Unavailable

CHANGE_TEXT = {
    ChangeKind.ADD: "ConfChangeAddNode",
    ChangeKind.REMOVE: "ConfChangeRemoveNode",
    ChangeKind.UPDATE: "ConfChangeUpdateNode",
    ChangeKind.LEARNER: "ConfChangeAddLearnerNode",
}


def step(leader: MemberState, message: Message) -> None:
    """Takes a message as leader."""
    alone = _ALONE.get(message.kind)
    if alone is not None:
        alone(leader, message)
        return
    progress = leader.followers.get(message.sender)
    if progress is None:
        leader.say(f"{leader.id:x} no progress available for {message.sender:x}", "DEBUG")
        return
    about = _ABOUT_A_FOLLOWER.get(message.kind)
    if about is not None:
        about(leader, message, progress)


def reconfigured(leader: MemberState) -> None:
    """Replicates to the members of a new configuration, in which more may be committed."""
    if leader.try_commit():
        broadcast(leader)
    else:
        for member in leader.others:
            try_append(leader, member, empty=False)
    if leader.transferee and leader.transferee not in leader.configuration.voters.everyone:
        leader.transferee = NOBODY


# --- replicating


def broadcast(leader: MemberState) -> None:
    """Sends every follower what it lacks, and the commit index."""
    for member in leader.others:
        try_append(leader, member)


def heartbeat(leader: MemberState) -> None:
    """Tells every follower who leads, and to commit what it surely has."""
    context = leader.reads.context
    for member in leader.others:
        progress = leader.followers[member]
        commit = min(progress.match, leader.log.committed)
        leader.send(Message(Kind.HEARTBEAT, to=member, commit=commit, context=context))
        progress.sent_commit = commit


def try_append(leader: MemberState, to: int, *, empty: bool = True) -> bool:
    """Sends one follower the next entries, or a snapshot if they are gone; whether anything was sent.

    `empty` allows a message without entries, which only tells the commit index.
    """
    progress = leader.followers[to]
    if progress.held:
        return False
    log = leader.log
    before = progress.next - 1
    try:
        term = log.term(before)
    except (Compacted, Unavailable):
        return _send_snapshot(leader, to, progress)
    entries: tuple[Entry, ...] = ()
    if progress.flow is not Flow.REPLICATE or not progress.inflights.full:
        try:
            entries = log.entries_from(progress.next, leader.settings.max_message)
        except Compacted:
            return empty and _send_snapshot(leader, to, progress)
    if not entries and not empty:
        return False
    leader.send(Message(Kind.APP, to=to, index=before, log_term=term, entries=entries, commit=log.committed))
    progress.sent(len(entries), payload(entries))
    progress.sent_commit = log.committed
    return True


def _send_snapshot(leader: MemberState, to: int, progress: Progress) -> bool:
    if not progress.active:
        leader.say(f"ignore sending snapshot to {to:x} since it is not recently active", "DEBUG")
        return False
    snapshot: Snapshot = leader.log.snapshot()
    if not snapshot.index:
        raise AssertionError("a snapshot that is sent cannot be empty")
    leader.say(
        f"{leader.id:x} [firstindex: {leader.log.first_index}, commit: {leader.log.committed}] sent "
        f"snapshot[index: {snapshot.index}, term: {snapshot.term}] to {to:x} [{progress}]",
        "DEBUG",
    )
    progress.await_snapshot(snapshot.index)
    leader.say(f"{leader.id:x} paused sending replication messages to {to:x} [{progress}]", "DEBUG")
    leader.send(Message(Kind.SNAP, to=to, snapshot=snapshot))
    return True


# --- messages that are not about a follower


def _beat(leader: MemberState, _: Message) -> None:
    heartbeat(leader)


def _check_quorum(leader: MemberState, _: Message) -> None:
    """Steps down unless a quorum has answered since the last look."""
    active = {member: p.active for member, p in leader.followers.items() if not p.learner}
    if leader.configuration.voters.verdict(active) is not Verdict.WON:
        leader.say(f"{leader.id:x} stepped down to follower since quorum is not active", "WARN")
        leader.become_follower(leader.term, NOBODY)
    for member in leader.others:
        leader.followers[member].active = False


def _propose(leader: MemberState, message: Message) -> None:
    if leader.id not in leader.followers:  # removed, and still leading
        raise ProposalDropped
    if leader.transferee:
        leader.say(
            f"{leader.id:x} [term {leader.term}] transfer leadership to {leader.transferee:x} is in progress; "
            "dropping proposal",
            "DEBUG",
        )
        raise ProposalDropped
    entries = list(message.entries)
    for place, entry in enumerate(entries):
        if entry.change is None:
            continue
        objection = _objection(leader, entry.change)
        if objection and leader.settings.checks_changes:
            leader.say(
                f"{leader.id:x} ignoring conf change {_described(entry.change)} at config "
                f"{leader.configuration}: {objection}"
            )
            entries[place] = Entry(0, 0)
        else:
            leader.pending_change = leader.log.last_index + place + 1
    if not leader.append(tuple(entries)):
        raise ProposalDropped
    broadcast(leader)


def _objection(leader: MemberState, change: ConfChange) -> str:
    """Gives why a change cannot be made now: one at a time, and joint configurations are left first."""
    if leader.pending_change > leader.log.applied:
        return (
            f"possible unapplied conf change at index {leader.pending_change} "
            f"(applied to {leader.log.applied})"
        )
    joint = leader.configuration.voters.joint
    if joint and change.changes:
        return "must transition out of joint config first"
    if not joint and not change.changes:
        return "not in joint state; refusing empty conf change"
    return ""


def _described(change: ConfChange) -> str:
    transition = Transition.AUTO if change.simple else change.transition
    parts = [f"transition:{transition.value}"]
    parts += [f"changes:{{type:{CHANGE_TEXT[kind]} node_id:{member}}}" for kind, member in change.changes]
    return " ".join(parts)


def _read(leader: MemberState, message: Message) -> None:
    """Answers a read once it is sure to lead: at once when alone, by lease, or after a round of heartbeats."""
    voters = leader.configuration.voters
    if len(voters.incoming) == 1 and not voters.outgoing:
        answer_read(leader, message, leader.log.committed)
    elif leader.log.term_or_zero(leader.log.committed) != leader.term:
        leader.early_reads.append(message)  # it does not know yet what is committed
    else:
        _confirm_read(leader, message)


def _confirm_read(leader: MemberState, message: Message) -> None:
    if leader.settings.reads is ReadRule.LEASE:
        answer_read(leader, message, leader.log.committed)
        return
    leader.reads.add(message, leader.log.committed)
    leader.reads.acknowledged(leader.id, leader.reads.context)
    heartbeat(leader)


def answer_read(leader: MemberState, request: Message, index: int) -> None:
    """Tells who asked that a read may be served once `index` is applied."""
    if request.sender in (NOBODY, leader.id):
        leader.read_states.append(ReadState(index, request.entries[0].data))
    else:
        leader.send(Message(Kind.READ_INDEX_RESP, to=request.sender, index=index, entries=request.entries))


def _ignore(_: MemberState, __: Message) -> None:
    pass


_ALONE: dict[Kind, Callable[[MemberState, Message], None]] = {
    Kind.BEAT: _beat,
    Kind.CHECK_QUORUM: _check_quorum,
    Kind.PROP: _propose,
    Kind.READ_INDEX: _read,
    Kind.FORGET_LEADER: _ignore,
}


# --- messages about a follower


def _append_answered(leader: MemberState, message: Message, progress: Progress) -> None:
    progress.active = True
    if message.reject:
        _append_refused(leader, message, progress)
        return
    index, log = message.index, leader.log
    probed = progress.match == index and progress.flow is Flow.PROBE
    if not progress.acknowledged(index) and not probed:
        return
    if progress.flow is Flow.PROBE:
        progress.replicate()
    elif progress.flow is Flow.REPLICATE:
        progress.inflights.free_to(index)
    elif progress.match + 1 >= log.first_index:
        leader.say(
            f"{leader.id:x} recovered from needing snapshot, resumed sending replication messages to "
            f"{message.sender:x} [{progress}]",
            "DEBUG",
        )
        progress.probe()
        progress.replicate()
    own = message.sender == leader.id
    if leader.try_commit():
        _release_early_reads(leader)
        broadcast(leader)
    elif not own and progress.lacks_commit(log.committed):
        try_append(leader, message.sender)
    if not own:
        while try_append(leader, message.sender, empty=False):
            pass
    if message.sender == leader.transferee and progress.match == log.last_index:
        leader.say(f"{leader.id:x} sent MsgTimeoutNow to {message.sender:x} after received MsgAppResp")
        leader.send(Message(Kind.TIMEOUT_NOW, to=message.sender))


def _append_refused(leader: MemberState, message: Message, progress: Progress) -> None:
    """Goes back to where the two logs may match: at most one try for each term (raft thesis 5.3)."""
    leader.say(
        f"{leader.id:x} received MsgAppResp(rejected, hint: (index {message.hint}, term {message.log_term})) "
        f"from {message.sender:x} for index {message.index}",
        "DEBUG",
    )
    start = message.hint
    if message.log_term > 0:
        start, _ = leader.log.conflict_by_term(start, message.log_term)
    if progress.refused(message.index, start):
        leader.say(f"{leader.id:x} decreased progress of {message.sender:x} to [{progress}]", "DEBUG")
        if progress.flow is Flow.REPLICATE:
            progress.probe()
        try_append(leader, message.sender)


def _release_early_reads(leader: MemberState) -> None:
    waiting, leader.early_reads = leader.early_reads, []
    for message in waiting:
        _confirm_read(leader, message)


def _heartbeat_answered(leader: MemberState, message: Message, progress: Progress) -> None:
    progress.active = True
    progress.paused = False
    if progress.match < leader.log.last_index or progress.flow is Flow.PROBE:
        try_append(leader, message.sender)
    if leader.settings.reads is ReadRule.SAFE and message.context:
        leader.reads.acknowledged(message.sender, message.context)
        for request, index in leader.reads.release(leader.configuration.voters):
            answer_read(leader, request, index)


def _snapshot_reported(leader: MemberState, message: Message, progress: Progress) -> None:
    """Takes the news that a snapshot was sent, or was not; what is to follow waits for the next answer."""
    if progress.flow is not Flow.SNAPSHOT:
        return
    if message.reject:
        progress.pending_snapshot = 0
    progress.probe()
    how = "failed" if message.reject else "succeeded"
    leader.say(
        f"{leader.id:x} snapshot {how}, resumed sending replication messages to {message.sender:x} [{progress}]",
        "DEBUG",
    )
    progress.paused = True


def _unreachable(leader: MemberState, message: Message, progress: Progress) -> None:
    if progress.flow is Flow.REPLICATE:
        progress.probe()
    leader.say(
        f"{leader.id:x} failed to send message to {message.sender:x} because it is unreachable [{progress}]",
        "DEBUG",
    )


def _transfer(leader: MemberState, message: Message, progress: Progress) -> None:
    """Hands over: at once to a follower that has everything, otherwise as soon as it has."""
    heir, head = message.sender, f"{leader.id:x} [term {leader.term}]"
    if progress.learner:
        leader.say(f"{leader.id:x} is learner. Ignored transferring leadership", "DEBUG")
        return
    if leader.transferee == heir:
        leader.say(
            f"{head} transfer leadership to {heir:x} is in progress, ignores request to same node {heir:x}"
        )
        return
    if leader.transferee:
        leader.say(f"{head} abort previous transferring leadership to {leader.transferee:x}")
        leader.transferee = NOBODY
    if heir == leader.id:
        leader.say(f"{leader.id:x} is already leader. Ignored transferring leadership to self", "DEBUG")
        return
    leader.say(f"{head} starts to transfer leadership to {heir:x}")
    leader.election_elapsed = 0
    leader.transferee = heir
    if progress.match == leader.log.last_index:
        leader.send(Message(Kind.TIMEOUT_NOW, to=heir))
        leader.say(
            f"{leader.id:x} sends MsgTimeoutNow to {heir:x} immediately as {heir:x} already has up-to-date log"
        )
    else:
        try_append(leader, heir)


_ABOUT_A_FOLLOWER: dict[Kind, Callable[[MemberState, Message, Progress], None]] = {
    Kind.APP_RESP: _append_answered,
    Kind.HEARTBEAT_RESP: _heartbeat_answered,
    Kind.SNAP_STATUS: _snapshot_reported,
    Kind.UNREACHABLE: _unreachable,
    Kind.TRANSFER_LEADER: _transfer,
}
