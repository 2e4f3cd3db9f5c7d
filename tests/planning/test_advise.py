"""The quorum advisor, held against the rules of raft and against a simulation of the failures it counts."""

from __future__ import annotations

import numpy as np
import pytest

from meshlab.model.spec import reference
from meshlab.model.topology import UnknownComponent
from meshlab.planning.advise import advise
from meshlab.simulate import standing

ZONE_LINKS = {"us-east-1a--us-east-1b", "us-east-1a--us-east-1c", "us-east-1b--us-east-1c"}


def test_a_whole_cluster_may_lose_one_voter_and_needs_nothing() -> None:
    for advice in advise(reference()):
        assert advice.now.margin == 1
        assert advice.actions == ()
        assert [p.what for p in advice.prohibitions] == [
            "take 2 of master-1, master-2, master-3 down at once"
        ]


def test_with_one_master_down_no_other_may_be_rebooted() -> None:
    etcd, vault = advise(reference(), {"master-2"})
    for advice in (etcd, vault):
        assert advice.now.margin == 0
        assert "reboot, upgrade, drain or reset master-1, master-3" in [p.what for p in advice.prohibitions]


def test_every_single_loss_named_as_ending_it_ends_it() -> None:
    cluster = reference()
    [etcd, _] = advise(cluster, {"master-2"})
    named = {b.component for b in etcd.now.breakers}
    for component in cluster:
        if component.reliability and component.name != "master-2" and component.kind != "raft-group":
            ends = not standing(cluster, {"master-2", component.name})["etcd"].serving
            assert ends == (component.name in named), component.name


def test_adding_a_voter_before_removing_the_dead_one_would_stop_a_group_of_three() -> None:
    """etcd runtime reconfiguration: 4 members need 3, and 2 are up."""
    [etcd, _] = advise(reference(), {"master-2"})
    [addition] = [p for p in etcd.prohibitions if p.what.startswith("add a voter")]
    assert "4 voters need 3; 2 are up" in addition.why


def test_a_sealed_vault_is_exposed_longer_than_etcd_on_the_same_machine() -> None:
    etcd, vault = advise(reference(), {"master-2"})
    assert etcd.actions[0].what == vault.actions[0].what == "bring back master-2"
    assert vault.actions[0].exposure.seconds.mid > etcd.actions[0].exposure.seconds.mid + 600
    assert any("unseal" in step for step in vault.actions[0].steps)


def test_a_replacement_goes_to_a_zone_that_works() -> None:
    etcd, _ = advise(reference(), {"us-east-1a"})
    [new] = [a for a in etcd.actions if a.kind == "replace"]
    assert new.what == "replace master-1 by a new machine in us-east-1b"
    assert new.steps[0].startswith("remove the dead member master-1 first")


def test_without_a_quorum_bringing_a_voter_back_goes_before_rebuilding_from_one() -> None:
    etcd, _ = advise(reference(), {"master-1", "master-2"})
    assert not etcd.now.serving
    kinds = [a.kind for a in etcd.actions]
    assert kinds == ["bring-back", "bring-back", "rebuild"]
    assert [a.keeps_data for a in etcd.actions] == [True, True, False]
    assert "reset or wipe master-3" in [p.what for p in etcd.prohibitions]


def test_voters_with_power_that_do_not_reach_each_other_need_a_link_and_nothing_else() -> None:
    etcd, _ = advise(reference(), ZONE_LINKS)
    assert "cannot reach each other" in etcd.verdict
    assert {a.kind for a in etcd.actions} == {"restore"}


def test_a_name_that_is_not_there_is_an_error_with_the_near_one() -> None:
    with pytest.raises(UnknownComponent, match="master-1"):
        advise(reference(), {"mastre-1"})


def test_the_risk_is_what_a_simulation_of_all_failures_gives() -> None:
    """Every component fails on its own, also several in one world: the neglected second order must not show.

    Rates times 200 so that losses are seen (the share expected is 0.8 %); 4 standard errors: false alarm 6e-5.
    """
    cluster, scale, worlds = reference(), 200.0, 20_000
    [etcd, _] = advise(cluster, {"master-2"})
    machine = cluster.machine("master-2")
    assert machine.reliability is not None
    others = [(c.name, c.reliability.rate) for c in cluster if c.reliability and c.name != "master-2"]
    rng = np.random.default_rng(1)
    lasts = np.asarray(machine.reliability.repair.sample(rng, worlds)) + np.asarray(
        machine.boot.sample(rng, worlds)
    )
    fails = (
        rng.exponential([1 / (scale * rate) for _, rate in others], (worlds, len(others))) < lasts[:, None]
    )
    patterns, counts = np.unique(fails, axis=0, return_counts=True)
    lost = 0
    for pattern, count in zip(patterns, counts, strict=True):
        gone = {name for (name, _), failed in zip(others, pattern, strict=True) if failed}
        lost += int(count) * (not standing(cluster, gone | {"master-2"})["etcd"].serving)
    assert fails.sum(axis=1).max() > 1
    expected = float(np.mean(-np.expm1(-scale * etcd.now.rate * lasts)))
    assert abs(lost / worlds - expected) < 4 * (expected / worlds) ** 0.5
    assert etcd.actions[0].exposure.risk.mid == pytest.approx(
        float(np.mean(-np.expm1(-etcd.now.rate * lasts))), rel=0.1
    )
