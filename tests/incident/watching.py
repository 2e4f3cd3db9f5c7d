"""A cluster that exists only as answers: what probes of it would have written down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from meshlab.incident.observe.samples import Outcome, Sample, Samples

Answer = tuple[Outcome, Mapping[str, Any], float]
"""Outcome, answer, seconds that it took."""

UP: Answer = ("answered", {"stage": "running", "ready": True, "boot_id": "b1"}, 0.01)
SILENT: Answer = ("silent", {}, 2.0)


def asked(
    kind: str, component: str, end: float, says: Callable[[float], Answer], interval: float = 0.5
) -> list[Sample]:
    """Asks one thing from 0 to `end`, as the observer would: the next question waits for the last answer."""
    found: list[Sample] = []
    due = 0.05
    while due < end:
        outcome, answer, took = says(due)
        if due + took <= end:
            found.append(Sample(kind, component, due, due + took, outcome, answer, "", 0))
        due = max(due + interval, due + took)
    return found


def written(*runs: list[Sample], end: float) -> Samples:
    """Gives the samples numbered as in a file, by the time they were answered."""
    ordered = sorted((s for run in runs for s in run), key=lambda s: (s.got, s.probe, s.component))
    numbered = tuple(
        Sample(s.probe, s.component, s.sent, s.got, s.outcome, s.answer, s.error, line)
        for line, s in enumerate(ordered, 2)
    )
    return Samples(1_790_000_000.0, 0.5, numbered, ended=end)


def member(name: str, leader: str, term: int, index: int) -> Answer:
    return ("answered", {"member_id": f"id-{name}", "leader": leader, "term": term, "index": index}, 0.01)


def master_1_dies(at: float = 10.0, end: float = 30.0, election: float = 1.5) -> Samples:
    """master-1 leads etcd and holds the active Vault pod; it goes silent; master-2 leads after the election."""

    def machine(name: str) -> Callable[[float], Answer]:
        return lambda t: SILENT if name == "master-1" and t >= at else UP

    def etcd(name: str) -> Callable[[float], Answer]:
        def says(t: float) -> Answer:
            if name == "master-1" and t >= at:
                return SILENT
            if t < at + election:
                return member(name, "id-master-1", 2, int(min(t, at) * 10))
            return member(name, "id-master-2", 3, int(t * 10))

        return says

    def write(t: float) -> Answer:
        if at <= t < at + election:
            return ("answered", {"endpoint": "master-2"}, at + election - t + 0.1)
        return ("answered", {"endpoint": "master-2"}, 0.02)

    def vault(name: str) -> Callable[[float], Answer]:
        def says(t: float) -> Answer:
            if name == "master-1":
                return (
                    SILENT
                    if t >= at
                    else ("answered", {"initialized": True, "sealed": False, "standby": False}, 0.01)
                )
            standby = not (name == "master-3" and t >= at + 8)
            return ("answered", {"initialized": True, "sealed": False, "standby": standby}, 0.01)

        return says

    masters, workers = ["master-1", "master-2", "master-3"], ["worker-1", "worker-2", "worker-3"]
    runs = [asked("machine", name, end, machine(name)) for name in masters + workers]
    runs += [asked("etcd", name, end, etcd(name)) for name in masters]
    runs += [asked("vault", name, end, vault(name)) for name in masters]
    runs += [asked("kubernetes-api", "kubernetes-api", end, write)]
    healthy: Answer = ("answered", {"healthy": True, "syncing": False, "lag": 0.0}, 0.02)
    runs += [asked("chain", name, end, lambda _: healthy) for name in ("solana", "ethereum", "tron")]
    return written(*runs, end=end)
