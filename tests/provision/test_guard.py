"""The guard refuses what would cost a quorum, says why, and is overruled only by a typed word for that very plan."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from fake_world import World, plan_of, step

from meshlab.model import Machine, State, Topology
from meshlab.provision.guard.guard import Guard
from meshlab.provision.guard.rule import Refused
from meshlab.provision.plan.plan import Plan
from meshlab.provision.plan.step import Effect, Step


def reboot(world: Path, *machines: str, needs: tuple[str, ...] = (), **more: object) -> Step:
    effects = tuple(Effect(machine, during=State.BOOTING) for machine in machines)
    return step(world, "reboot " + "+".join(machines), "named", *needs, effects=effects, **more)


def maintenance(*steps: Step) -> Plan:
    return plan_of(*steps, purpose="maintenance")


def five_masters(cluster: Topology) -> Topology:
    first = cluster.machine("master-1")
    names = [f"master-{n}" for n in range(1, 6)]
    for name in names[3:]:
        extra: Machine = replace(first, name=name)
        cluster = cluster.with_component(extra)
    for group in cluster.raft_groups:
        cluster = cluster.with_component(replace(group, voters=tuple(names)))
    return cluster


def test_taking_master_2_down_while_master_1_is_down_is_refused_with_the_reason(
    world: World, cluster: Topology
) -> None:
    guard = Guard(cluster, lambda: ["master-1"])
    refusal = guard.judge(reboot(world.path, "master-2"))
    assert refusal is not None
    assert "master-2 down while master-1 is down already" in refusal.reason
    assert "no quorum" in refusal.reason


def test_one_master_of_three_may_be_rebooted_because_nothing_gentler_exists(
    world: World, cluster: Topology
) -> None:
    assert Guard(cluster).judge(reboot(world.path, "master-2")) is None


def test_a_zone_that_is_down_counts_as_its_machines(world: World, cluster: Topology) -> None:
    assert Guard(cluster, lambda: ["us-east-1a"]).judge(reboot(world.path, "master-2"))


def test_two_of_five_at_once_are_refused_because_one_after_the_other_is_gentler(
    world: World, cluster: Topology
) -> None:
    guard = Guard(five_masters(cluster))
    refusal = guard.judge(reboot(world.path, "master-1", "master-2"))
    assert refusal and "one after the other" in refusal.reason
    assert guard.judge(reboot(world.path, "master-1")) is None


def test_steps_that_may_run_side_by_side_are_judged_together(world: World, cluster: Topology) -> None:
    first, second = reboot(world.path, "master-1"), reboot(world.path, "master-2")
    assert len(Guard(cluster).refusals(maintenance(first, second))) == 2
    after = reboot(world.path, "master-2", needs=(first.id,))
    assert Guard(cluster).refusals(maintenance(first, after)) == ()


def test_a_machine_taken_away_for_good_counts_for_every_later_step(world: World, cluster: Topology) -> None:
    gone = step(world.path, "remove master-1", "named", effects=(Effect("master-1", after=State.DOWN),))
    later = reboot(world.path, "master-2", needs=(gone.id,))
    refusals = Guard(cluster).refusals(maintenance(gone, later))
    assert [refusal.step for refusal in refusals] == [later.id]


def test_a_worker_is_no_voter(world: World, cluster: Topology) -> None:
    assert Guard(cluster, lambda: ["master-1"]).judge(reboot(world.path, "worker-2")) is None


def test_the_refusal_says_what_to_type(world: World, cluster: Topology) -> None:
    plan = maintenance(reboot(world.path, "master-1", "master-2"))
    with pytest.raises(Refused, match=f"override {plan.short}"):
        Guard(cluster).insist(plan)


def test_the_guard_agrees_with_the_simulator_on_every_set_of_machines(
    world: World, cluster: Topology
) -> None:
    """Two ways to the same answer: voters counted here, and the settled state that the simulator gives."""
    from meshlab.simulate import standing

    masters = [machine.name for machine in cluster.control_plane]
    for size in range(1, 4):
        for taken in combinations(masters, size):
            lost = standing(cluster, set(taken))["etcd"] is State.NO_QUORUM
            assert bool(Guard(cluster).judge(reboot(world.path, *taken))) == lost, taken
