"""simulate as a whole: same bits from any number of workers, its JSON, its speed, its manners."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from functools import cache

import pytest

from meshlab.model import SERVICES, InputError, Link, State, Topology
from meshlab.model.spec import data_file, reference
from meshlab.simulate import Fault, Scenario, load_scenario, simulate, standing
from meshlab.simulate.streams import Streams
from own_time import PATIENCE_S


@cache
def cluster() -> Topology:
    return reference()


def lose_master() -> Scenario:
    return load_scenario(data_file("scenarios/lose-master.yaml"), cluster())


def test_one_worker_or_two_give_the_same_bits() -> None:
    one = simulate(cluster(), lose_master(), replicates=9, seed=3)
    two = simulate(cluster(), lose_master(), replicates=9, seed=3, workers=2)
    assert one.timelines == two.timelines
    assert one.to_dict() == two.to_dict()


def test_a_replicate_does_not_depend_on_how_many_there_are() -> None:
    few = simulate(cluster(), lose_master(), replicates=3, seed=3)
    more = simulate(cluster(), lose_master(), replicates=6, seed=3)
    assert few.timelines == more.timelines[:3]


def test_another_seed_gives_another_history() -> None:
    a, b = (simulate(cluster(), lose_master(), replicates=1, seed=s).timelines[0] for s in (1, 2))
    assert a.of("etcd") != b.of("etcd")


def test_a_stream_does_not_depend_on_the_others() -> None:
    alone, among = Streams(1, 2), Streams(1, 2)
    among.of("other").random(7)
    assert alone.of("etcd").random(5).tolist() == among.of("etcd").random(5).tolist()
    assert Streams(1, 3).of("etcd").random() != Streams(1, 2).of("etcd").random()


def test_the_document_has_the_fixed_form() -> None:
    document = json.loads(json.dumps(simulate(cluster(), lose_master(), replicates=2).to_dict()))
    assert set(document) == {"horizon_s", "seed", "replicates", "intervals", "services"}
    assert set(document["intervals"][0]) == {"replicate", "component", "state", "start_s", "end_s", "cause"}
    assert {row["state"] for row in document["intervals"]} <= {str(state) for state in State}
    assert set(document["services"]) == set(SERVICES)
    assert set(document["services"]["etcd"]) == {"downtime_s", "availability"}
    assert set(document["services"]["etcd"]["downtime_s"]) == {"mean", "p05", "p50", "p95"}


def test_the_typical_replicate_is_near_the_medians() -> None:
    found = simulate(cluster(), lose_master(), replicates=30, seed=5)
    typical = found.typical()
    etcd, vault = found.services["etcd"], found.services["vault"]
    assert typical in found.timelines
    assert etcd.p05 <= typical.downtime("etcd") <= etcd.p95
    assert vault.p05 <= typical.downtime("vault") <= vault.p95


def test_progress_counts_up_to_the_total() -> None:
    seen: list[tuple[int, int]] = []
    simulate(cluster(), lose_master(), replicates=4, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_counts_below_one_are_refused() -> None:
    with pytest.raises(InputError, match="start at 1"):
        simulate(cluster(), lose_master(), replicates=0)


def test_no_faults_mean_no_downtime() -> None:
    found = simulate(cluster(), Scenario("quiet", 31_557_600.0), replicates=1)
    assert all(found.timelines[0].downtime(service) == 0 for service in SERVICES)
    assert all(len(found.timelines[0].of(name)) == 1 for name in found.timelines[0].components)


def test_a_quiet_year_and_two_hundred_replicates_are_quick() -> None:
    """Budgets 50 ms and 4 s of a processor's time, however busy the machine is; ten times that is a slip."""
    start = time.process_time()
    simulate(cluster(), Scenario("quiet", 31_557_600.0), replicates=1)
    assert time.process_time() - start < 0.5
    start = time.process_time()
    simulate(cluster(), lose_master(), replicates=20)
    assert (time.process_time() - start) / 20 < 0.2


