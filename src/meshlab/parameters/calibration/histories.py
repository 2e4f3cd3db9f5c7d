"""What observed and executed Timelines tell: boots, leaderless gaps, catch-up of chains, failures and repairs."""

from __future__ import annotations

import datetime
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlab.model.components import Component, Machine
from meshlab.model.distribution import Distribution
from meshlab.model.errors import InputError
from meshlab.model.states import State
from meshlab.model.timeline import Interval, Timeline
from meshlab.parameters.calibration.durations import Measured, Prior, fit_durations
from meshlab.parameters.calibration.outcome import Evidence, Fit, NotLearnt
from meshlab.parameters.calibration.rates import RatePrior
from meshlab.parameters.table import Parameter

if TYPE_CHECKING:
    from meshlab.model.topology import Topology
    from meshlab.parameters.table import Parameters


@dataclass(frozen=True)
class History:
    """A Timeline with the file that it was read from."""

    timeline: Timeline
    file: str

    @property
    def date(self) -> str:
        epoch = self.timeline.epoch
        return (
            "no date"
            if epoch is None
            else datetime.datetime.fromtimestamp(epoch, datetime.UTC).date().isoformat()
        )


Seen = tuple[History, Measured, Interval]


def check_histories(histories: Sequence[History]) -> None:
    """Refuses histories that cannot be evidence together.

    Raises
    ------
    InputError
        One is predicted or planned (nothing was measured), observed without a date, or counts the same time of
        the same components twice.
    """
    for history in histories:
        timeline = history.timeline
        if timeline.origin not in ("observed", "executed"):
            raise InputError.single(
                history.file,
                f"a {timeline.origin} timeline measures nothing",
                "give observed or executed ones",
            )
        if timeline.epoch is None and timeline.origin == "observed":
            raise InputError.single(
                history.file, "the timeline has no epoch: when was it?", "add its Unix time as `epoch`"
            )
    dated = [h for h in histories if h.timeline.epoch is not None and h.timeline.components]
    for i, first in enumerate(dated):
        for second in dated[i + 1 :]:
            a, b = first.timeline, second.timeline
            assert a.epoch is not None and b.epoch is not None
            over = min(a.epoch + a.horizon, b.epoch + b.horizon) - max(a.epoch, b.epoch)
            both = sorted(set(a.components) & set(b.components))
            if a.origin == b.origin and over > 1e-3 and both:
                raise InputError.single(
                    second.file,
                    f"tells of the same {over:.3g} s of {both[0]} as {first.file}: it would count twice",
                    "give one of the two",
                )


def learn_histories(
    histories: Sequence[History], topology: Topology, table: Parameters
) -> Iterator[Fit | NotLearnt]:
    """Gives what the histories tell of every part of the topology."""
    check_histories(histories)
    for history in histories:
        told = history.timeline.components
        if told and not any(name in topology for name in told):
            raise InputError.single(
                history.file,
                f"tells of nothing that is in {topology.name}: {', '.join(told[:3])}",
                "is this evidence of another cluster?",
            )
    for machine in topology.machines:
        seen = [found for history in histories for found in _boots(history, machine.name)]
        yield from _duration(
            f"machine.{machine.name}.boot", seen, table, "boots", "from power or reboot to running"
        )
    for group in topology.raft_groups:
        seen = [found for history in histories for found in _leaderless(history, group.name)]
        what = "the group has its quorum and nobody leads; to compare with, the simulator does not read it"
        yield from _duration(f"raft.{group.name}.leaderless", seen, table, "gaps without a leader", what)
    for workload in topology.workloads:
        if workload.role != "vault":
            yield from _catch_up(histories, workload.name, workload.role, table)
    for component in topology:
        if component.reliability is not None:
            yield from _failures(histories, component)


def _measured(interval: Interval, after: float) -> Measured:
    """Gives what an interval's length was, within what is known of its two ends."""
    slack = interval.uncertainty + after
    if slack <= 0:
        return Measured.exactly(interval.length)
    return Measured(max(interval.length - slack, 0.0), interval.length + slack)


def _boots(history: History, machine: str) -> Iterator[Seen]:
    """Gives a machine's boots.

    Executed: from the call to the machine's return. Observed: Talos' API answers only late in a boot, so the
    boot took at least as long as it was seen booting, and at most as long as it did not serve.
    """
    for stretch in _stretches(history.timeline, machine):
        booting = [i for i in stretch if i.state is State.BOOTING]
        executed = history.timeline.origin == "executed"
        if not booting or (stretch[0].start <= 0 and not (executed and stretch[0] is booting[0])):
            continue
        ended = stretch[-1].end < history.timeline.horizon - 1e-9
        seen = sum(i.length for i in booting)
        if executed:
            yield history, Measured.exactly(seen) if ended else Measured(seen, math.inf), booting[0]
            continue
        slack = booting[0].uncertainty + _slack_after(history.timeline, stretch[-1])
        away = stretch[-1].end - stretch[0].start + stretch[0].uncertainty + slack
        low = max(seen - slack, 0.0)
        yield history, Measured(low, away if ended else math.inf), booting[0]


