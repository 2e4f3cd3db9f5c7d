"""One real etcd: what its histograms tell, beside its own counts and beside what a client measures."""

from __future__ import annotations

import base64
import json
import math
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from statistics import median

import pytest

import needs
from meshlab.emulate.processes import binaries
from meshlab.model.spec import reference
from meshlab.parameters import Parameters
from meshlab.parameters.calibration.etcd import WAL_FSYNC, learn_etcd
from meshlab.parameters.calibration.outcome import Fit
from meshlab.parameters.calibration.scrape import Scrape, parse_scrape
from own_time import PATIENCE_S

ADDRESS = "127.155.0.1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


def ask(url: str, body: bytes | None = None) -> str:
    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=PATIENCE_S) as answer:
        return str(answer.read().decode())


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A group of one member; its client URL."""
    folder = tmp_path_factory.mktemp("etcd")
    client, peer = (f"http://{ADDRESS}:{free_port()}" for _ in range(2))
    command = [
        str(binaries.find("etcd")), "--name", "m", "--data-dir", str(folder / "data"), "--log-level", "error",
        "--listen-client-urls", client, "--advertise-client-urls", client,
        "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"m={peer}",
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                if "true" in ask(f"{client}/health"):
                    break
            except (urllib.error.URLError, OSError):
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.05)
        yield client
    finally:
        process.kill()
        process.wait()


def scrape(url: str, name: str) -> Scrape:
    return parse_scrape(ask(f"{url}/metrics"), name, time.time(), "master-1")


def put(url: str, number: int) -> float:
    """Writes one key and gives the seconds that it took."""
    key, value = (base64.b64encode(text).decode() for text in (b"k%d" % number, b"v" * 200))
    start = time.perf_counter()
    ask(f"{url}/v3/kv/put", json.dumps({"key": key, "value": value}).encode())
    return time.perf_counter() - start


def test_a_real_etcds_fsync_fits_its_counts_its_sum_and_what_a_client_waits(etcd: str) -> None:
    """One client, one write at a time: each write waits for one fsync, so the fsync cannot take longer."""
    before = scrape(etcd, "master-1.prom")
    waits = [put(etcd, number) for number in range(400)]
    counted = scrape(etcd, "master-1-later.prom").minus(before)
    (histogram,) = counted.histograms(WAL_FSYNC).values()
    assert histogram.count >= 300  # one for each write, save where etcd took two together
    if sum(1 for count in histogram.counts if count) < 2:
        needs.skip("a disk that takes time", "every fsync falls into etcd's first bucket")
    cluster = reference()
    found = {f.name: f for f in learn_etcd([counted], cluster, Parameters.for_topology(cluster))}
    fit = found["machine.master-1.fsync"]
    assert isinstance(fit, Fit) and fit.goodness is not None
    assert fit.count == histogram.count and fit.evidence[0].line > 0
    assert fit.interval.low < fit.value.quantile(0.5) < fit.interval.high
    slack = max(0.15, fit.goodness.distance + 0.01)  # a busy disk's times are not of one distribution
    below, cumulated = histogram.edges, [0]
    for count in histogram.counts:
        cumulated.append(cumulated[-1] + count)
    for p in (0.5, 0.9):  # the fitted quantile lies in the bucket that holds that share, or beside its edge
        wanted = fit.value.quantile(p)
        share = [c / histogram.count for c in cumulated]
        at = next(i for i, edge in enumerate(below[1:], 1) if wanted <= edge)
        assert share[at - 1] - slack <= p <= share[at] + slack
    direct = median(waits)
    assert fit.value.quantile(0.5) < direct * 1.25
    assert math.isclose(histogram.total / histogram.count, fit.value.mean, rel_tol=1.0)
