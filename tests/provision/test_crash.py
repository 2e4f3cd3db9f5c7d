"""A real runner process, killed with SIGKILL at every boundary of every step: each effect happens exactly once."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_world import World, plan_of, small_plan, step

from meshlab.live.target import Target
from meshlab.model import Topology
from meshlab.provision.cluster.approval import approve, phrase
from meshlab.provision.cluster.journal import Journal
from meshlab.provision.cluster.records import Outcome
from meshlab.provision.cluster.workspace import Workspace
from meshlab.provision.plan.plan import Plan
from meshlab.provision.run.attach import Attached, start_or_attach

BOUNDARIES = (
    "before-intent",
    "after-intent",
    "inside-effect",
    "after-effect",
    "before-result",
    "after-result",
)


def start(plan: Plan, cluster: Topology, target: Target, runner: tuple[str, str]) -> Attached:
    with Journal(Workspace.of(target, plan.cluster).journal) as journal:
        approval = approve(plan, phrase(plan), journal)
    return start_or_attach(plan, cluster, target, approval, runner=runner)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("killed", ["vpc", "gateway", "instance", "bootstrap"])
def test_a_killed_run_goes_on_and_does_everything_exactly_once(
    boundary: str,
    killed: str,
    world: World,
    cluster: Topology,
    target: Target,
    fake_runner: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MESHLAB_TEST_KILL", f"{boundary}:{killed}")
    monkeypatch.setenv("MESHLAB_TEST_KILL_MARK", str(tmp_path / "killed"))
    plan = small_plan(world.path)
    run = start(plan, cluster, target, fake_runner)
    run.wait()
    assert (tmp_path / "killed").exists()
    assert run.outcome is Outcome.RUNNING

    again = start_or_attach(plan, cluster, target, runner=fake_runner)

    assert again.wait() is Outcome.DONE
    assert {s.id: world.created(s.id) for s in plan} == {s.id: 1 for s in plan}
    assert set(again.results()) == {s.id for s in plan}


def test_an_irreversible_step_that_nothing_shows_is_left_to_a_person(
    world: World,
    cluster: Topology,
    target: Target,
    fake_runner: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MESHLAB_TEST_KILL", "inside-effect:init")
    monkeypatch.setenv("MESHLAB_TEST_KILL_MARK", str(tmp_path / "killed"))
    plan = plan_of(step(world.path, "init", "blind-once"))
    start(plan, cluster, target, fake_runner).wait()

    again = start_or_attach(plan, cluster, target, runner=fake_runner)

    assert again.wait() is Outcome.NEEDS_YOU
    assert "may have happened" in again.text
    assert world.created("init") == 1


def test_running_the_cell_again_attaches_and_applies_nothing(
    world: World, cluster: Topology, target: Target, fake_runner: tuple[str, str]
) -> None:
    plan = small_plan(world.path)
    assert start(plan, cluster, target, fake_runner).wait() is Outcome.DONE
    before = world.log()

    again = start_or_attach(plan, cluster, target, runner=fake_runner)

    assert again.wait() is Outcome.DONE
    assert world.log() == before


def test_a_superseded_run_with_an_unknown_outcome_is_resolved_by_the_next_plan(
    world: World,
    cluster: Topology,
    target: Target,
    fake_runner: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MESHLAB_TEST_KILL", "inside-effect:gateway")
    monkeypatch.setenv("MESHLAB_TEST_KILL_MARK", str(tmp_path / "killed"))
    start(small_plan(world.path), cluster, target, fake_runner).wait()

    other = plan_of(step(world.path, "vpc", "named"), step(world.path, "gateway", "lagging", "vpc"), serial=1)

    assert start(other, cluster, target, fake_runner).wait() is Outcome.DONE
    assert world.created("gateway") == 1
