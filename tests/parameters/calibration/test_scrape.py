"""Scrapes: read, subtracted, and refused with file and line where they cannot be."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from meshlab.model import Distribution, InputError
from meshlab.model.spec import reference
from meshlab.parameters import Parameters
from meshlab.parameters.calibration.etcd import learn_etcd
from meshlab.parameters.calibration.histogram import Histogram
from meshlab.parameters.calibration.outcome import Fit, NotLearnt
from meshlab.parameters.calibration.scrape import Scrape, parse_scrape, read_scrape

FSYNC = "etcd_disk_wal_fsync_duration_seconds"
RTT = "etcd_network_peer_round_trip_time_seconds"
FSYNC_BOUNDS = tuple(0.001 * 2**k for k in range(14))
RTT_BOUNDS = tuple(0.0001 * 2**k for k in range(16))
IDS = {"master-1": "a1", "master-2": "b2", "master-3": "c3"}


def lines(metric: str, histogram: Histogram, label: str = "") -> list[str]:
    """A histogram in the text format, as a server writes it."""
    found, below = [f"# TYPE {metric} histogram"], 0
    for upper, count in zip(histogram.edges[1:], histogram.counts, strict=True):
        below += count
        bound = "+Inf" if upper == math.inf else f"{upper:g}"
        found.append(f'{metric}_bucket{{{label}le="{bound}"}} {below}')
    inside = f"{{{label.rstrip(',')}}}" if label else ""
    return [*found, f"{metric}_sum{inside} {histogram.total!r}", f"{metric}_count{inside} {below}"]


def text(
    server: str, *parts: list[str], started: float = 1e9, at: float = 1e9 + 7200, changes: int = 1
) -> str:
    head = [
        f"# scraped at: {at}",
        f'etcd_server_id{{server_id="{server}"}} 1',
        f"process_start_time_seconds {started!r}",
        f"etcd_server_leader_changes_seen_total {changes}",
    ]
    return "\n".join([*head, *(line for part in parts for line in part)]) + "\n"


def member(machine: str, truth: Distribution, latency: Distribution, seed: int = 0) -> Scrape:
    """One master's scrape: fsyncs by `truth`, round trips to both others of twice two draws of `latency`."""
    rng = np.random.default_rng((seed, sorted(IDS).index(machine)))
    parts = [lines(FSYNC, Histogram.of(np.asarray(truth.sample(rng, 5000)), FSYNC_BOUNDS))]
    for other, server in IDS.items():
        if other != machine:
            trips = np.asarray(latency.sample(rng, 3000)) + np.asarray(latency.sample(rng, 3000)) + 0.0001
            parts.append(lines(RTT, Histogram.of(trips, RTT_BOUNDS), f'To="{server}",'))
    return parse_scrape(text(IDS[machine], *parts), f"{machine}.prom", 0.0, machine)


def learnt(*scrapes: Scrape) -> dict[str, Fit | NotLearnt]:
    cluster = reference()
    return {found.name: found for found in learn_etcd(scrapes, cluster, Parameters.for_topology(cluster))}


def test_fsync_and_latency_of_a_cluster_come_back_from_its_members_scrapes() -> None:
    """Half a round trip of two equal ways has the mean of one way; the tunnel's 50 us each way are taken off."""
    truth, latency = Distribution.lognormal(0.0012, 0.4), Distribution.lognormal(0.0006, 0.2)
    found = learnt(*(member(machine, truth, latency) for machine in IDS))
    for machine in IDS:
        fit = found[f"machine.{machine}.fsync"]
        assert isinstance(fit, Fit)
        assert fit.value.quantile(0.5) == pytest.approx(0.0012, rel=0.05)
        assert fit.replaced is not None and fit.replaced.value.a == 0.00066
        assert fit.evidence[0].file == f"{machine}.prom" and fit.evidence[0].line == 6
        assert fit.count == 5000 and fit.evidence[0].date == "2001-09-09"
    links = [name for name in found if name.startswith("link.") and isinstance(found[name], Fit)]
    assert len(links) == 3
    for name in links:
        fit = found[name]
        assert isinstance(fit, Fit) and fit.count == 6000
        assert fit.value.mean == pytest.approx(latency.mean, rel=0.03)


def test_a_peer_that_no_scrape_knows_is_asked_for() -> None:
    scrape = member("master-1", Distribution.lognormal(0.002, 0.5), Distribution.lognormal(0.001, 0.3))
    missing = [found for found in learnt(scrape).values() if isinstance(found, NotLearnt)]
    assert any(
        "which machine is the etcd member b2" in m.reason and m.place == "master-1.prom:24" for m in missing
    )


