"""What a scrape of etcd tells: disk, network and leadership, in the names of the table of parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from meshlab.model.distribution import Distribution, Estimate
from meshlab.parameters.calibration.histogram import Fitted, Histogram, TooLittle, fit_histogram
from meshlab.parameters.calibration.outcome import Evidence, Fit, NotLearnt
from meshlab.parameters.calibration.rates import RatePrior

if TYPE_CHECKING:
    from meshlab.model.topology import Topology
    from meshlab.parameters.calibration.scrape import Labels, Scrape
    from meshlab.parameters.table import Parameters

WAL_FSYNC = "etcd_disk_wal_fsync_duration_seconds"
BACKEND_COMMIT = "etcd_disk_backend_commit_duration_seconds"
PEER_RTT = "etcd_network_peer_round_trip_time_seconds"
LEADER_CHANGES = "etcd_server_leader_changes_seen_total"
LONG_ENOUGH = 3600.0
"""Leader changes are counted as a rate from this exposure on (seconds): shorter scrapes surround some test."""


def learn_etcd(scrapes: Sequence[Scrape], topology: Topology, table: Parameters) -> Iterator[Fit | NotLearnt]:
    """Gives what the scrapes of one cluster's etcd members tell; each carries the machine it was taken from."""
    members = {scrape.server: scrape.machine for scrape in scrapes if scrape.server and scrape.machine}
    ways: dict[str, list[tuple[Scrape, Labels, Histogram]]] = {}
    for scrape in scrapes:
        yield from _disk(scrape, table, WAL_FSYNC, "fsync", "one fsync of the write-ahead log")
        yield from _disk(scrape, table, BACKEND_COMMIT, "backend-commit", "one commit of etcd's backend")
        for labels, histogram in scrape.histograms(PEER_RTT).items():
            name, missing = _way(scrape, labels, members, topology)
            if missing:
                yield missing
            else:
                ways.setdefault(name, []).append((scrape, labels, histogram))
    for name, found in sorted(ways.items()):
        yield from _round_trips(name, found, topology, table)
    yield from _leader_changes(scrapes, topology)


def _disk(
    scrape: Scrape, table: Parameters, metric: str, quantity: str, meaning: str
) -> Iterator[Fit | NotLearnt]:
    name = f"machine.{scrape.machine}.{quantity}"
    for labels, histogram in scrape.histograms(metric).items():
        place = Evidence(scrape.file, metric, histogram.count, scrape.date, scrape.line(metric, labels))
        try:
            fitted = fit_histogram(histogram)
        except TooLittle as little:
            yield NotLearnt(name, str(little), str(place))
            return
        yield _fit(name, fitted, (place,), table, meaning)
        return
    yield NotLearnt(name, f"the scrape has no {metric}", scrape.file)


def _fit(
    name: str,
    fitted: Fitted,
    evidence: tuple[Evidence, ...],
    table: Parameters,
    meaning: str,
    scale: float = 1.0,
    note: str = "",
) -> Fit:
    median = fitted.median
    interval = Estimate(
        median.low * scale, median.mid * scale, median.high * scale, median.confidence, median.method
    )
    value = fitted.value.scaled(scale)
    value = Distribution(value.kind, float(f"{value.a:.6g}"), value.b)
    far = (
        ""
        if fitted.goodness.distance < 0.05
        else (f"; the form is off by {fitted.goodness.distance:.0%} at one edge: mind the tail")
    )
    tail = Estimate(fitted.p99.low * scale, fitted.p99.mid * scale, fitted.p99.high * scale)
    method = (
        f"{value.kind} by interval-censored maximum likelihood over the buckets and the sum{note}; "
        f"99th percentile {tail} s{far}"
    )
    return Fit(
        name, value, "s", "median", interval, method, evidence,
        table.rows.get(name), fitted.goodness, meaning,
    )  # fmt: skip


