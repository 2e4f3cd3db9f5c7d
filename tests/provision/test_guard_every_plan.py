"""The guard judges every plan: bring-up, its repairs, destroy, maintenance; at the start and before each effect."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from fake_world import World, plan_of, step
from test_executor import context, journal_of

from meshlab.live.target import Target
from meshlab.model import RaftGroup, State, Topology
from meshlab.provision.bringup import destroy, plan_bringup
from meshlab.provision.cluster.lease import Lease
from meshlab.provision.cluster.records import Kind, Outcome
from meshlab.provision.cluster.workspace import Workspace
from meshlab.provision.guard.course import founded, given_up
from meshlab.provision.guard.guard import Guard
from meshlab.provision.maintenance import plan_reboot
from meshlab.provision.plan.plan import Action, Plan
from meshlab.provision.plan.step import Effect
from meshlab.provision.run.executor import Executor


@pytest.fixture(scope="module")
def first(cluster: Topology, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    target = Target.for_loopback(tmp_path_factory.mktemp("state"))
    return plan_bringup(cluster, target, looked=False)


def standing_plan(first: Plan, **actions: Action) -> Plan:
    """The bring-up of a cluster that stands, where some steps have something to do all the same."""
    found = {s.id: Action.CHECK if s.intent == "check" else Action.UNCHANGED for s in first}
    return replace(first, actions=found | actions)


def never() -> tuple[str, ...]:
    raise AssertionError("nobody needs to be asked")


def test_the_first_bring_up_endangers_nothing_and_asks_nobody(first: Plan, cluster: Topology) -> None:
    verdicts = {v.step: v for v in Guard(cluster, never).verdicts(first)}
    assert {v.ruling for v in verdicts.values()} == {"untouched", "not-founded"}
    assert verdicts["talos/master-2-config"].ruling == "not-founded"
    assert "etcd and vault" in verdicts["talos/master-2-config"].text


def test_judging_a_bring_up_adds_less_than_a_second(first: Plan, cluster: Topology) -> None:
    """One second of process time is the limit for every step of a bring-up; measured: 0.02 s."""
    began = time.process_time()
    Guard(cluster).verdicts(first)
    assert time.process_time() - began < 1.0


def test_a_group_exists_once_its_founding_step_is_done(first: Plan, cluster: Topology) -> None:
    assert founded(first, cluster) == set()
    assert founded(first, cluster, {"talos/bootstrap"}) == {"etcd"}
    assert founded(standing_plan(first), cluster) == {"etcd", "vault"}


def test_a_repair_that_reboots_a_master_is_refused_while_another_is_dark(
    first: Plan, cluster: Topology
) -> None:
    plan = standing_plan(first, **{"talos/master-2-config": Action.CHANGE})
    assert Guard(cluster).refusals(plan) == ()
    (refusal,) = Guard(cluster, lambda: ["master-1"]).refusals(plan)
    assert refusal.step == "talos/master-2-config"
    assert "while master-1 is down already" in refusal.reason


def test_bringing_a_lost_master_back_is_never_refused(first: Plan, cluster: Topology) -> None:
    lost = dict.fromkeys(("aws/master-2", "talos/master-2-waits", "talos/master-2-config"), Action.CREATE)
    plan = standing_plan(first, **lost)
    assert Guard(cluster, lambda: ["master-2"]).refusals(plan) == ()
    assert Guard(cluster, lambda: ["master-2", "master-1"]).refusals(plan) == ()


def test_a_destroy_of_everything_is_declared_and_shows_where_each_quorum_goes(
    cluster: Topology, target: Target
) -> None:
    plan = destroy(cluster, target, looked=False)
    verdicts = {v.step: v for v in Guard(cluster, never).verdicts(plan)}
    assert given_up(plan, cluster) == {"etcd", "vault"}
    assert {v.ruling for v in verdicts.values()} == {"untouched", "declared"}
    lost = [name for name, v in verdicts.items() if "its quorum is gone" in v.text]
    assert lost == ["remove/aws/master-2", "remove/aws/master-3"]


def test_a_destroy_of_two_voters_of_three_is_refused(cluster: Topology, target: Target) -> None:
    whole = destroy(cluster, target, looked=False)
    kept = [s for s in whole if s.id in ("remove/aws/master-1", "remove/aws/master-2")]
    chained = (replace(kept[0], needs=()), replace(kept[1], needs=(kept[0].id,)))
    (refusal,) = Guard(cluster).refusals(replace(whole, steps=chained))
    assert refusal.step == "remove/aws/master-2" and "no quorum" in refusal.reason


def test_a_master_that_is_up_but_sealed_counts_for_vault_alone(cluster: Topology, target: Target) -> None:
    def sealed(group: RaftGroup) -> list[str]:
        return ["master-1"] if group.engine == "hashicorp" else []

    (refusal,) = Guard(cluster, idle=sealed).refusals(plan_reboot(cluster, target, ["master-2"]))
    assert refusal.group == "vault"
    assert "master-1 is up but without a part in vault" in refusal.reason


def test_the_next_master_waits_for_etcd_and_vault_to_be_whole(cluster: Topology, target: Target) -> None:
    plan = plan_reboot(cluster, target, ["master-1", "master-2"])
    later = plan.descendants("vault/voters-after-master-1")
    assert "talos/reboot-master-2" in later
    assert "talos/reboot-master-2" in plan.descendants("talos/etcd-after-master-1")


def carry(plan: Plan, target: Target, cluster: Topology, guard: Guard) -> Outcome:
    with Lease(Workspace.of(target, "hybrid")) as journal:
        if journal.run(plan.run) is None:
            journal.begin(plan.run, plan.hash, plan.purpose, plan.serial)
        return Executor(plan, context(target, journal), journal, topology=cluster, guard=guard).run()


def test_a_master_that_dies_during_the_run_stops_the_step_before_its_effect(
    world: World, target: Target, cluster: Topology
) -> None:
    down: list[str] = []
    guard = Guard(cluster, lambda: down)
    hurts = (Effect("master-2", during=State.BOOTING),)
    plan = plan_of(step(world.path, "reboot", "named", effects=hurts), purpose="maintenance")
    guard.insist(plan)
    down.append("master-1")
    assert carry(plan, target, cluster, guard) is Outcome.REFUSED
    assert world.created("reboot") == 0
    with journal_of(target) as journal:
        assert [r.kind for r in journal.records()] == [Kind.REFUSED]
    down.clear()
    assert carry(plan, target, cluster, guard) is Outcome.DONE


def test_a_step_that_finds_all_as_it_should_be_needs_no_leave(
    world: World, target: Target, cluster: Topology
) -> None:
    world.create("config")
    hurts = (Effect("master-2", during=State.BOOTING),)
    plan = plan_of(step(world.path, "config", "named", effects=hurts), purpose="maintenance")
    assert carry(plan, target, cluster, Guard(cluster, lambda: ["master-1"])) is Outcome.DONE


def test_two_effects_that_only_together_cost_a_quorum_go_one_after_the_other(
    world: World, target: Target, cluster: Topology
) -> None:
    names = ("master-1", "master-2", "master-3")
    steps = [step(world.path, n, "named", effects=(Effect(n, during=State.BOOTING),)) for n in names]
    assert carry(plan_of(*steps), target, cluster, Guard(cluster)) is Outcome.DONE
    inside: set[str] = set()
    with journal_of(target) as journal:
        for row in journal.records():
            if row.kind is Kind.INTENT:
                inside.add(row.step)
            elif row.kind is Kind.RESULT:
                inside.discard(row.step)
            assert len(inside) <= 1
