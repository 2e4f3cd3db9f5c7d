"""etcd's JSON log: elections, lost leaders, slow disks, as rows with their raft term."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from meshlab.incident.evidence.readers.interface import Log
from meshlab.incident.evidence.rows import Row, around

# (pattern of msg, kind, severity); raft's own words, logger "raft" (etcd-io/raft raft.go, node.go).
_RAFT: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile(pattern), kind, severity)
    for pattern, kind, severity in (
        (r"(?P<id>[0-9a-f]+) became leader at term (?P<term>\d+)", "election", "notice"),
        (
            r"(?P<id>[0-9a-f]+) elected leader (?P<leader>[0-9a-f]+) at term (?P<term>\d+)",
            "leader-known",
            "info",
        ),
        (
            r"(?P<id>[0-9a-f]+) changed leader from (?P<old>[0-9a-f]+) to (?P<leader>[0-9a-f]+) at term (?P<term>\d+)",
            "leader-known",
            "info",
        ),
        (
            r"(?P<id>[0-9a-f]+) lost leader (?P<leader>[0-9a-f]+) at term (?P<term>\d+)",
            "leader-lost",
            "warning",
        ),
        (
            r"(?P<id>[0-9a-f]+) became (?P<role>pre-candidate|candidate) at term (?P<term>\d+)",
            "campaign",
            "info",
        ),
        (r"(?P<id>[0-9a-f]+) is starting a new election at term (?P<term>\d+)", "campaign", "info"),
        (r"(?P<id>[0-9a-f]+) became follower at term (?P<term>\d+)", "follower", "info"),
        (r"(?P<id>[0-9a-f]+) stepped down to follower since quorum is not active", "no-quorum", "error"),
        (r"(?P<id>[0-9a-f]+) no leader at term (?P<term>\d+); dropping", "no-leader", "warning"),
        (
            r"(?P<id>[0-9a-f]+) \[term (?P<term>\d+)\] starts to transfer leadership to (?P<leader>[0-9a-f]+)",
            "leader-transfer",
            "notice",
        ),
        (r"(?P<id>[0-9a-f]+) switched to configuration voters=", "membership", "notice"),
    )
)
_OTHERS: tuple[tuple[str, str, str], ...] = (
    ("apply request took too long", "slow", "warning"),
    ("waiting for ReadIndex response took too long", "slow", "warning"),
    ("timed out waiting for read index response", "slow", "error"),
    ("slow fdatasync", "slow-disk", "warning"),
    ("leader failed to send out heartbeat on time", "slow-disk", "warning"),
    ("peer became inactive", "peer-lost", "warning"),
    ("peer became active", "peer-back", "info"),
    ("lost TCP streaming connection with remote peer", "peer-lost", "warning"),
    ("prober detected unhealthy status", "peer-lost", "warning"),
    ("prober found high clock drift", "clock-drift", "warning"),
    ("dropped internal Raft message", "overload", "warning"),
    ("rejected connection on", "rejected", "warning"),
    ("applied snapshot", "snapshot", "notice"),
    ("alarm", "alarm", "error"),
)


def etcd_rows(
    lines: Iterable[str], machine: str, source: str, members: Mapping[str, str] | None = None
) -> Iterator[Row]:
    """Gives the rows of one member's log; lines that say nothing of note, or are not JSON, give none.

    Parameters
    ----------
    lines
        The log as etcd wrote it, or as the Talos Logs call gives it (a node's name before each line).
    members
        Machine by member id (hex without leading zeros), for texts that people can read.
    """
    names = {_bare(member): name for member, name in (members or {}).items()}
    for number, line in enumerate(lines, 1):
        entry = _entry(line)
        if entry is None:
            continue
        judged = _judge(str(entry.get("msg", "")))
        if judged is None:
            continue
        kind, severity, keys = judged
        try:
            t_lo, t_hi = around(str(entry.get("ts", "")))
        except ValueError:
            continue
        text = str(entry["msg"])
        for key in ("id", "leader", "old"):
            if key in keys:
                keys[key] = _bare(str(keys[key]))
                text = re.sub(rf"\b0*{keys[key]}\b", names.get(str(keys[key]), str(keys[key])), text)
        for extra in ("took", "remote-peer-id", "peer-id", "clock-drift", "error"):
            if entry.get(extra):
                text += f", {extra} {names.get(_bare(str(entry[extra])), entry[extra])}"
        raw = str(entry["ts"])
        text = f"{machine}: {text}"
        yield Row(t_lo, t_hi, machine, machine, kind, text, source, number, raw, severity, "etcd", keys)


def _entry(line: str) -> dict[str, Any] | None:
    start = line.find("{")
    if start < 0:
        return None
    try:
        entry = json.loads(line[start:])
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def _judge(msg: str) -> tuple[str, str, dict[str, Any]] | None:
    for pattern, kind, severity in _RAFT:
        match = pattern.search(msg)
        if match:
            keys: dict[str, Any] = {k: v for k, v in match.groupdict().items() if v}
            if "term" in keys:
                keys["term"] = int(keys["term"])
            return kind, severity, keys
    return next(((kind, severity, {}) for text, kind, severity in _OTHERS if text in msg), None)


def _bare(member: str) -> str:
    """A member id as raft writes it: hex without leading zeros."""
    return member.lower().lstrip("0") or "0"


class EtcdLog:
    """``etcd-<machine>.log``: etcd's own JSON log."""

    name = "etcd's log"
    files = "etcd-*"

    def rows(self, log: Log) -> Iterable[Row]:
        return etcd_rows(log.text().splitlines(), log.subject, log.source, log.members)
