"""From samples to the observed Timeline: a pure function, so that a watch can be judged again at any time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import TypeVar

from meshlab.incident.observe import readings
from meshlab.incident.observe.groups import judge_etcd, judge_mesh, judge_vault
from meshlab.incident.observe.pieces import Mark, Piece, at, fuse, pieces, without_blips
from meshlab.incident.observe.samples import Sample, Samples
from meshlab.model import Event, Interval, RaftGroup, Series, State, Timeline, Topology

V = TypeVar("V")


def observed(samples: Samples, topology: Topology) -> Timeline:
    """Gives what was seen as a Timeline: states with evidence and uncertainty, elections, measured series.

    Each change of state lies midway between the two answers that show it; the interval's `uncertainty` is half
    of the gap between them. Where nothing could be seen there is no interval: a machine that is silent is
    `unreachable`, but a Vault pod that is asked through an API that is away is simply not known.
    """
    end = samples.horizon
    stale = 3 * samples.interval + 2.5  # a question may wait its own time-out before the next is asked
    view = _View(samples, topology, end, stale)
    intervals = [*view.singles(), *view.groups()]
    return Timeline(
        origin="observed",
        horizon=end,
        intervals=tuple(intervals),
        events=tuple(view.events()),
        series=tuple(view.series()),
        epoch=samples.epoch,
        notes=(
            f"seen by asking every {samples.interval:g} s; a change lies midway between the two answers that show it",
            *_busy(samples),
        ),
    )


def initial_leaders(timeline: Timeline) -> dict[str, str]:
    """Gives who led each raft group when the watch began: {"etcd": "master-1", "vault": "master-2"}."""
    return {e.component: e.text.split()[0] for e in reversed(timeline.events) if e.kind == "leader"}


def _busy(samples: Samples) -> tuple[str, ...]:
    """What to say where the observing machine was too busy to be on time."""
    own = [sample for found in samples.of("observer").values() for sample in found]
    if not own:
        return ()
    late = max(map(readings.own_delay, own))
    load = max(float(sample.answer.get("load", 0.0)) for sample in own)
    cores = max(int(sample.answer.get("cores", 1)) for sample in own)
    return (
        f"the observing machine was busy: a load of {load:g} on {cores} processors, and it was up to {late:.2g} s late"
        " itself; late answers may be its own doing",
    )


class _View:
    """One pass over the samples of a watch."""

    def __init__(self, samples: Samples, topology: Topology, end: float, stale: float) -> None:
        self.samples, self.topology, self.end, self.stale = samples, topology, end, stale
        self.machines = {
            name: self._pieces(readings.machine_marks(asked)) for name, asked in samples.of("machine").items()
        }
        heard = sorted(
            sample.got
            for asked in samples.of("etcd").values()
            for sample in asked
            if sample.answered and sample.answer.get("leader") == sample.answer.get("member_id")
        )
        self.members = {
            name: self._pieces(readings.etcd_marks(asked, heard))
            for name, asked in samples.of("etcd").items()
        }
        self.member_names = {
            str(sample.answer["member_id"]): name
            for name, asked in samples.of("etcd").items()
            for sample in asked
            if sample.answered and sample.answer.get("member_id")
        }

    def _pieces(self, marks: Sequence[Mark[V]]) -> list[Piece[V]]:
        return pieces(marks, stale=self.stale, end=self.end)

    def singles(self) -> Iterator[Interval]:
        """Things that one probe judges by itself."""
        patience = min(readings.PATIENCE_S, self.samples.interval)
        busy = self.samples.of("observer").get("observer", [])
        for name, found in self.machines.items():
            yield from self._intervals(name, found)
        readers = (
            ("kubernetes-api", partial(readings.write_marks, patience_s=patience, busy=busy)),
            ("chain", readings.chain_marks),
            ("management", readings.management_marks),
        )
        for kind, marks in readers:
            for name, asked in self.samples.of(kind).items():
                yield from self._intervals(name, self._pieces(marks(asked)))

    def groups(self) -> Iterator[Interval]:
        """Things that several probes judge together."""
        group = self._group("etcd")
        if self.members and group:
            found = fuse(self.members, lambda _, seen: judge_etcd(group, seen, self.member_names))
            yield from self._intervals("etcd", without_blips(found, self.samples.interval / 2))
        vault = self._group("vault")
        asked_vault = self.samples.of("vault")
        if asked_vault and vault:
            pods = {name: self._pieces(readings.vault_marks(asked)) for name, asked in asked_vault.items()}
            found = fuse(pods, lambda _, seen: judge_vault(vault, seen))
            yield from self._intervals("vault", without_blips(found, self.samples.interval / 2))
        asked_mesh = self.samples.of("mesh")
        if asked_mesh:
            views = {name: self._pieces(readings.mesh_marks(asked)) for name, asked in asked_mesh.items()}
            found = fuse(
                views, lambda time, seen: judge_mesh(self.topology, seen, frozenset(self._silent_at(time)))
            )
            yield from self._intervals("mesh", without_blips(found, self.samples.interval / 2))

    def _group(self, name: str) -> RaftGroup | None:
        return next((group for group in self.topology.raft_groups if group.name == name), None)

    def _silent_at(self, time: float) -> Iterator[str]:
        for name, found in self.machines.items():
            piece = at(found, time)
            if piece is None or piece.value in (State.UNREACHABLE, State.BOOTING, State.DOWN):
                yield name

    def _intervals(self, component: str, found: Iterable[Piece[State]]) -> Iterator[Interval]:
        for piece in found:
            if piece.start >= self.end:  # an answer that came after the watch had ended
                continue
            yield Interval(
                component,
                piece.value,
                piece.start,
                min(piece.end, self.end),
                piece.why,
                tuple(self.samples.evidence(sample) for sample in piece.samples if sample.line),
                piece.uncertainty,
            )

    def events(self) -> Iterator[Event]:
        yield from self._elections()
        yield from self._restarts()
        yield from self._activations()

    def _elections(self) -> Iterator[Event]:
        """Who led etcd at the start, and each change of leader since, from the highest term anyone reports."""
        known: tuple[int, str] = (0, "")
        for sample in sorted(self._answered("etcd"), key=lambda s: s.got):
            term, leader = int(sample.answer.get("term", 0)), str(sample.answer.get("leader") or "0")
            if leader == "0" or (term, leader) == known or term < known[0]:
                continue
            name = self.member_names.get(leader, f"member {leader}")
            kind = "election" if known[0] else "leader"
            time = min(sample.got, self.end) if known[0] else 0.0
            known = (term, leader)
            yield Event(time, "etcd", f"{name} leads in term {term}", kind, self._lines(sample))

    def _activations(self) -> Iterator[Event]:
        active = ""
        for sample in sorted(self._answered("vault"), key=lambda s: s.got):
            answer = sample.answer
            if answer.get("sealed") or answer.get("standby", True) or not answer.get("initialized", True):
                continue
            if sample.component != active:
                kind, time = ("election", min(sample.got, self.end)) if active else ("leader", 0.0)
                active = sample.component
                yield Event(time, "vault", f"{active} is active", kind, self._lines(sample))

    def _restarts(self) -> Iterator[Event]:
        for name, asked in self.samples.of("machine").items():
            boots = [(s, str(s.answer["boot_id"])) for s in asked if s.answered and s.answer.get("boot_id")]
            for (_, before), (sample, after) in pairwise(boots):
                if before != after:
                    yield Event(
                        min(sample.got, self.end),
                        name,
                        f"{name} has booted anew",
                        "restart",
                        self._lines(sample),
                    )

    def _answered(self, kind: str) -> Iterator[Sample]:
        for asked in self.samples.of(kind).values():
            yield from (sample for sample in asked if sample.answered)

    def _lines(self, sample: Sample) -> tuple[str, ...]:
        return (self.samples.evidence(sample),) if sample.line else ()

    def series(self) -> Iterator[Series]:
        for name, asked in self.samples.of("kubernetes-api").items():
            yield from _series(name, "write latency", "s", [(s.sent, s.latency) for s in asked if s.answered])
        for name, asked in self.samples.of("chain").items():
            lags = [
                (s.got, float(s.answer["lag"]))
                for s in asked
                if s.answered and s.answer.get("lag") is not None
            ]
            yield from _series(name, "lag", "blocks", lags)
        for name, asked in self.samples.of("etcd").items():
            terms = [(s.got, float(s.answer.get("term", 0))) for s in asked if s.answered]
            yield from _series(name, "raft term", "", terms)


def _series(
    component: str, quantity: str, unit: str, points: Sequence[tuple[float, float]]
) -> Iterator[Series]:
    if points:
        yield Series(component, quantity, unit, tuple(t for t, _ in points), tuple(v for _, v in points))