def _leaderless(history: History, group: str) -> Iterator[Seen]:
    """Gives the gaps that began with a loss of the leader within the watch."""
    intervals = history.timeline.of(group)
    for before, gap in itertools.pairwise(intervals):
        if gap.state is not State.NO_LEADER or not before.state.serving or before.end < gap.start - 1e-6:
            continue
        following = history.timeline.state_at(group, gap.end)
        slack = _slack_after(history.timeline, gap)
        found = _measured(gap, slack)
        if following is None or not following.serving:  # it grew worse, or the watch ended
            found = Measured(found.low, math.inf)
        yield history, found, gap


def _slack_after(timeline: Timeline, interval: Interval) -> float:
    return next(
        (i.uncertainty for i in timeline.of(interval.component) if i.start >= interval.end - 1e-9), 0.0
    )


def _stretches(timeline: Timeline, component: str) -> Iterator[list[Interval]]:
    """Gives the runs of touching intervals in which a component does not serve."""
    run: list[Interval] = []
    for interval in timeline.of(component):
        if run and (interval.state.serving or interval.start > run[-1].end + 1e-6):
            yield run
            run = []
        if not interval.state.serving:
            run.append(interval)
    if run:
        yield run


def _duration(
    name: str, seen: Sequence[Seen], table: Parameters, what: str, meaning: str, prior: Prior | None = None
) -> Iterator[Fit | NotLearnt]:
    """Fits a duration to what was seen of it; says nothing where nothing was seen."""
    usable = [
        (history, m, i) for history, m, i in seen if m.high > 0 and not (m.low <= 0 and m.high == math.inf)
    ]
    if not usable:
        return
    old = table.rows.get(name)
    measured = [m for _, m, _ in usable]
    if not any(m.high < math.inf for m in measured):
        yield NotLearnt(
            name, f"{len(measured)} {what} seen, none to its end", str(_evidence(usable, what)[0])
        )
        return
    if prior is None:
        ends = sorted(m.high if m.high < math.inf else m.low for m in measured)
        prior = Prior.of(old) if old else Prior.vague(max(ends[len(ends) // 2], 1e-3))
    try:
        found = fit_durations(measured, prior)
    except ValueError as error:
        raise InputError.single(usable[0][0].file, f"{name}: {error}") from None
    cut = sum(1 for m in measured if m.high == math.inf)
    method = f"posterior of a lognormal; prior: {'the row replaced' if old else 'vague'}" + (
        f"; {cut} cut off by the end of the watch" if cut else ""
    )
    yield Fit(
        name, found.value, "s", "median", found.median, method, _evidence(usable, what), old,
        meaning=meaning if old is None or not old.meaning else old.meaning,
    )  # fmt: skip


def _evidence(seen: Sequence[Seen], what: str) -> tuple[Evidence, ...]:
    by_file: dict[str, list[Seen]] = {}
    for found in seen:
        by_file.setdefault(found[0].file, []).append(found)
    return tuple(
        Evidence(file, _where(found, what), len(found), found[0][0].date) for file, found in by_file.items()
    )


def _where(found: Sequence[Seen], what: str) -> str:
    at = ", ".join(
        f"{i.start:.1f} s" + (f" [{i.evidence[0]}]" if i.evidence else "") for _, _, i in found[:3]
    )
    return f"{what} (of {found[0][2].component} at {at}{', …' if len(found) > 3 else ''})"


def _catch_up(
    histories: Sequence[History], workload: str, role: str, table: Parameters
) -> Iterator[Fit | NotLearnt]:
    """Gives a chain's catch-up rate from its lag while it was syncing: what it gains, and what the chain grows."""
    name = f"{role}.catch-up"
    grows = 1 / table.value(f"{role}.block-time")
    rates: list[Seen] = []
    syncing = 0
    for history in histories:
        for interval in history.timeline.of(workload):
            if interval.state is not State.SYNCING:
                continue
            syncing += 1
            gained = _slope(history.timeline, workload, interval)
            if gained is None:
                continue
            slope, error = gained
            if slope < 0:
                low, high = grows - slope - 1.645 * error, grows - slope + 1.645 * error
                exact = error <= 1e-6 * abs(slope)
                found = Measured.exactly(grows - slope) if exact else Measured(max(low, 1e-9), high)
                rates.append((history, found, interval))
    if syncing and not rates:
        yield NotLearnt(
            name, f"{workload} was syncing {syncing} times, but its lag was not written down while it fell"
        )
    for fit in _duration(
        name, rates, table, "stretches of catching up", "blocks processed per second when behind"
    ):
        if isinstance(fit, Fit):
            old = table.rows.get(name)
            yield Fit(
                fit.name, fit.value, "blocks/s", fit.bounded, fit.interval,
                f"{fit.method}; fall of the lag while syncing, and {grows:.4g} blocks/s that the chain grows",
                fit.evidence, old, meaning=old.meaning if old else fit.meaning,
            )  # fmt: skip


def _slope(timeline: Timeline, component: str, interval: Interval) -> tuple[float, float] | None:
    """Gives the least-squares slope of the lag (blocks/s) within an interval, and its standard error."""
    points = [
        (time, value)
        for series in timeline.series
        if series.component == component and series.quantity == "lag"
        for time, value in zip(series.times, series.values, strict=True)
        if interval.start <= time <= interval.end and value > 0
    ]
    if len(points) < 4:
        return None
    n = len(points)
    mean_t, mean_v = math.fsum(t for t, _ in points) / n, math.fsum(v for _, v in points) / n
    around = math.fsum((t - mean_t) ** 2 for t, _ in points)
    if around <= 0:
        return None
    slope = math.fsum((t - mean_t) * (v - mean_v) for t, v in points) / around
    rest = math.fsum((v - mean_v - slope * (t - mean_t)) ** 2 for t, v in points)
    return slope, math.sqrt(rest / (n - 2) / around)


def _failures(histories: Sequence[History], component: Component) -> Iterator[Fit | NotLearnt]:
    """Gives a component's failure rate and repair time from observed histories that were long enough."""
    reliability = component.reliability
    assert reliability is not None
    name = f"{component.kind}.{component.name}"
    observed = [
        h for h in histories if h.timeline.origin == "observed" and component.name in h.timeline.components
    ]
    if not observed or reliability.rate <= 0:
        return
    exposure = math.fsum(i.length for h in observed for i in h.timeline.of(component.name) if i.state.serving)
    failures = [(h, run) for h in observed for run in _failed(h.timeline, component)]
    prior = RatePrior.of(reliability.rate, reliability.low, reliability.high)
    counted = _counted(observed, failures, component.name)
    if prior.worth(exposure):
        rate = prior.after(len(failures), exposure)
        old = Parameter(
            f"{name}.fails", Distribution.constant(reliability.rate), "1/s", reliability.low, reliability.high,
            reliability.source,
        )  # fmt: skip
        yield Fit(
            old.name, Distribution.constant(float(f"{rate.mid:.6g}")), "1/s", "rate", rate,
            f"{len(failures)} failures in {exposure:.6g} s; prior: the spec's rate, worth {prior.failures:.2g} "
            f"failures in {prior.exposure:.3g} s",
            counted, old, meaning="failures per second of operation",
        )  # fmt: skip
    elif failures:
        yield NotLearnt(
            f"{name}.fails",
            f"{exposure:.0f} s watched, and the spec's rate is worth {prior.exposure:.3g} s: a record that was made "
            "because something failed says how it failed, not how often",
            str(counted[0]),
        )
    seen: list[Seen] = []
    for history, run in failures:
        length = run[-1].end - run[0].start
        slack = run[0].uncertainty + _slack_after(history.timeline, run[-1])
        ended = run[-1].end < history.timeline.horizon - 1e-9
        high = length + slack if ended else math.inf
        seen.append((history, Measured(max(length - slack, 0.0), high) if slack or not ended else
                     Measured.exactly(length), run[0]))  # fmt: skip
    if seen and prior.worth(exposure):
        value = reliability.repair
        row = Parameter(
            f"{name}.repair", value, "s", value.quantile(0.05), value.quantile(0.95),
            value.source or reliability.source,
        )  # fmt: skip
        from meshlab.parameters.table import Parameters

        yield from _duration(
            row.name, seen, Parameters({row.name: row}), "repairs", "from failure to service"
        )


def _failed(timeline: Timeline, component: Component) -> Iterator[list[Interval]]:
    """Gives the stretches that were failures of the component itself.

    A machine that was only unreachable and did not boot afterwards may have been cut off; one that Talos shut
    down in order did not fail.
    """
    for run in _stretches(timeline, component.name):
        before = timeline.state_at(component.name, run[0].start - 1e-6) if run[0].start > 0 else None
        if before is None or not before.serving:
            continue
        if isinstance(component, Machine):
            start, end = run[0].start, run[-1].end
            anew = any(
                e.component == component.name and e.kind == "restart" and start <= e.time <= end + 5.0
                for e in timeline.events
            )
            if "shutting down" in run[0].cause or not (anew or any(i.state is State.BOOTING for i in run)):
                continue
        yield run


def _counted(
    observed: Sequence[History], failures: Sequence[tuple[History, list[Interval]]], name: str
) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(
            h.file,
            f"failures of {name} in {h.timeline.horizon:.0f} s",
            sum(1 for g, _ in failures if g is h),
            h.date,
        )
        for h in observed
    )
