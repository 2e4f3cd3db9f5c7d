"""What the observer asks: a probe is one question to one thing, with a strict time-out of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Silent(Exception):
    """No answer came in time, or the connection could not be made."""


class Refused(Exception):
    """It answered that it cannot: an error reply. `answer` is what it said."""

    def __init__(self, message: str, answer: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.answer = dict(answer or {})


class NoPath(Exception):
    """The way to the thing was away, so nothing is known of the thing itself."""


class Probe(Protocol):
    """One question to one thing.

    `kind` is what is asked (``machine``, ``etcd``, ``kubernetes-api``, ``vault``, ``chain``, ``mesh``,
    ``management``), `component` of whom. `ask` gives a small JSON-like answer or raises `Silent`, `Refused` or
    `NoPath`; anything else it raises is recorded as refused, with its text. It must return within seconds.
    """

    @property
    def kind(self) -> str: ...

    @property
    def component(self) -> str: ...

    def ask(self) -> Mapping[str, Any]: ...


# What each probe's answer holds; `observed` reads these keys and nothing else.
ANSWERS = {
    "machine": "stage: str, ready: bool, boot_id: str, unmet: [str]",
    "etcd": "member_id: str, leader: str, term: int, index: int, applied: int, learner: bool, errors: [str]",
    "kubernetes-api": "endpoint: str (who took the write)",
    "vault": "initialized: bool, sealed: bool, standby: bool",
    "chain": "healthy: bool, syncing: bool, lag: float | None (blocks), height: int | None, peers: int | None",
    "mesh": "peers: {machine: 'up' | 'down' | 'unknown'}",
    "management": "reachable: bool",
    "observer": "late_s: float (the observing machine woke so late), load: float (of one minute), cores: int",
}
