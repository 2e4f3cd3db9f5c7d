"""What etcd's JSON gateway says and hears, as values: keys, conditions, answers, events and refusals.

Bytes travel in base64, 64-bit numbers as strings, and zero fields are left out.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Literal

_UNAVAILABLE_CODES = frozenset({1, 4, 14})
"""gRPC CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE: no leader, time-out, member stopping."""
_OUT_OF_RANGE = 11


class EtcdUnavailable(RuntimeError):
    """No answer, no leader or a time-out. Whether a write took effect is unknown."""


class EtcdError(RuntimeError):
    """etcd refused the request.

    Attributes
    ----------
    code
        gRPC status code (3 invalid argument, 5 not found, 9 failed precondition, 11 out of range, ...).
    message
        etcd's own words.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{message} (code {code})")
        self.code = code
        self.message = message


class Compacted(EtcdError):
    """The revision has been compacted away; ``revision`` is the oldest one left, 0 if etcd did not say."""

    def __init__(self, revision: int, message: str = "mvcc: required revision has been compacted") -> None:
        super().__init__(_OUT_OF_RANGE, message)
        self.revision = revision


@dataclass(frozen=True, slots=True)
class KeyValue:
    """One key at one revision; ``lease`` 0 means none."""

    key: bytes
    value: bytes
    create_revision: int
    mod_revision: int
    version: int
    lease: int


@dataclass(frozen=True, slots=True)
class RangeResult:
    """Keys found, the store's revision then, whether the limit left some out, and how many there are."""

    kvs: list[KeyValue]
    revision: int
    more: bool
    count: int


@dataclass(frozen=True, slots=True)
class Compare:
    """A condition of a transaction: ``target`` of ``key`` stands in relation ``result`` to ``value``."""

    key: bytes
    target: Literal["VERSION", "CREATE", "MOD", "VALUE", "LEASE"]
    result: Literal["EQUAL", "GREATER", "LESS", "NOT_EQUAL"]
    value: int | bytes

    def as_json(self) -> dict[str, Any]:
        field = {"CREATE": "create_revision", "MOD": "mod_revision"}.get(self.target, self.target.lower())
        value = b64(self.value) if isinstance(self.value, bytes) else str(self.value)
        return {"key": b64(self.key), "target": self.target, "result": self.result, field: value}


@dataclass(frozen=True, slots=True)
class Op:
    """One operation of a transaction; made by :meth:`put`, :meth:`get` and :meth:`delete`."""

    kind: Literal["put", "range", "delete_range"]
    request: dict[str, Any]

    @staticmethod
    def put(key: bytes, value: bytes, *, lease: int = 0) -> Op:
        """Writes a key."""
        return Op("put", put_json(key, value, lease))

    @staticmethod
    def get(key: bytes, range_end: bytes | None = None, *, limit: int = 0, keys_only: bool = False) -> Op:
        """Reads a key, or the keys of [key, range_end)."""
        return Op("range", span(key, range_end) | {"limit": str(limit), "keys_only": keys_only})

    @staticmethod
    def delete(key: bytes, range_end: bytes | None = None) -> Op:
        """Deletes a key, or the keys of [key, range_end)."""
        return Op("delete_range", span(key, range_end))


@dataclass(frozen=True, slots=True)
class PutResponse:
    """A put inside a transaction took effect."""


@dataclass(frozen=True, slots=True)
class DeleteResponse:
    """How many keys a delete inside a transaction removed."""

    deleted: int


@dataclass(frozen=True, slots=True)
class TxnResult:
    """Which branch ran (``succeeded``: all conditions held), the revision, and an answer per operation."""

    succeeded: bool
    revision: int
    responses: list[RangeResult | PutResponse | DeleteResponse]


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One change of a key; a deletion has key and revision in ``kv``, the last value in ``prev_kv``."""

    type: Literal["PUT", "DELETE"]
    kv: KeyValue
    prev_kv: KeyValue | None


@dataclass(frozen=True, slots=True)
class WatchBatch:
    """Changes up to ``revision``; without events it is a progress mark: nothing else happened up to there."""

    revision: int
    events: list[WatchEvent]


@dataclass(frozen=True, slots=True)
class Member:
    """One member of the etcd cluster as the cluster knows it; a member that never started has no name."""

    id: int
    name: str
    peer_urls: list[str]
    client_urls: list[str]
    is_learner: bool


@dataclass(frozen=True, slots=True)
class Status:
    """What one member says about itself; ``leader`` is a member id, 0 for none; ``db_size`` in bytes."""

    version: str
    db_size: int
    leader: int
    raft_index: int
    raft_term: int
    raft_applied_index: int
    is_learner: bool
    errors: list[str]
    member_id: int


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm raised by a member: NOSPACE or CORRUPT."""

    member_id: int
    alarm: str


def prefix_end(prefix: bytes) -> bytes:
    """The end of the range of all keys with ``prefix`` (``b"\\0"``, every key, for the empty prefix)."""
    for i in range(len(prefix) - 1, -1, -1):
        if prefix[i] < 0xFF:
            return prefix[:i] + bytes([prefix[i] + 1])
    return b"\0"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def span(key: bytes, range_end: bytes | None) -> dict[str, Any]:
    span = {"key": b64(key)}
    if range_end is not None:
        span["range_end"] = b64(range_end)
    return span


def put_json(key: bytes, value: bytes, lease: int) -> dict[str, Any]:
    return {"key": b64(key), "value": b64(value), "lease": str(lease)}


def key_value(data: dict[str, Any]) -> KeyValue:
    return KeyValue(
        base64.b64decode(data.get("key", "")),
        base64.b64decode(data.get("value", "")),
        int(data.get("create_revision", 0)),
        int(data.get("mod_revision", 0)),
        int(data.get("version", 0)),
        int(data.get("lease", 0)),
    )


def revision_of(data: dict[str, Any]) -> int:
    return int(data.get("header", {}).get("revision", 0))


def range_result(data: dict[str, Any]) -> RangeResult:
    kvs = [key_value(kv) for kv in data.get("kvs", [])]
    return RangeResult(kvs, revision_of(data), bool(data.get("more", False)), int(data.get("count", 0)))


def txn_response(data: dict[str, Any]) -> RangeResult | PutResponse | DeleteResponse:
    if "response_range" in data:
        return range_result(data["response_range"])
    if "response_delete_range" in data:
        return DeleteResponse(int(data["response_delete_range"].get("deleted", 0)))
    return PutResponse()


def watch_event(data: dict[str, Any]) -> WatchEvent:
    prev = data.get("prev_kv")
    return WatchEvent(data.get("type", "PUT"), key_value(data["kv"]), key_value(prev) if prev else None)


def member_of(data: dict[str, Any]) -> Member:
    return Member(
        int(data["ID"]),
        data.get("name", ""),
        list(data.get("peerURLs", [])),
        list(data.get("clientURLs", [])),
        bool(data.get("isLearner", False)),
    )


def refusal(code: int, message: str) -> EtcdUnavailable | EtcdError:
    if code == _OUT_OF_RANGE and "compacted" in message:
        return Compacted(0, message)
    if code in _UNAVAILABLE_CODES:
        return EtcdUnavailable(message)
    return EtcdError(code, message)
