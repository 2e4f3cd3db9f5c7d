"""What one answer says of one thing: from samples to marks, one function per kind of probe."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from meshlab.incident.observe.pieces import Mark, answered_marks
from meshlab.incident.observe.samples import Sample
from meshlab.model import State

PATIENCE_S = 1.0
"""A write that waits longer than this was answered late; shorter where asked more often."""

_BOOTING = frozenset({"booting", "installing", "maintenance", "rebooting", "upgrading", "resetting"})


def machine_marks(samples: Sequence[Sample]) -> list[Mark[State]]:
    """A machine by its Talos stage; a silent one is `unreachable`, which is all that an observer can say."""
    return answered_marks(samples, _machine)


def _machine(sample: Sample) -> tuple[State | None, str]:
    if sample.outcome == "silent":
        return State.UNREACHABLE, f"its Talos API is silent ({sample.error or 'no answer'})"
    if sample.outcome == "no-path":
        return None, ""
    if sample.outcome == "refused":
        return State.DEGRADED, f"its Talos API answers with an error: {sample.error}"
    stage = str(sample.answer.get("stage", ""))
    if stage in _BOOTING:
        return State.BOOTING, f"Talos stage {stage}"
    if stage == "shutting down":
        return State.DOWN, "Talos stage shutting down"
    if sample.answer.get("ready", True):
        return State.UP, "running and ready"
    return State.DEGRADED, "running, not ready: " + (
        ", ".join(sample.answer.get("unmet", ())) or "unmet conditions"
    )


@dataclass(frozen=True)
class EtcdAnswer:
    """What one member says of its group: ids are hex; `moving` where something was committed since its last answer."""

    member: str
    leader: str
    term: int
    moving: bool
    learner: bool = False


SILENT = EtcdAnswer("", "", 0, False)


def etcd_marks(samples: Sequence[Sample], heard: Sequence[float] = ()) -> list[Mark[EtcdAnswer]]:
    """One member's answers; silence and errors are the answer `SILENT`.

    Parameters
    ----------
    heard
        When a member answered that it leads itself, in seconds, sorted. A raft index that rose since the last
        answer may have risen before a leader fell silent that was heard shortly before, so there the next answer
        of the same term decides whether it `moves`.
    """
    told: list[EtcdAnswer | None] = []
    index: int | None = None
    asked_before, asked_last = 0.0, 0.0
    rose: list[tuple[bool, bool]] = []
    for sample in samples:
        answer = sample.answer
        if not sample.answered:
            told.append(None if sample.outcome == "no-path" else SILENT)
            rose.append((False, False))
            continue
        leader = str(answer.get("leader") or "")
        told.append(
            EtcdAnswer(
                str(answer.get("member_id", "")),
                "" if leader == "0" else leader,
                int(answer.get("term", 0)),
                False,
                bool(answer.get("learner", False)),
            )
        )
        height = int(answer.get("index", 0))
        spoke = bisect_right(heard, sample.got) > bisect_left(heard, asked_before)
        rose.append((index is not None and height > index, spoke))
        index, asked_before, asked_last = height, asked_last, sample.sent
    following: EtcdAnswer | None = None
    for number in range(len(told) - 1, -1, -1):
        this = told[number]
        if this is None or this == SILENT:
            continue
        higher, spoke = rose[number]
        if spoke and following:
            higher = higher and following.moving and following.term == this.term
        following = told[number] = replace(this, moving=higher)
    return [
        replace(mark, value=value)
        for mark, value in zip(answered_marks(samples, lambda s: (SILENT, s.error)), told, strict=True)
    ]


def write_marks(
    samples: Sequence[Sample], *, patience_s: float = PATIENCE_S, busy: Sequence[Sample] = ()
) -> list[Mark[State]]:
    """The Kubernetes API by a small write: one that fails is an outage, one that is answered late a degradation.

    Parameters
    ----------
    patience_s
        A write that waited longer was late.
    busy
        When the observing machine was late itself; by so much more a write may wait then.
    """
    marks: list[Mark[State]] = []
    for sample in samples:
        if sample.outcome == "no-path":
            marks.append(Mark(sample.sent, sample.got, None, sample))
        elif not sample.answered:
            why = f"a write failed after {sample.latency:.2g} s: {sample.error or 'no answer'}"
            last = max(sample.sent, sample.got - 1.0) if sample.outcome == "silent" else sample.got
            marks.append(Mark(sample.sent, last, State.DOWN, sample, why))
        elif sample.latency > patience_s + _own_delay(sample, busy):
            why = f"a write waited {sample.latency:.2g} s for its answer"
            marks.append(Mark(sample.sent, sample.got, State.DEGRADED, sample, why))
            marks.append(Mark(sample.got, sample.got, State.UP, sample, "writes are answered again"))
        else:
            marks.append(Mark(sample.sent, sample.got, State.UP, sample, "writes are answered"))
    return marks


def _own_delay(sample: Sample, busy: Sequence[Sample]) -> float:
    """Gives the seconds by which the observing machine itself was late while a question was open."""
    return sum(own_delay(one) for one in busy if one.sent < sample.got and sample.sent < one.got)


def own_delay(sample: Sample) -> float:
    """Gives the seconds that a sample of the observing machine says it was late."""
    return float(sample.answer.get("late_s", 0.0))


@dataclass(frozen=True)
class VaultAnswer:
    """What one Vault pod says of itself: ``active``, ``standby``, ``sealed``, ``fresh``, ``silent`` or ``gone``.

    ``gone``: the API says that there is no such pod, or that nothing listens in it.
    """

    role: str


def vault_marks(samples: Sequence[Sample]) -> list[Mark[VaultAnswer]]:
    """One pod by its health call; where the API through which it is asked is away, nothing is known of it."""

    def value(sample: Sample) -> tuple[VaultAnswer | None, str]:
        if sample.outcome == "no-path":
            return None, ""
        if not sample.answered:
            return VaultAnswer("silent" if sample.outcome == "silent" else "gone"), sample.error
        if not sample.answer.get("initialized", True):
            return VaultAnswer("fresh"), ""
        if sample.answer.get("sealed"):
            return VaultAnswer("sealed"), ""
        return VaultAnswer("standby" if sample.answer.get("standby") else "active"), ""

    return answered_marks(samples, value)


def chain_marks(samples: Sequence[Sample]) -> list[Mark[State]]:
    """A chain node by its own health call through the API's pod proxy."""
    return answered_marks(samples, _chain)


