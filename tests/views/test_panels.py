"""Panels without a browser: what they show, what they do, and what they refuse."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "provision"))

from fake_world import CANARY, World, plan_of, quick_target, small_plan, step
from ipywidgets import Widget

from meshlab.live.target import Target
from meshlab.model import Interval, Lane, MeshlabError, State, Timeline, Topology
from meshlab.model.spec import data_file, reference
from meshlab.provision.cluster.approval import NotApproved, phrase
from meshlab.provision.cluster.records import Outcome
from meshlab.provision.plan.plan import Plan
from meshlab.provision.plan.step import Effect
from meshlab.views.panels.breaking import BreakPanel
from meshlab.views.panels.bringup import STEP_MARKS, BringUpPanel
from meshlab.views.panels.failures import FailurePanel
from meshlab.views.panels.incident import IncidentPanel
from meshlab.views.panels.parts.gate import NotYet
from meshlab.views.panels.parts.step_preview import Consequences, preview_html
from meshlab.views.panels.scenarios import ScenarioPanel
from own_time import PATIENCE_S, until

RUNNER = (sys.executable, str(Path(__file__).parents[1] / "provision" / "fake_runner.py"))


@pytest.fixture(scope="module")
def cluster() -> Topology:
    return reference()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "world")


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return quick_target(tmp_path / "state")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody approved anything from outside; widgets do not outlive their test."""
    monkeypatch.delenv("MESHLAB_APPROVE", raising=False)
    yield
    Widget.close_all()


def panel_of(plan: Plan, cluster: Topology, target: Target) -> BringUpPanel:
    return BringUpPanel(plan, cluster, target, runner=RUNNER)


def done(panel: BringUpPanel, monkeypatch: pytest.MonkeyPatch) -> BringUpPanel:
    """Approves from outside and waits for the end."""
    monkeypatch.setenv("MESHLAB_APPROVE", "embedded")
    panel.result(PATIENCE_S)
    return panel


def test_the_wrong_words_start_nothing(world: World, cluster: Topology, target: Target) -> None:
    panel = panel_of(small_plan(world.path), cluster, target)
    with pytest.raises(NotApproved, match="type exactly: apply"):
        panel.apply("apply")
    assert panel.run is None
    assert world.log() == []


def test_wrong_words_in_the_field_are_answered_in_the_panel(
    world: World, cluster: Topology, target: Target
) -> None:
    panel = panel_of(small_plan(world.path), cluster, target)
    panel.widget()
    panel._typed.value = "yes"
    panel._apply.click()
    assert "type exactly" in panel._status.value
    assert 'role="alert"' in panel._status.value
    assert world.log() == []


