"""Walking a plan: order, adoption, retries, hold, refusals, and secrets that stay shut away."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from fake_world import CANARY, World, plan_of, small_plan, step

from meshlab.live.target import Target
from meshlab.model import Topology
from meshlab.provision.cluster.approval import NotApproved, approve, phrase
from meshlab.provision.cluster.connections import Connections
from meshlab.provision.cluster.journal import Journal
from meshlab.provision.cluster.lease import Lease
from meshlab.provision.cluster.records import Kind, Outcome
from meshlab.provision.cluster.strongbox import Strongbox
from meshlab.provision.cluster.workspace import Workspace
from meshlab.provision.compare import compare
from meshlab.provision.plan.plan import Action, Plan
from meshlab.provision.run.attach import start_or_attach
from meshlab.provision.run.executor import Executor
from meshlab.provision.run.histories import executed, planned
from meshlab.provision.systems.context import Context
from own_time import PATIENCE_S


def context(target: Target, journal: Journal | None = None) -> Context:
    workspace = Workspace.of(target, "hybrid")
    box = Strongbox(workspace.strongbox, workspace.strongbox_key)
    return Context(target, "hybrid", box, Connections(target, "hybrid", box), journal)


def carry(plan: Plan, target: Target, **more: object) -> Outcome:
    with Lease(Workspace.of(target, "hybrid")) as journal:
        if journal.run(plan.run) is None:
            journal.begin(plan.run, plan.hash, plan.purpose, plan.serial)
        return Executor(plan, context(target, journal), journal, **more).run()  # type: ignore[arg-type]


def journal_of(target: Target) -> Journal:
    return Journal(Workspace.of(target, "hybrid").journal)


def test_a_dependent_step_starts_only_when_what_it_needs_is_durable(world: World, target: Target) -> None:
    plan = small_plan(world.path)
    assert carry(plan, target) is Outcome.DONE
    with journal_of(target) as journal:
        rows = [(r.step, r.kind) for r in journal.records()]
    for each in plan:
        for need in each.needs:
            assert rows.index((need, Kind.RESULT)) < rows.index((each.id, Kind.INTENT))


def test_what_is_there_already_is_adopted(world: World, target: Target) -> None:
    world.create("vpc")
    plan = plan_of(step(world.path, "vpc", "named"))
    assert carry(plan, target) is Outcome.DONE
    assert world.created("vpc") == 1
    with journal_of(target) as journal:
        assert [r.kind for r in journal.records()] == [Kind.ADOPTED]


def test_a_plan_after_apply_is_empty(world: World, target: Target) -> None:
    plan = plan_of(step(world.path, "vpc", "named"), step(world.path, "boot", "once", "vpc"))
    before = compare(plan, context(target), None)
    assert set(before.actions.values()) == {Action.CREATE}
    carry(plan, target)
    with journal_of(target) as journal:
        assert compare(plan, context(target), journal).empty


def test_something_that_is_there_but_was_never_ours_is_planned_as_adoption(
    world: World, target: Target
) -> None:
    world.create("vpc")
    plan = plan_of(step(world.path, "vpc", "named"))
    with journal_of(target) as journal:
        assert compare(plan, context(target), journal).actions == {"vpc": Action.ADOPT}


def test_a_throttled_call_is_tried_again_with_the_same_token(world: World, target: Target) -> None:
    plan = plan_of(step(world.path, "vpc", "flaky"))
    assert carry(plan, target) is Outcome.DONE
    with journal_of(target) as journal:
        intents = [r for r in journal.records() if r.kind is Kind.INTENT]
    assert len(intents) == 3
    assert len({r.token for r in intents}) == 1
    assert world.created("vpc") == 1


def test_an_irreversible_step_that_a_record_says_was_done_is_refused(world: World, target: Target) -> None:
    first = plan_of(step(world.path, "boot", "once"))
    carry(first, target)
    world.delete("boot")
    second = plan_of(step(world.path, "boot", "once"), serial=1)
    assert carry(second, target) is Outcome.NEEDS_YOU
    with journal_of(target) as journal:
        text = journal.runs()[-1].text
    assert "cannot be done twice" in text
    assert world.created("boot") == 1


def test_destroy_removes_everything_and_opens_a_new_life(world: World, target: Target) -> None:
    carry(plan_of(step(world.path, "vpc", "named"), step(world.path, "boot", "once", "vpc")), target)
    gone = plan_of(
        step(world.path, "boot", "once", intent="remove"),
        step(world.path, "vpc", "named", "boot", intent="remove"),
        purpose="destroy",
        serial=1,
    )
    assert carry(gone, target) is Outcome.DONE
    assert world.find("vpc") is None and world.find("boot") is None
    again = plan_of(
        step(world.path, "vpc", "named"), step(world.path, "boot", "once", "vpc"), life=1, serial=2
    )
    assert carry(again, target) is Outcome.DONE
    assert world.created("boot") == 2


def test_a_claim_that_does_not_hold_fails_the_run_and_is_looked_at_again(
    world: World, target: Target
) -> None:
    plan = plan_of(step(world.path, "verify", "claims", intent="check"))
    assert carry(plan, target) is Outcome.CHECK_FAILED
    (world.path / "holds").touch()
    assert carry(plan, target) is Outcome.DONE


def test_no_secret_reaches_plan_journal_log_or_exception(
    world: World, target: Target, cluster: Topology, fake_runner: tuple[str, str]
) -> None:
    plan = plan_of(step(world.path, "init", "secret"))
    with journal_of(target) as journal:
        approval = approve(plan, phrase(plan), journal)
    run = start_or_attach(plan, cluster, target, approval, runner=fake_runner)
    assert run.wait() is Outcome.FAILED
    assert "unforeseen ValueError" in run.text
    again = start_or_attach(plan, cluster, target, runner=fake_runner)
    assert again.wait() is Outcome.DONE
    shown = repr(again.records()) + again.text + repr(again.results())
    assert CANARY not in shown
    for path in target.directory.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path


def test_a_held_run_starts_nothing_more_until_it_is_let_go(
    world: World, target: Target, cluster: Topology, fake_runner: tuple[str, str]
) -> None:
    plan = plan_of(step(world.path, "first", "slow"), step(world.path, "second", "named", "first"))
    with journal_of(target) as journal:
        approval = approve(plan, phrase(plan), journal)
    run = start_or_attach(plan, cluster, target, approval, runner=fake_runner)
    until(lambda: any(record.kind is Kind.INTENT for record in run.records()))
    run.hold()
    (world.path / "gate").touch()
    until(lambda: run.outcome is Outcome.HELD)
    assert world.created("first") == 1
    assert world.created("second") == 0
    run.resume()
    assert run.wait() is Outcome.DONE
    assert world.created("second") == 1


def test_an_approval_is_for_one_plan_once_and_not_for_ever(
    world: World, target: Target, cluster: Topology
) -> None:
    plan, other = plan_of(step(world.path, "a", "named")), plan_of(step(world.path, "b", "named"))
    with journal_of(target) as journal:
        with pytest.raises(NotApproved, match=plan.short):
            approve(plan, "yes", journal)
        approval = approve(plan, phrase(plan), journal)
        old = approve(plan, phrase(plan), journal, lifetime_s=-1)
        with pytest.raises(NotApproved, match="another plan"):
            start_or_attach(other, cluster, target, approval)
        with pytest.raises(NotApproved, match="too old"):
            start_or_attach(plan, cluster, target, old)
        assert journal.use_approval(approval.nonce, plan.hash, "apply", "r")
        assert not journal.use_approval(approval.nonce, plan.hash, "apply", "r")
    with pytest.raises(NotApproved, match="type"):
        start_or_attach(plan, cluster, target)


def test_independent_steps_run_side_by_side(world: World, target: Target) -> None:
    plan = plan_of(*(step(world.path, f"s{n}", "slow") for n in range(3)))
    opener = threading.Thread(target=_open_when_all_wait, args=(target, world, 3))
    opener.start()
    assert carry(plan, target, workers=3) is Outcome.DONE
    opener.join()


def _open_when_all_wait(target: Target, world: World, count: int) -> None:
    def all_wait() -> bool:
        with journal_of(target) as journal:
            return sum(r.kind is Kind.INTENT for r in journal.records()) == count

    until(all_wait)
    (world.path / "gate").touch()


def until(holds: object, seconds: float = PATIENCE_S) -> None:
    assert callable(holds)
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


def test_planned_and_executed_histories_tell_of_the_same_components(
    world: World, target: Target, cluster: Topology
) -> None:
    plan = small_plan(world.path)
    carry(plan, target)
    with journal_of(target) as journal:
        done = executed(plan, cluster, journal.records())
    intended = planned(plan, cluster)
    assert intended.components == done.components == ("us-east-1",)
    assert intended.horizon == 3.0
    assert done.of("us-east-1")[-1].state.serving


def test_a_plan_survives_its_file_and_an_altered_file_is_refused(world: World, tmp_path: Path) -> None:
    plan = small_plan(world.path)
    path = tmp_path / "plan.json"
    plan.save(path)
    assert Plan.load(path) == plan
    path.write_text(path.read_text().replace("Make vpc", "Make many"))
    with pytest.raises(Exception, match="altered"):
        Plan.load(path)
