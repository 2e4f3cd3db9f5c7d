"""The words in which etcd-io/raft's traces show messages, entries, snapshots and batches of effects."""

from __future__ import annotations

import json
from collections.abc import Iterable

from meshlab.simulate.raft.messages import (
    APPEND_THREAD,
    APPLY_THREAD,
    INFINITE_BYTES,
    NOBODY,
    TEXT,
    Entry,
    HardState,
    Membership,
    Message,
    Snapshot,
)
from meshlab.simulate.raft.ready import Ready

_NAMES = {NOBODY: "None", APPEND_THREAD: "AppendThread", APPLY_THREAD: "ApplyThread"}
assert APPEND_THREAD == INFINITE_BYTES  # both the greatest number of 64 bits


def entry_text(entry: Entry) -> str:
    head = f"{entry.term}/{entry.index} "
    if entry.change is None:
        return f"{head}EntryNormal {json.dumps(entry.data.decode())}"
    kind = "EntryConfChange" if entry.change.simple else "EntryConfChangeV2"
    changes = " ".join(f"{change.kind.value}{change.member}" for change in entry.change.changes)
    return f"{head}{kind} {changes}".rstrip()


def entries_text(entries: Iterable[Entry]) -> str:
    return "".join(f"{entry_text(entry)}\n" for entry in entries)


def snapshot_text(snapshot: Snapshot) -> str:
    return f"Index:{snapshot.index} Term:{snapshot.term} ConfState:{membership_text(snapshot.members)}"


def membership_text(members: Membership) -> str:
    voters, outgoing, learners, learners_next = (
        f"[{' '.join(str(member) for member in ids)}]"
        for ids in (members.voters, members.outgoing, members.learners, members.learners_next)
    )
    return (
        f"Voters:{voters} VotersOutgoing:{outgoing} Learners:{learners} LearnersNext:{learners_next} "
        f"AutoLeave:{str(members.auto_leave).lower()}"
    )


def message_text(message: Message, indent: str = "") -> str:
    sender, to = (_NAMES.get(member, f"{member:x}") for member in (message.sender, message.to))
    text = f"{indent}{sender}->{to} {TEXT[message.kind]} Term:{message.term} Log:{message.log_term}/{message.index}"
    if message.reject:
        text += f" Rejected (Hint: {message.hint})"
    if message.commit:
        text += f" Commit:{message.commit}"
    if message.vote:
        text += f" Vote:{message.vote}"
    if len(message.entries) == 1:
        text += f" Entries:[{entry_text(message.entries[0])}]"
    elif message.entries:
        lines = "".join(f"\n{indent}  {entry_text(entry)}" for entry in message.entries)
        text += f" Entries:[{lines}\n{indent}]"
    if message.snapshot is not None and message.snapshot.index:
        text += f"\n{indent}  Snapshot: {snapshot_text(message.snapshot)}"
    if message.responses:
        lines = "".join(f"\n{message_text(response, indent + '  ')}" for response in message.responses)
        text += f" Responses:[{lines}\n{indent}]"
    return text


def hard_text(hard: HardState) -> str:
    vote = f" Vote:{hard.vote}" if hard.vote else ""
    return f"Term:{hard.term}{vote} Commit:{hard.commit}"


def ready_text(batch: Ready) -> str:
    text = ""
    if batch.soft is not None:
        text += f"Lead:{batch.soft.lead} State:{batch.soft.role.value}\n"
    if batch.hard is not None:
        text += f"HardState {hard_text(batch.hard)}\n"
    if batch.reads:
        text += f"ReadStates {list(batch.reads)}\n"
    if batch.entries:
        text += "Entries:\n" + entries_text(batch.entries)
    if batch.snapshot is not None:
        text += f"Snapshot {snapshot_text(batch.snapshot)}\n"
    if batch.committed:
        text += "CommittedEntries:\n" + entries_text(batch.committed)
    if batch.messages:
        text += "Messages:\n" + "".join(f"{message_text(message)}\n" for message in batch.messages)
    return f"Ready MustSync={str(batch.must_sync).lower()}:\n{text}" if text else "<empty Ready>"