def _way(
    scrape: Scrape, labels: Labels, members: Mapping[str, str], topology: Topology
) -> tuple[str, NotLearnt | None]:
    """Gives the row that a peer's round trips belong to: a link's latency, or that within a place."""
    peer = dict(labels).get("To", "")
    other = members.get(peer, "")
    place = f"{scrape.file}:{scrape.line(PEER_RTT, labels)}"
    if not other:
        return "", NotLearnt(
            f"link.{scrape.machine}--{peer}.latency",
            f"which machine is the etcd member {peer}? no other scrape has that server id; scrape every member",
            place,
        )
    link = topology.link_between(scrape.machine, other)
    if link is not None:
        return f"link.{link.name}.latency", None
    if topology.machine(scrape.machine).place == topology.machine(other).place:
        return "local.latency", None
    return "", NotLearnt(
        f"link.{scrape.machine}--{other}.latency", "the topology draws no link between the two", place
    )


def _round_trips(
    name: str,
    found: list[tuple[Scrape, Labels, Histogram]],
    topology: Topology,
    table: Parameters,
) -> Iterator[Fit | NotLearnt]:
    """Fits the sum of the histograms of one way; half a round trip, less what the tunnel adds, is the latency."""
    evidence = tuple(
        Evidence(s.file, PEER_RTT, h.count, s.date, s.line(PEER_RTT, labels)) for s, labels, h in found
    )
    try:
        fitted = fit_histogram(summed(h for _, _, h in found))
    except (TooLittle, ValueError) as little:
        yield NotLearnt(name, str(little), "; ".join(str(e) for e in evidence))
        return
    tunnel = table.value("kubespan.added-latency") if topology.overlay else 0.0
    half = fitted.value.mean / 2
    scale = 0.5 * max((half - tunnel) / half, 0.5)
    note = "; half the round trip between members (their own work included)" + (
        ", less what the tunnel adds" if tunnel else ""
    )
    yield _fit(name, fitted, evidence, table, "one way, in seconds", scale, note)


def summed(histograms: Iterable[Histogram]) -> Histogram:
    """Gives the histogram of all measurements together.

    Raises
    ------
    ValueError
        Their buckets differ.
    """
    found = list(histograms)
    if len({h.edges for h in found}) != 1:
        raise ValueError("the histograms have different buckets")
    counts = tuple(sum(column) for column in zip(*(h.counts for h in found), strict=True))
    return Histogram(found[0].edges, counts, math.fsum(h.total for h in found))


def _leader_changes(scrapes: Sequence[Scrape], topology: Topology) -> Iterator[Fit | NotLearnt]:
    """Gives how often etcd changed its leader, from the member that was asked over the longest time."""
    group = next((g for g in topology.raft_groups if g.engine == "etcd"), None)
    counted = [s for s in scrapes if math.isfinite(s.value(LEADER_CHANGES)) and math.isfinite(s.exposure)]
    if group is None or not counted:
        return
    name = f"raft.{group.name}.leader-changes"
    scrape = max(counted, key=lambda s: s.exposure)
    first = (
        0 if math.isfinite(scrape.since) else 1
    )  # the first leader that a member ever sees counts as a change
    changes = max(round(scrape.value(LEADER_CHANGES)) - first, 0)
    place = Evidence(scrape.file, LEADER_CHANGES, changes, scrape.date, scrape.line(LEADER_CHANGES))
    if scrape.exposure < LONG_ENOUGH:
        yield NotLearnt(
            name, f"{scrape.exposure:.0f} s are too short for a rate; an hour at least", str(place)
        )
        return
    rate = RatePrior(0.5, 0.0).after(changes, scrape.exposure)
    yield Fit(
        name,
        Distribution.constant(float(f"{rate.mid:.6g}")),
        "1/s",
        "rate",
        replace(rate, method="Gamma posterior, prior worth half a change"),
        f"{changes} changes in {scrape.exposure:.0f} s",
        (place,),
        None,
        None,
        "changes of leader per second; to compare with, the simulator does not read it",
    )
