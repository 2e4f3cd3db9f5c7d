"""Where a run stands, and what it tells: how far, by whom it is held, what is sure and what is not."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fake_world import World, small_plan

from meshlab.commands.bringup import plans, shown, status
from meshlab.commands.bringup.holding import hold
from meshlab.live.target import Target
from meshlab.model import InputError
from meshlab.model.spec import data_file, reference
from meshlab.provision.bringup import Difference, Drift
from meshlab.provision.cluster.journal import Journal
from meshlab.provision.cluster.records import Kind, Outcome
from meshlab.provision.cluster.workspace import Workspace
from meshlab.provision.compare import compare
from meshlab.provision.guard.guard import Verdict
from meshlab.provision.plan.plan import Action, Plan
from meshlab.provision.plan.preview import rows, summary
from meshlab.provision.run import drive as driving
from meshlab.provision.run.attach import Progress
from meshlab.provision.run.brief import brief
from meshlab.provision.run.standing import standing
from meshlab.provision.run.telling import Telling


@pytest.fixture
def where(target: Target, tmp_path: Path) -> str:
    path = tmp_path / "target.json"
    target.save(path)
    return str(path)


@pytest.fixture
def begun(world: World, target: Target) -> Plan:
    """A plan whose run is open, two of its steps done and one begun."""
    plan = small_plan(world.path)
    workspace = Workspace.of(target, "hybrid")
    directory = workspace.run(plan.run)
    directory.path.mkdir(parents=True)
    plan.save(directory.plan)
    with Journal(workspace.journal) as journal:
        journal.begin(plan.run, plan.hash, plan.purpose, plan.serial)
        first, second, third = (step.id for step in plan.steps[:3])
        for step, kind in ((first, Kind.RESULT), (second, Kind.ADOPTED), (third, Kind.INTENT)):
            journal.add(plan.run, step, kind)
        journal.set_outcome(plan.run, Outcome.RUNNING)
    return plan


def test_a_run_stands_at_so_many_steps_and_says_who_holds_it(begun: Plan, target: Target) -> None:
    now = standing(target, "hybrid")
    assert now is not None and now.open
    assert now.place == f"2 of {len(begun)}"
    assert now.sentence() == f"the run {begun.run} was interrupted at {now.place}; no runner is at work"
    with Journal(Workspace.of(target, "hybrid").journal) as journal:
        journal.hold(True, by="ada")
        now = standing(target, "hybrid")
        assert now is not None
        assert now.sentence() == f"the run {begun.run} is held at {now.place} by ada; no runner is at work"
        journal.hold(False)
        assert journal.held_by == ""


def test_a_run_that_is_at_work_says_what_it_is_at(begun: Plan, target: Target) -> None:
    now = standing(target, "hybrid")
    assert now is not None
    title = begun.steps[2].title
    assert replace(now, alive=True).sentence().endswith(f"done; now: {title}")
    failed = replace(now, outcome=Outcome.FAILED, text="no answer")
    assert failed.sentence().endswith("(failed): no answer")


def test_without_a_run_nothing_stands(target: Target) -> None:
    assert standing(target, "hybrid") is None


def test_hold_and_status_say_the_same(
    begun: Plan, where: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    monkeypatch.setattr(status, "_up", lambda topology, where: None)
    hold(data_file("reference.yaml"), where)
    capsys.readouterr()
    status.status(data_file("reference.yaml"), where)
    told = capsys.readouterr().out
    assert f"is held at 2 of {len(begun)} by ada" in told
    assert "to go on with it: meshlab apply" in told and "no credentials of it here" in told
    status.status(data_file("reference.yaml"), where, as_json=True)
    run = json.loads(capsys.readouterr().out)["run"]
    assert (run["done"], run["of"], run["held"], run["held_by"]) == (2, len(begun), True, "ada")


def test_a_plan_that_is_on_its_way_begins_with_that_and_leaves_out_what_is_done(
    begun: Plan, target: Target
) -> None:
    now = standing(target, "hybrid")
    assert now is not None
    assert shown.standing(now)[0].startswith(f"The run {begun.run} was interrupted at 2 of")
    assert shown.standing(replace(now, outcome=Outcome.DONE)) == []
    table = shown.steps(begun, rows(begun, None, now.steps), every=False, why=False)
    assert begun.steps[0].id not in table and begun.steps[2].id in table
    assert "2 more are done" in table
    assert "done already" in shown.steps(begun, rows(begun, None, now.steps), every=True, why=False)


def test_a_plan_shows_what_cannot_be_undone_and_explains_the_guard(world: World) -> None:
    made = small_plan(world.path)
    first, second = made.steps[0], made.steps[1]
    made = replace(made, steps=(replace(first, irreversible=True), *made.steps[1:]))
    judged = {
        first.id: Verdict(first.id, "untouched", ""),
        second.id: Verdict(second.id, "refused", "etcd would lose its quorum", "etcd"),
    }
    said = {name: verdict.to_dict() for name, verdict in judged.items()}
    text = shown.steps(made, rows(made, said), every=False, why=False)
    assert "irreversible" in text and "guard: refused" in text
    assert "untouched" not in text and "True" not in text and "False" not in text
    assert "guard: refused - it must not run now" in text
    short = brief(made, judged)
    assert f"{first.title} ({first.id})" in short
    assert f"{second.id}: etcd would lose its quorum" in short


def test_a_destroy_says_that_it_is_for_good(world: World) -> None:
    assert "does not come back" in brief(replace(small_plan(world.path), purpose="destroy"))


def test_approval_is_asked_for_below_the_plan(
    world: World, target: Target, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole prompt was: 73 changes on embedded; to approve, type: apply 327dee9c."""
    plan = small_plan(world.path)

    class Guard:
        def __enter__(self) -> Guard:
            return self

        def __exit__(self, *_: object) -> None: ...

        def verdicts(self, plan: Plan) -> tuple[Verdict, ...]:
            return ()

        def insist(self, plan: Plan) -> None: ...

    monkeypatch.setattr(driving, "live_guard", lambda *_: Guard())
    monkeypatch.setattr(sys, "stdin", type("Terminal", (), {"isatty": lambda self: True})())
    seen: list[str] = []

    def typed(prompt: str) -> str:
        seen.append(capsys.readouterr().err)
        return "no"

    monkeypatch.setattr("builtins.input", typed)
    with pytest.raises(Exception, match="type exactly: apply"):
        plans._run(plan, reference(), target, None, False)
    [above] = seen
    assert above.startswith(f"{plan.name} on {plan.target}: ")
    assert above.rstrip().endswith(f"to approve, type: apply {plan.short}")
    assert all(system in above for system in {step.system for step in plan.changes})


