"""The rows of a journal: what was intended, what came of it, and what was said meanwhile."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What one journal row says."""

    INTENT = "intent"
    RESULT = "result"
    ADOPTED = "adopted"
    NEVER_HAPPENED = "never-happened"
    FAILED = "failed"
    NEEDS_YOU = "needs-you"
    REFUSED = "refused"
    PROGRESS = "progress"
    RUN = "run"


class Outcome(StrEnum):
    """How a run stands."""

    PENDING = "pending"
    RUNNING = "running"
    HELD = "held"
    DONE = "done"
    FAILED = "failed"
    NEEDS_YOU = "needs-you"
    REFUSED = "refused"
    CHECK_FAILED = "check-failed"
    SUPERSEDED = "superseded"

    @property
    def final(self) -> bool:
        """Whether no runner will go on with it unless somebody starts one again."""
        return self not in (Outcome.PENDING, Outcome.RUNNING, Outcome.HELD)


SETTLED = frozenset({Kind.RESULT, Kind.ADOPTED})
"""Rows after which a step's result is known and durable."""


@dataclass(frozen=True)
class Record:
    """One row of a journal; rows are only ever added. `time` is Unix time, `seq` gives their order."""

    seq: int
    run: str
    step: str
    kind: Kind
    attempt: int
    life: int
    token: str
    natural_key: str
    request_id: str
    time: float
    fence: int
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def digest(self) -> str:
        """Gives the checksum over everything but the sequence number."""
        return checksum(
            self.run,
            self.step,
            str(self.kind),
            self.attempt,
            self.life,
            self.token,
            self.natural_key,
            self.request_id,
            repr(self.time),
            self.fence,
            self.text,
            dumps(self.data),
        )


def dumps(data: Mapping[str, Any]) -> str:
    """Gives the one JSON text of a value: sorted keys, no spaces. A Secret in it is refused by json itself."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"))


def checksum(*parts: object) -> str:
    """Gives a short checksum of the parts in order."""
    return hashlib.sha256("\0".join(str(part) for part in parts).encode()).hexdigest()[:24]