def test_the_right_words_apply_and_every_step_gets_done(
    world: World, cluster: Topology, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = small_plan(world.path)
    panel = panel_of(plan, cluster, target)
    panel.widget()
    panel._typed.value = phrase(plan)
    panel._apply.click()
    done(panel, monkeypatch)
    panel._follower.join(10)
    assert set(panel.steps.values()) == {"done"}
    assert panel._bar.value == panel._bar.max == len(plan)
    assert panel._status.value.count("Done and verified; 4 of 4 steps") == 1
    assert f"{STEP_MARKS['done']} done" in panel._table.value
    assert panel._hold.disabled and panel._resume.disabled and panel._apply.disabled


def test_running_the_cell_again_attaches_and_changes_nothing(
    world: World, cluster: Topology, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = small_plan(world.path)
    done(panel_of(plan, cluster, target), monkeypatch)
    before = world.log()
    again = panel_of(plan, cluster, target)
    assert again.outcome is Outcome.DONE
    assert again.result().plan == plan
    assert world.log() == before


def test_with_nothing_left_to_do_the_run_that_did_it_is_shown(
    world: World, cluster: Topology, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = small_plan(world.path)
    done(panel_of(plan, cluster, target), monkeypatch)
    nothing = plan_of(*plan.steps, serial=1, actions={s.id: "unchanged" for s in plan})
    again = panel_of(nothing, cluster, target)
    assert again.plan == plan
    assert again.outcome is Outcome.DONE


def test_an_interrupted_run_is_not_gone_on_with_until_somebody_says_so(
    world: World, cluster: Topology, target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESHLAB_TEST_KILL", "after-effect:gateway")
    monkeypatch.setenv("MESHLAB_TEST_KILL_MARK", str(tmp_path / "killed"))
    plan = small_plan(world.path)
    first = panel_of(plan, cluster, target)
    first.apply(phrase(plan))
    first.run.wait()
    before = world.log()

    again = panel_of(plan, cluster, target)
    again.widget()
    assert "Interrupted" in again.status()
    with pytest.raises(NotYet, match="interrupted"):
        again.result()
    assert world.log() == before
    assert not again._resume.disabled

    again._resume.click()
    done(again, monkeypatch)
    assert world.created("gateway") == 1


def test_hold_is_in_the_journal_and_outlives_the_panel(
    world: World, cluster: Topology, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(step(world.path, "one", "slow"), step(world.path, "two", "named", "one"))
    panel = panel_of(plan, cluster, target)
    panel.apply(phrase(plan))
    panel.hold()
    (world.path / "gate").touch()
    other = panel_of(plan, cluster, target)

    def held() -> bool:
        other._await(0)
        return other.outcome is Outcome.HELD

    until(held, "the hold to be heard of")
    assert world.created("two") == 0
    other.resume()
    done(other, monkeypatch)
    assert world.created("two") == 1


def test_the_hold_command_for_a_shell_holds(world: World, cluster: Topology, target: Target) -> None:
    import subprocess

    from meshlab.provision.cluster.journal import Journal
    from meshlab.provision.cluster.workspace import Workspace

    target.directory.mkdir(parents=True, exist_ok=True)
    target.save(target.directory / "target.json")
    plan = plan_of(step(world.path, "one", "slow"), step(world.path, "two", "named", "one"))
    panel = panel_of(plan, cluster, target)
    panel.apply(phrase(plan))
    command = panel.hold_command().replace("python ", f"{sys.executable} ", 1)
    assert subprocess.run(command, shell=True, check=False).returncode == 0
    with Journal(Workspace.of(target, plan.cluster).journal) as journal:
        assert journal.held
    (world.path / "gate").touch()
    panel.resume()
    panel.run.wait()


def test_cells_below_wait_for_the_panel(world: World, cluster: Topology, target: Target) -> None:
    plan = small_plan(world.path)
    with pytest.raises(NotYet, match=f"type `{phrase(plan)}`"):
        panel_of(plan, cluster, target).result()


def test_an_approval_from_outside_never_counts_on_a_real_target(
    world: World, cluster: Topology, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESHLAB_APPROVE", "live")
    real = Target(name="live", directory=tmp_path / "live")
    with pytest.raises(NotYet):
        panel_of(small_plan(world.path), cluster, real).result()
    assert world.log() == []


def test_a_failed_step_is_told_and_no_secret_is_in_any_trait(
    world: World, cluster: Topology, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(step(world.path, "vpc", "secret"))
    panel = panel_of(plan, cluster, target)
    panel.widget()
    panel.apply(phrase(plan))
    panel.run.wait()
    panel._follower.join(10)
    assert panel.steps["vpc"] in ("failed", "needs-you")
    assert 'role="alert"' in panel._status.value
    state = repr([w.get_state() for w in Widget._instances.values()] if hasattr(Widget, "_instances") else "")
    shown = state + panel.log_html() + panel.status() + panel.advice() + repr(panel)
    assert CANARY not in shown


def test_a_preview_says_what_the_simulator_makes_of_a_step(world: World, cluster: Topology) -> None:
    steps = [
        step(world.path, name, "named", effects=(Effect(name, after=State.UP),))
        for name in ("master-1", "master-2", "master-3")
    ]
    plan = plan_of(*steps)
    consequences = Consequences(plan, cluster)
    assert consequences.afterwards(plan["master-1"]) == ()
    changed = {name: (old, new) for name, old, new in consequences.afterwards(plan["master-2"])}
    assert changed["etcd"][0] is State.NO_QUORUM and changed["etcd"][1].serving
    html = preview_html(plan, plan["master-2"], consequences, cluster)
    assert "etcd: ✖ no-quorum" in html


def test_a_reboot_in_a_maintenance_plan_shows_what_is_away_meanwhile(world: World, cluster: Topology) -> None:
    reboot = step(world.path, "reboot", "named", effects=(Effect("worker-3", during=State.BOOTING),))
    plan = plan_of(reboot, purpose="maintenance")
    consequences = Consequences(plan, cluster)
    (change,) = [c for c in consequences.meanwhile(reboot) if c[0] == "tron"]
    assert change[1] is State.UP and not change[2].serving
    assert consequences.afterwards(reboot) == ()


def test_a_preview_escapes_what_a_step_says(world: World, cluster: Topology) -> None:
    plan = plan_of(step(world.path, "vpc", "named", why="<script>x</script>"))
    assert "<script>" not in preview_html(plan, plan["vpc"], Consequences(plan, cluster), cluster)


def test_a_toggle_changes_the_verdict_and_back(cluster: Topology) -> None:
    panel = FailurePanel(cluster)
    panel.widget()
    panel._boxes["master-1"].value = True
    panel._boxes["master-2"].value = True
    assert "1 of 3 voters, 2 needed" in panel._verdicts.value
    assert panel.settle()
    assert 'alt="With master-1, master-2 down' in panel._image.value
    panel.reset()
    assert panel.settle()
    assert panel.down == ()
    assert not panel._boxes["master-1"].value


def test_the_slider_shows_the_states_of_that_moment(cluster: Topology) -> None:
    lane = Lane("etcd")
    lane.at(10.0, State.NO_LEADER, "master-1 is silent")
    lane.at(12.0, State.DEGRADED, "master-2 leads")
    seen = Timeline("observed", 60.0, (*lane.until(60.0), Interval("master-1", State.UP, 0, 60)))
    panel = IncidentPanel(cluster, seen)
    panel.widget()
    assert "● up" in panel._table.value
    panel._slider.value = 11.0
    assert "◇ no-leader" in panel._table.value and "master-1 is silent" in panel._table.value
    assert ("12 s: etcd degraded", 12.0) in panel.moments()


def test_a_chosen_scenario_is_simulated_and_the_same_choice_gives_the_same_table(cluster: Topology) -> None:
    files = [data_file("scenarios/lose-zone.yaml"), data_file("scenarios/lose-master.yaml")]
    panel = ScenarioPanel(cluster, files, "lose-zone", replicates=2)
    panel.choose("lose-master")
    first = panel.table()
    panel.choose("lose-zone")
    assert panel.table() != first
    panel.choose("lose-master")
    assert panel.table() == first
    assert "lose-master: 2 histories" in first


def test_a_machine_of_a_real_target_is_never_broken(cluster: Topology, tmp_path: Path) -> None:
    with pytest.raises(MeshlabError, match="real"):
        BreakPanel(cluster, Target(name="live", directory=tmp_path), tmp_path / "incident")


def test_without_a_recorded_incident_the_cells_below_say_what_to_press(
    cluster: Topology, target: Target, tmp_path: Path
) -> None:
    panel = BreakPanel(cluster, target, tmp_path / "incident")
    with pytest.raises(NotYet, match="press `Watch, and kill master-1`"):
        panel.result()


def test_a_gate_stops_a_notebook_with_one_line() -> None:
    assert NotYet("press Apply")._render_traceback_() == ["⏸ press Apply"]


def test_every_step_state_has_its_own_shape() -> None:
    assert len(set(STEP_MARKS.values())) == len(STEP_MARKS)
