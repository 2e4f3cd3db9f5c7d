"""What a member does that does not lead: it follows a leader, or stands for election."""

from __future__ import annotations

from meshlab.simulate.raft import leading
from meshlab.simulate.raft.messages import NOBODY, Kind, Message, Snapshot
from meshlab.simulate.raft.quorum import Verdict
from meshlab.simulate.raft.reads import ReadRule, ReadState
from meshlab.simulate.raft.state import Campaign, MemberState, ProposalDropped, Role

_FROM_LEADER = frozenset({Kind.APP, Kind.HEARTBEAT, Kind.SNAP})


def step(member: MemberState, message: Message) -> None:
    """Takes a message as follower."""
    kind = message.kind
    if kind in _FROM_LEADER:
        member.election_elapsed = 0
        member.lead = message.sender
        _obey(member, message)
    elif kind is Kind.PROP:
        _pass_on_proposal(member, message)
    elif kind is Kind.TRANSFER_LEADER:
        _pass_on(member, message, "leader transfer msg")
    elif kind is Kind.READ_INDEX:
        _pass_on(member, message, "index reading msg")
    elif kind is Kind.READ_INDEX_RESP:
        member.read_states.append(ReadState(message.index, message.entries[0].data))
    elif kind is Kind.TIMEOUT_NOW:
        member.say(
            f"{member.id:x} [term {member.term}] received MsgTimeoutNow from {message.sender:x} and starts an "
            "election to get leadership."
        )
        member.hand_over_received()
    elif kind is Kind.FORGET_LEADER:
        if member.settings.reads is ReadRule.LEASE:
            member.say("ignoring MsgForgetLeader due to ReadOnlyLeaseBased", "ERROR")
        elif member.lead:
            member.say(f"{member.id:x} forgetting leader {member.lead:x} at term {member.term}")
            member.lead = NOBODY


def step_candidate(member: MemberState, message: Message) -> None:
    """Takes a message as candidate or pre-candidate; answers to what it no longer asks are passed over."""
    kind = message.kind
    asking = member.role is Role.PRE_CANDIDATE
    if kind in _FROM_LEADER:
        member.become_follower(message.term, message.sender)
        _obey(member, message)
    elif kind is (Kind.PRE_VOTE_RESP if asking else Kind.VOTE_RESP):
        verdict = member.count(message)
        if verdict is Verdict.WON:
            if asking:
                member.campaign(Campaign.ELECTION)
            else:
                member.become_leader()
                leading.broadcast(member)
        elif verdict is Verdict.LOST:
            member.become_follower(member.term, NOBODY)
    elif kind is Kind.PROP:
        member.say(f"{member.id:x} no leader at term {member.term}; dropping proposal")
        raise ProposalDropped
    elif kind is Kind.TIMEOUT_NOW:
        member.say(
            f"{member.id:x} [term {member.term} state {member.role.value}] ignored MsgTimeoutNow from "
            f"{message.sender:x}",
            "DEBUG",
        )


def _pass_on_proposal(member: MemberState, message: Message) -> None:
    if not member.lead:
        member.say(f"{member.id:x} no leader at term {member.term}; dropping proposal")
        raise ProposalDropped
    if not member.settings.forwards_proposals:
        member.say(
            f"{member.id:x} not forwarding to leader {member.lead:x} at term {member.term}; dropping proposal"
        )
        raise ProposalDropped
    message.to = member.lead
    member.send(message)


def _pass_on(member: MemberState, message: Message, what: str) -> None:
    if not member.lead:
        member.say(f"{member.id:x} no leader at term {member.term}; dropping {what}")
        return
    message.to = member.lead
    member.send(message)


def _obey(member: MemberState, message: Message) -> None:
    if message.kind is Kind.APP:
        _append(member, message)
    elif message.kind is Kind.HEARTBEAT:
        member.log.commit_to(message.commit)
        member.send(Message(Kind.HEARTBEAT_RESP, to=message.sender, context=message.context))
    else:
        _take_snapshot(member, message)


def _append(member: MemberState, message: Message) -> None:
    """Appends if the entry before matches; otherwise says up to where the logs may match."""
    log, leader = member.log, message.sender
    if message.index < log.committed:
        member.send(Message(Kind.APP_RESP, to=leader, index=log.committed))
        return
    last = log.try_append(message.log_term, message.index, message.entries, message.commit)
    if last is not None:
        member.send(Message(Kind.APP_RESP, to=leader, index=last))
        return
    member.say(
        f"{member.id:x} [logterm: {log.term_or_zero(message.index)}, index: {message.index}] rejected MsgApp "
        f"[logterm: {message.log_term}, index: {message.index}] from {leader:x}",
        "DEBUG",
    )
    index, term = log.conflict_by_term(min(message.index, log.last_index), message.log_term)
    member.send(
        Message(Kind.APP_RESP, to=leader, index=message.index, reject=True, hint=index, log_term=term)
    )


def _take_snapshot(member: MemberState, message: Message) -> None:
    snapshot = message.snapshot or Snapshot()
    taken = _restore(member, snapshot)
    member.say(
        f"{member.id:x} [commit: {member.log.committed}] {'restored' if taken else 'ignored'} snapshot "
        f"[index: {snapshot.index}, term: {snapshot.term}]"
    )
    index = member.log.last_index if taken else member.log.committed
    member.send(Message(Kind.APP_RESP, to=message.sender, index=index))


def _restore(member: MemberState, snapshot: Snapshot) -> bool:
    """Puts a snapshot in place of the log, unless it is old or only tells what the log already has."""
    log, members = member.log, snapshot.members
    if snapshot.index <= log.committed:
        return False
    if member.id not in (*members.voters, *members.learners, *members.outgoing):
        member.say(
            f"{member.id:x} attempted to restore snapshot but it is not in the ConfState {members}; "
            "should never happen",
            "WARN",
        )
        return False
    if log.matches(snapshot.term, snapshot.index):
        term, index = log.last()
        member.say(
            f"{member.id:x} [commit: {log.committed}, lastindex: {index}, lastterm: {term}] fast-forwarded "
            f"commit to snapshot [index: {snapshot.index}, term: {snapshot.term}]"
        )
        log.commit_to(snapshot.index)
        return False
    log.restore(snapshot)
    member.restore_members(members)
    term, index = log.last()
    member.say(
        f"{member.id:x} [commit: {log.committed}, lastindex: {index}, lastterm: {term}] restored snapshot "
        f"[index: {snapshot.index}, term: {snapshot.term}]"
    )
    return True