def _chain(sample: Sample) -> tuple[State | None, str]:
    if sample.outcome == "no-path":
        return None, ""
    if sample.outcome == "silent":
        return State.UNREACHABLE, f"its pod is silent ({sample.error or 'no answer'})"
    if sample.outcome == "refused":
        return State.DOWN, f"its health call fails: {sample.error}"
    lag = sample.answer.get("lag")
    if sample.answer.get("syncing"):
        return State.SYNCING, "it says that it is syncing" + (f", {lag:g} blocks behind" if lag else "")
    if sample.answer.get("healthy", True):
        return State.UP, "it says that it is healthy"
    return State.DEGRADED, "it says that it is not healthy"


def management_marks(samples: Sequence[Sample]) -> list[Mark[State]]:
    """Omni, as its users reach it."""

    def value(sample: Sample) -> tuple[State | None, str]:
        if sample.outcome == "no-path":
            return None, ""
        if sample.answered and sample.answer.get("reachable", True):
            return State.UP, "Omni answers"
        return State.DOWN, f"Omni does not answer: {sample.error or 'no answer'}"

    return answered_marks(samples, value)


def mesh_marks(samples: Sequence[Sample]) -> list[Mark[tuple[tuple[str, str], ...]]]:
    """One machine's view of its KubeSpan peers: (peer, state) pairs, sorted."""

    def value(sample: Sample) -> tuple[tuple[tuple[str, str], ...] | None, str]:
        if not sample.answered:
            return None, ""
        peers = sample.answer.get("peers", {})
        return tuple(sorted((str(name), str(state)) for name, state in peers.items())), ""

    return answered_marks(samples, value)