def test_two_scrapes_give_what_was_counted_between_them() -> None:
    few, more = (
        Histogram((0.0, 0.001, math.inf), (5, 1), 0.01),
        Histogram((0.0, 0.001, math.inf), (105, 31), 0.2),
    )
    a = parse_scrape(text("a1", lines(FSYNC, few)), "a.prom", 0.0, "master-1")
    b = parse_scrape(text("a1", lines(FSYNC, more), at=1e9 + 9000, changes=4), "b.prom", 0.0, "master-1")
    both = b.minus(a)
    ((_, histogram),) = both.histograms(FSYNC).items()
    assert histogram.counts == (100, 30) and histogram.total == pytest.approx(0.19)
    assert both.exposure == pytest.approx(1800.0) and a.exposure == pytest.approx(7200.0)
    assert both.value("etcd_server_leader_changes_seen_total") == 3


def test_a_counter_that_went_backwards_means_a_restart_and_is_named_with_its_line() -> None:
    a = parse_scrape(text("a1", changes=7), "a.prom", 0.0, "master-1")
    b = parse_scrape(text("a1", changes=2, at=1e9 + 9000), "b.prom", 0.0, "master-1")
    with pytest.raises(InputError, match=r"b.prom:4: .*went backwards, from 7 to 2 since a.prom.*restarted"):
        b.minus(a)


def test_another_start_time_another_server_or_the_wrong_order_are_refused() -> None:
    a = parse_scrape(text("a1"), "a.prom", 0.0, "master-1")
    anew = parse_scrape(text("a1", started=1e9 + 7500, at=1e9 + 9000), "b.prom", 0.0, "master-1")
    with pytest.raises(InputError, match=r"b.prom:3: the server was restarted after a.prom"):
        anew.minus(a)
    other = parse_scrape(text("b2", at=1e9 + 9000), "b.prom", 0.0, "master-1")
    with pytest.raises(InputError, match=r"b.prom:2: another server than in a.prom: b2 and a1"):
        other.minus(a)
    early = parse_scrape(text("a1", at=1e9 + 10), "b.prom", 0.0, "master-1")
    with pytest.raises(InputError, match=r"taken .* before a.prom"):
        early.minus(a)


def test_a_server_that_started_after_its_scrape_shows_that_the_clocks_differ() -> None:
    with pytest.raises(InputError, match=r"x.prom:3: the server says that it started 100 s after"):
        parse_scrape(text("a1", started=1e9 + 100, at=1e9), "x.prom", 0.0)


def test_a_damaged_histogram_is_named_with_its_line() -> None:
    falling = [f'{FSYNC}_bucket{{le="0.001"}} 9', f'{FSYNC}_bucket{{le="+Inf"}} 4']
    scrape = parse_scrape(text("a1", falling), "x.prom", 0.0, "master-1")
    with pytest.raises(
        InputError, match=r"x.prom:5: .*4 measurements up to inf s, but 9 up to the bucket before"
    ):
        scrape.histograms(FSYNC)
    with pytest.raises(InputError, match=r"has no \+Inf bucket"):
        parse_scrape(text("a1", falling[:1]), "x.prom", 0.0).histograms(FSYNC)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("hello world this is no metric\n", r"x:1: not a line of Prometheus' text format"),
        ("a 1\na 2\n", r"x:2: a stands twice"),
        ("# nothing\n", r"x:1: there is no metric in it"),
    ],
)
def test_what_is_no_scrape_is_refused_with_its_line(given: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_scrape(given, "x", 0.0)


def test_a_scrape_without_a_time_was_taken_when_its_file_was_written(tmp_path: Path) -> None:
    path = tmp_path / "master-1.prom"
    path.write_text("a 1\n", encoding="utf-8")
    assert read_scrape(path).taken == path.stat().st_mtime
    with pytest.raises(InputError, match="no such file"):
        read_scrape(tmp_path / "none.prom")


def test_leader_changes_are_a_rate_only_over_an_hour_or_more() -> None:
    long = parse_scrape(text("a1", changes=5), "a.prom", 0.0, "master-1")
    fit = learnt(long)["raft.etcd.leader-changes"]
    assert isinstance(fit, Fit)
    assert fit.interval.mid == pytest.approx(4.5 / 7200)  # 5 seen, the first is no change; half a one before
    short = parse_scrape(text("a1", changes=5, at=1e9 + 60), "a.prom", 0.0, "master-1")
    assert isinstance(learnt(short)["raft.etcd.leader-changes"], NotLearnt)
