"""What synthetic Timelines of known truth give back; and what is refused, with file and line."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from meshlab.model import Event, InputError, Interval, Lane, Series, State, Timeline
from meshlab.model.spec import reference
from meshlab.model.timeline import Origin
from meshlab.parameters import Parameters
from meshlab.parameters.calibration.histories import History, learn_histories
from meshlab.parameters.calibration.outcome import Fit, NotLearnt
from meshlab.parameters.calibration.steps import StepRun, learn_steps
from meshlab.parameters.calibration.timeline_file import parse_history

EPOCH = 1_760_000_000.0
YEAR = 31_557_600.0


def learnt(*timelines: Timeline) -> dict[str, Fit | NotLearnt]:
    cluster = reference()
    histories = [History(timeline, f"{i}.json") for i, timeline in enumerate(timelines)]
    return {f.name: f for f in learn_histories(histories, cluster, Parameters.for_topology(cluster))}


def fit(found: dict[str, Fit | NotLearnt], name: str) -> Fit:
    got = found[name]
    assert isinstance(got, Fit), got
    return got


def reboots(durations: list[float], origin: Origin = "executed") -> Timeline:
    lane, now = Lane("master-1"), 0.0
    for took in durations:
        now += 1000.0
        lane.at(now, State.BOOTING, "reboot")
        now += took
        lane.at(now, State.UP, "back")
    return Timeline(origin, now + 1000.0, tuple(lane.until(now + 1000.0)), epoch=EPOCH)


def test_boots_of_a_run_give_the_machines_boot_back() -> None:
    rng = np.random.default_rng(1)
    found = fit(learnt(reboots(list(40.0 * np.exp(0.2 * rng.standard_normal(30))))), "machine.master-1.boot")
    assert found.value.a == pytest.approx(40.0, rel=0.15)  # 4 standard errors of 30 boots
    assert found.interval.low < 40.0 * 1.15 and found.count == 30
    assert found.replaced is not None and found.replaced.value.a == 90.0
    assert found.source.startswith("[M] median") and "0.json" in found.source


def test_one_boot_moves_the_median_but_keeps_the_doubt() -> None:
    found = fit(learnt(reboots([45.0])), "machine.master-1.boot")
    assert 45.0 < found.value.a < 90.0
    assert found.interval.high / found.interval.low > 1.5


def test_a_boot_that_was_watched_lies_between_what_was_seen_booting_and_the_whole_absence() -> None:
    intervals = (
        Interval("master-1", State.UP, 0.0, 100.0),
        Interval("master-1", State.UNREACHABLE, 100.0, 150.0, "silent", uncertainty=0.5),
        Interval("master-1", State.BOOTING, 150.0, 180.0, "Talos stage booting", uncertainty=0.5),
        Interval("master-1", State.UP, 180.0, 300.0, "running and ready", uncertainty=0.5),
    )
    watched = Timeline("observed", 300.0, intervals, epoch=EPOCH)
    narrow = fit(learnt(watched), "machine.master-1.boot")
    exact = fit(learnt(reboots([30.0])), "machine.master-1.boot")
    assert exact.value.a < narrow.value.a < 90.0


@pytest.mark.parametrize("half", [0.0, 0.25])
def test_gaps_without_a_leader_give_the_election_time(half: float) -> None:
    """Etcd's gap, 1.2 s with a spread of 0.2, seen by an observer that looks every 2 x half seconds."""
    rng = np.random.default_rng(7)
    intervals, now = [], 0.0
    for took in 1.2 * np.exp(0.2 * rng.standard_normal(60)):
        intervals.append(Interval("etcd", State.UP, now, now + 50.0, "", (), half))
        intervals.append(Interval("etcd", State.NO_LEADER, now + 50.0, now + 50.0 + took, "", (), half))
        now += 50.0 + took
    intervals.append(Interval("etcd", State.UP, now, now + 50.0, "", (), half))
    found = fit(
        learnt(Timeline("observed", now + 50.0, tuple(intervals), epoch=EPOCH)), "raft.etcd.leaderless"
    )
    assert found.value.a == pytest.approx(1.2, rel=0.12 if half == 0 else 0.2)
    assert found.interval.low < 1.2 * 1.05 and found.interval.high > 1.2 * 0.95
    assert found.replaced is None and "vague" in found.method


def test_a_gap_that_the_end_of_the_watch_cuts_off_is_said_to_be_none() -> None:
    intervals = (Interval("etcd", State.UP, 0, 50), Interval("etcd", State.NO_LEADER, 50, 60))
    found = learnt(Timeline("observed", 60.0, intervals, epoch=EPOCH))["raft.etcd.leaderless"]
    assert isinstance(found, NotLearnt) and "none to its end" in found.reason


def test_the_fall_of_a_chains_lag_gives_its_catch_up_rate() -> None:
    """H: the lag falls by rate - 1/12 blocks per second; 25 blocks/s true, the table says 20 (5 to 50)."""
    rate, rng = 25.0, np.random.default_rng(0)
    times = np.arange(100.0, 140.0, 0.5)
    lags = np.maximum(1000.0 - (rate - 1 / 12) * (times - 100.0), 0) + rng.normal(0, 2.0, len(times))
    intervals = (
        Interval("ethereum", State.UP, 0, 50),
        Interval("ethereum", State.DOWN, 50, 100),
        Interval("ethereum", State.SYNCING, 100, 140),
        Interval("ethereum", State.UP, 140, 200),
    )
    series = (Series("ethereum", "lag", "blocks", tuple(times), tuple(float(x) for x in lags)),)
    found = fit(learnt(Timeline("observed", 200.0, intervals, (), series, EPOCH)), "ethereum.catch-up")
    assert found.unit == "blocks/s"
    assert found.interval.low < 25.0 < found.interval.high
    blind = learnt(Timeline("observed", 200.0, intervals, epoch=EPOCH))["ethereum.catch-up"]
    assert isinstance(blind, NotLearnt) and "lag was not written down" in blind.reason


