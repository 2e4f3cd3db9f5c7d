"""Scenario files: what a sound one gives, and what each unsound one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshlab.model import InputError, Topology
from meshlab.model.spec import data_file, reference
from meshlab.simulate import Fault, Scenario, load_scenario, parse_scenario, simulate


@pytest.fixture(scope="module")
def cluster() -> Topology:
    return reference()


def test_every_form_of_the_format_is_read(cluster: Topology) -> None:
    text = """
name: all
horizon: 2h
leaders: {etcd: master-1}
faults:
  - {at: 5m, fail: us-east-1a, for: 10m}
  - {at: 20m, partition: [[us-east-1], [dc-1]], direction: forward, for: 90s}
  - {at: 30m, degrade: [us-east-1, dc-1], latency: +50ms, loss: 2%, for: 5m}
  - {at: 40m, restart: master-1}
  - {at: 50m, lose-disk: worker-2}
  - {at: 0s, pause: worker-3, for: 10s}
"""
    found = parse_scenario(text, cluster)
    assert found == Scenario(
        "all",
        7200.0,
        (
            Fault.fail("us-east-1a", 300.0, 600.0),
            Fault.partition(("us-east-1",), ("dc-1",), at=1200.0, lasts=90.0, direction="forward"),
            Fault.degrade("us-east-1", "dc-1", 1800.0, 0.05, 0.02, 300.0),
            Fault.restart("master-1", 2400.0),
            Fault.lose_disk("worker-2", 3000.0),
            Fault.pause("worker-3", 0.0, 10.0),
        ),
        {"etcd": "master-1"},
    )


HEAD = "name: x\nhorizon: 30m\nfaults:\n"
BROKEN = {
    "unknown key": (HEAD + "  - {at: 5m, fail: master-1, fro: 10m}", 4, "unknown key 'fro'", "'for'"),
    "unknown top key": ("name: x\nhorizont: 30m", 2, "unknown key 'horizont'", "'horizon'"),
    "unknown component": (HEAD + "  - {at: 5m, fail: mastr-1}", 4, "no component 'mastr-1'", "'master-1'"),
    "after the horizon": (
        HEAD + "  - {at: 40m, fail: master-1}",
        4,
        "not before the horizon",
        "horizon longer",
    ),
    "negative duration": (HEAD + "  - {at: 5m, fail: master-1, for: -10m}", 4, "for is negative", "10 min"),
    "negative latency": (
        HEAD + "  - {at: 5m, degrade: [us-east-1, dc-1], latency: -50ms}",
        4,
        "latency is negative",
        "50 ms",
    ),
    "failed twice at once": (
        HEAD + "  - {at: 5m, fail: master-1, for: 10m}\n  - {at: 6m, fail: master-1}",
        5,
        "contradicts another fault",
        "let one end",
    ),
    "restart of a dead machine": (
        HEAD + "  - {at: 5m, fail: master-1, for: 10m}\n  - {at: 6m, restart: master-1}",
        5,
        "contradicts another fault",
        "let one end",
    ),
    "no kind": (HEAD + "  - {at: 5m}", 4, "exactly one kind", "one of: fail"),
    "two kinds": (HEAD + "  - {at: 5m, fail: master-1, restart: master-2}", 4, "fail and restart", "one of"),
    "disk of a zone": (HEAD + "  - {at: 5m, lose-disk: us-east-1a}", 4, "only a machine", "name a machine"),
    "wrong unit": (HEAD + "  - {at: 5Gbps, fail: master-1}", 4, "is a rate", ""),
    "no unit": (HEAD + "  - {at: 5, fail: master-1}", 4, "has no unit", ""),
    "both sides": (
        HEAD + "  - {at: 5m, partition: [[us-east-1], [master-1, dc-1]]}",
        4,
        "both sides of the partition hold master-1",
        "one side",
    ),
    "loss above one": (
        HEAD + "  - {at: 5m, degrade: [us-east-1, dc-1], loss: 120%}",
        4,
        "share between 0 and 1",
        "2%",
    ),
    "cut of a service": (
        HEAD + "  - {at: 5m, partition: [[etcd], [dc-1]]}",
        4,
        "no place on the network",
        "",
    ),
    "a firewall fails": (HEAD + "  - {at: 5m, fail: control-plane-firewall}", 4, "cannot fail", ""),
    "leader of nothing": (
        "name: x\nhorizon: 1m\nleaders: {etdc: master-1}",
        3,
        "no raft group 'etdc'",
        "'etcd'",
    ),
    "leader no voter": ("name: x\nhorizon: 1m\nleaders: {etcd: worker-1}", 3, "no voter of etcd", "master-1"),
    "no horizon": ("name: x", 1, "'horizon' is missing", "horizon: 30m"),
    "not a map": ("- a", 1, "a scenario is a map", ""),
    "not yaml": ("name: [", 1, "not YAML", ""),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_scenario_is_told_where_what_and_what_to_do(name: str, cluster: Topology) -> None:
    text, line, message, hint = BROKEN[name]
    with pytest.raises(InputError) as error:
        parse_scenario(text, cluster, "night.yaml")
    problem = next(p for p in error.value.problems if message in p.message)
    assert problem.line == line or name == "not yaml"
    assert problem.file == "night.yaml"
    assert hint in problem.hint or hint in problem.message


def test_all_problems_are_told_at_once(cluster: Topology) -> None:
    text = HEAD + "  - {at: 5m, fail: mastr-1}\n  - {at: 50m, fail: master-2}\n  - {fail: master-3, fro: 1m}"
    with pytest.raises(InputError) as error:
        parse_scenario(text, cluster)
    assert {p.line for p in error.value.problems} == {4, 5, 6}


def test_a_missing_file_names_the_one_that_is_near(cluster: Topology, tmp_path: Path) -> None:
    (tmp_path / "lose-zone.yaml").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"lose-zone\.yaml"):
        load_scenario(tmp_path / "loose-zone.yaml", cluster)


def test_a_scenario_made_in_code_is_checked_before_it_runs(cluster: Topology) -> None:
    with pytest.raises(InputError, match="did you mean 'master-1'"):
        simulate(cluster, Scenario("x", 60.0, (Fault.fail("mster-1", 5.0),)))
    with pytest.raises(InputError, match="not before the horizon"):
        simulate(cluster, Scenario("x", 60.0, (Fault.fail("master-1", 60.0),)))


def test_every_shipped_scenario_is_sound(cluster: Topology) -> None:
    files = sorted(data_file("scenarios").glob("*.yaml"))
    assert len(files) >= 10
    for file in files:
        assert load_scenario(file, cluster).name == file.stem