def test_importing_the_simulator_loads_no_heavy_package() -> None:
    code = (
        "import sys, meshlab.simulate; "
        "print(sorted({'numpy', 'scipy', 'pandas', 'numba', 'networkx', 'pydantic'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_ctrl_c_ends_a_run_on_several_processes_and_leaves_none(tmp_path: object) -> None:
    code = """
import sys
from meshlab.model.spec import data_file, reference
from meshlab.simulate import load_scenario, simulate
if __name__ == "__main__":
    cluster = reference()
    scenario = load_scenario(data_file("scenarios/rolling-reboot-masters.yaml"), cluster)
    def progress(done, total):
        print(done, flush=True)
    try:
        simulate(cluster, scenario, replicates=100_000, workers=2, progress=progress)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        sys.exit(130)
"""
    from pathlib import Path

    script = Path(str(tmp_path)) / "run.py"
    script.write_text(code, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout
    process.stdout.readline()  # the first results are there
    os.killpg(process.pid, signal.SIGINT)
    rest, _ = process.communicate(timeout=PATIENCE_S)
    assert rest.splitlines()[-1] == "interrupted"
    assert process.returncode == 130
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError("a worker is left running")


PARTS = (
    "master-1", "master-2", "master-3", "worker-1", "us-east-1b", "us-east-1", "dc-1", "us-east-1--dc-1",
    "us-east-1a--us-east-1b", "us-east-1a--us-east-1c", "dc-1--dc-1", "kubespan", "discovery", "omni", "etcd",
    "vault", "vault-server", "solana", "kubernetes-api", "control-plane", "mesh", "management",
)  # fmt: skip


def sets_of_failures() -> list[tuple[str, ...]]:
    rng = random.Random(3)
    pairs = list(itertools.combinations(PARTS, 2))
    triples = [tuple(rng.sample(PARTS, 3)) for _ in range(25)]
    return [*((part,) for part in PARTS), *rng.sample(pairs, 45), *triples]


@pytest.mark.parametrize("down", sets_of_failures(), ids="+".join)
def test_the_standing_state_is_what_the_simulation_settles_in(down: tuple[str, ...]) -> None:
    """Where chance decides who leads, standing tells the worst; so the worst of the three leaders is taken."""
    stands = standing(cluster(), set(down))
    faults = tuple(Fault.fail(name, 10.0 + i) for i, name in enumerate(sorted(down)))
    settled: dict[str, State] = {}
    for leader in ("master-1", "master-2", "master-3"):
        scenario = Scenario("x", 2500.0, faults, {"etcd": leader, "vault": leader})
        timeline = simulate(cluster(), scenario, replicates=1, seed=5).timelines[0]
        for name in stands:
            state = timeline.state_at(name, 2499.0)
            assert state is not None
            settled[name] = max(settled.get(name, state), state, key=lambda s: s.severity)
    assert settled == stands


def test_a_cut_pair_of_places_stands_as_a_partition_settles() -> None:
    stands = standing(cluster(), set(), [("us-east-1", "dc-1")])
    scenario = Scenario("x", 2500.0, (Fault.partition(("us-east-1",), ("dc-1",), at=10.0),))
    timeline = simulate(cluster(), scenario, replicates=1).timelines[0]
    assert {name: timeline.state_at(name, 2499.0) for name in stands} == stands
    link = next(c for c in cluster().of(Link) if c.name == "us-east-1--dc-1")
    assert standing(cluster(), set(), [link.name]) == stands


def test_standing_answers_in_milliseconds() -> None:
    """Budget 5 ms; the best of many, as a guard asks before each step."""
    best = min(_timed(lambda: standing(cluster(), {"us-east-1a", "us-east-1--dc-1"})) for _ in range(20))
    assert best < 0.005


def _timed(call: object) -> float:
    start = time.process_time()
    assert callable(call)
    call()
    return time.process_time() - start