def watched_year(failures: list[tuple[float, float]], boots: bool = True) -> Timeline:
    lane, events = Lane("master-1"), []
    for at, lasts in failures:
        lane.at(at, State.UNREACHABLE, "its Talos API is silent")
        if boots:
            events.append(Event(at + lasts, "master-1", "master-1 has booted anew", "restart"))
        lane.at(at + lasts, State.UP, "running and ready")
    return Timeline("observed", YEAR, tuple(lane.until(YEAR)), tuple(events), epoch=EPOCH)


def test_a_year_of_watching_gives_failure_rate_and_repair_time() -> None:
    found = learnt(watched_year([(1e6, 700.0), (9e6, 900.0), (2e7, 500.0)]))
    rate = fit(found, "machine.master-1.fails")
    assert rate.replaced is not None and rate.replaced.value.a * YEAR == pytest.approx(0.5)
    assert 0.5 < rate.value.a * YEAR < 3.0 and rate.count == 3
    repair = fit(found, "machine.master-1.repair")
    assert 500.0 < repair.value.a < 900.0 and repair.count == 3


def test_a_machine_that_was_only_unreachable_did_not_fail() -> None:
    found = learnt(watched_year([(1e6, 700.0)], boots=False))
    assert fit(found, "machine.master-1.fails").count == 0
    assert fit(found, "machine.master-1.fails").value.a * YEAR < 0.5
    assert "machine.master-1.repair" not in found


def test_a_record_of_one_failure_does_not_say_how_often_things_fail() -> None:
    short = watched_year([(100.0, 50.0)]).clipped(600.0)
    found = learnt(short)["machine.master-1.fails"]
    assert isinstance(found, NotLearnt) and "not how often" in found.reason


def test_predicted_histories_measure_nothing_and_the_same_time_counts_once() -> None:
    with pytest.raises(InputError, match="a predicted timeline measures nothing"):
        learnt(reboots([30.0], "predicted"))
    with pytest.raises(InputError, match=r"1.json: .*as 0.json: it would count twice"):
        learnt(reboots([30.0]), reboots([30.0]))
    with pytest.raises(InputError, match="no epoch"):
        learnt(Timeline("observed", 10.0))


def test_a_history_of_another_cluster_is_refused() -> None:
    other = Timeline("observed", 10.0, (Interval("node-7", State.UP, 0.0, 10.0),), epoch=EPOCH)
    with pytest.raises(InputError, match=r"0.json: tells of nothing that is in hybrid: node-7"):
        learnt(other)


def document(**changes: object) -> str:
    interval = {"component": "etcd", "state": "up", "start_s": 0, "end_s": 10, "cause": ""}
    data = {"origin": "observed", "horizon_s": 20.0, "epoch": EPOCH, "intervals": [interval]}
    return json.dumps(data | changes, indent=1)


def row(start: float, end: float, state: str = "up") -> dict[str, object]:
    return {"component": "etcd", "state": state, "start_s": start, "end_s": end}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            document(intervals=[row(0, 5), row(9, 7)]),
            r"t.json:16: etcd was up for -2 s: it ended before it began",
        ),
        (
            document(intervals=[row(0, 5), row(3, 7, "down")]),
            r"t.json:12: etcd is down from 3 s, but up until 5 s",
        ),
        (document(intervals=[row(0, 50)]), r"t.json:6: etcd: 0 to 50 s is not within the 20 s"),
        (document(intervals=[row(0, 5, "fine")]), r"t.json:8: 'fine' is no state"),
        (document(epoch=-5), r"t.json:4: the epoch is no Unix time"),
        (
            document(
                series=[{"component": "tron", "quantity": "lag", "times_s": [1, 3, 2], "values": [0, 0, 0]}]
            ),
            r"tron, lag: the clock went back from 3 to 2 s",
        ),
        ("{", r"t.json:1: not JSON"),
        ("[]", r"t.json:1: this is not a timeline"),
    ],
)
def test_impossible_evidence_is_named_with_file_and_line(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_history(text, "t.json")


def test_a_timeline_that_the_project_wrote_is_read_back() -> None:
    timeline = watched_year([(1e6, 700.0)])
    assert parse_history(timeline.to_json(), "t.json").timeline == timeline


def test_executed_steps_give_the_duration_of_their_kind() -> None:
    rng = np.random.default_rng(2)
    took = 5.0 * np.exp(0.3 * rng.standard_normal(40))
    runs = [StepRun("talos.reboot", EPOCH, EPOCH + t, "journal.sqlite", i + 1) for i, t in enumerate(took)]
    (found,) = learn_steps(runs, Parameters.defaults())
    assert found.name == "step.talos.reboot" and found.count == 40
    assert found.value.a == pytest.approx(5.0, rel=0.2)  # 4 standard errors
    assert found.evidence[0].date == "2025-10-09" and not math.isnan(found.value.b)


def test_a_step_that_ended_before_it_began_is_named_with_its_row() -> None:
    with pytest.raises(
        InputError, match=r"journal.sqlite:9: .*ended 2 s before it began: the clock was set back"
    ):
        list(learn_steps([StepRun("talos.reboot", 5.0, 3.0, "journal.sqlite", 9)], Parameters.defaults()))