def told(plan: Plan, *events: tuple[str, Kind, str]) -> list[str]:
    lines: list[str] = []
    telling = Telling(plan, (), lines.append)
    for number, (step, kind, text) in enumerate(events):
        telling.tell(Progress(number, 0.0, step, kind, text))
    telling.flush()
    return lines


def test_a_run_tells_how_far_it_is_and_folds_what_was_there_already(world: World) -> None:
    plan = small_plan(world.path)
    ids = [step.id for step in plan]
    lines = told(
        plan,
        (ids[0], Kind.ADOPTED, "it is there already"),
        (ids[1], Kind.ADOPTED, "it is there already"),
        (ids[2], Kind.PROGRESS, "no answer yet"),
        (ids[2], Kind.PROGRESS, "no answer yet"),
        (ids[2], Kind.PROGRESS, "holds: a claim (measured)"),
        (ids[2], Kind.RESULT, ""),
        (ids[3], Kind.FAILED, "no"),
    )
    total = len(plan)
    assert lines[0] == f"2 of {total}  2 steps were there already"
    assert lines[1].strip() == f"{plan[ids[2]].title}: no answer yet"
    assert lines[2].startswith(f"3 of {total}  {plan[ids[2]].title}")
    assert lines[3] == f"3 of {total}  failed: {plan[ids[3]].title}: no"
    assert len(lines) == 4


def test_what_was_done_before_and_lies_below_something_missing_is_no_sure_change(
    world: World, target: Target
) -> None:
    """One pod was sealed: `apply` said 9 changes, `drift` listed 9 rows."""
    from test_executor import context

    plan = small_plan(world.path)
    with Journal(Workspace.of(target, "hybrid").journal) as journal:
        fresh = compare(plan, context(target), journal)
        assert fresh.unlooked == ()
        journal.begin("earlier", "hash", "bring-up", 0)
        for step in plan:
            journal.add("earlier", step.id, Kind.RESULT)
        again = compare(plan, context(target), journal)
    assert again.unlooked
    assert all(again.actions[step] is Action.CREATE and again[step].needs for step in again.unlooked)
    sure = len(again.changes) - len(again.unlooked)
    assert f"{sure} change" in brief(
        again
    ) and f"{len(again.unlooked)} more that cannot be looked at" in brief(again)
    assert f"{len(again.unlooked)} not looked at" in summary(again)
    assert Plan.from_dict(again.to_dict()) == again and again.hash != fresh.hash
    assert "unlooked" not in fresh.to_dict()


def test_drift_counts_true_differences_and_names_the_rest_in_one_line(
    where: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    below = tuple(Difference(f"vault/{n}", "t", "create", "not looked at: it needs x") for n in "abcdefgh")
    found = Drift((Difference("vault/unseal-vault-1", "Unseal vault-1", "create", "sealed"),), (), below)
    monkeypatch.setattr("meshlab.provision.bringup.drift", lambda *_: found)
    with pytest.raises(Exception) as left:
        plans.drift(data_file("reference.yaml"), where)
    assert getattr(left.value, "exit_code", None) == 1
    told_ = capsys.readouterr().out
    assert told_.startswith("1 difference\n") and told_.count("not looked at") == 0
    assert "8 steps below that could not be looked at before: vault/a, vault/b, vault/c, vault/d …" in told_


def test_two_things_are_not_planned_at_once() -> None:
    with pytest.raises(InputError, match="what is destroyed is not rebooted"):
        shown.one_of(True, ["master-1"])


def test_destroy_can_be_looked_at_beforehand(
    where: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], world: World
) -> None:
    made = replace(small_plan(world.path), purpose="destroy")
    monkeypatch.setattr("meshlab.provision.bringup.destroy", lambda *_: made)
    monkeypatch.setattr("meshlab.provision.guard.observed.verdicts", lambda *_: {})
    plans.plan(data_file("reference.yaml"), where, destroy=True)
    said = capsys.readouterr().out
    assert f'meshlab destroy {data_file("reference.yaml")} --approve "destroy {made.short}"' in " ".join(
        said.split()
    )
