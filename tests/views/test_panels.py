"""Panels without a browser: what they show, what they do, and what they refuse."""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "provision"))

from fake_world import CANARY, World, plan_of, quick_target, small_plan, step
from ipywidgets import Widget

from meshlab.incident.record import ABOUT, Incident
from meshlab.live.target import Target
from meshlab.model import Interval, Lane, MeshlabError, State, Timeline, Topology
from meshlab.model.spec import data_file, reference
from meshlab.provision.cluster.approval import NotApproved, phrase
from meshlab.provision.cluster.records import Outcome
from meshlab.provision.plan.plan import Plan
from meshlab.provision.plan.step import Effect
from meshlab.views.panels.breaking import BreakPanel
from meshlab.views.panels.bringup import BringUpPanel
from meshlab.views.panels.failures import FailurePanel
from meshlab.views.panels.incident import IncidentPanel
from meshlab.views.panels.parts.gate import NotYet
from meshlab.views.panels.parts.panel import STALE
from meshlab.views.panels.parts.step_preview import Consequences, preview_html
from meshlab.views.panels.parts.steps import STEP_MARKS
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
    assert f"{STEP_MARKS['done']} done" in panel.html() and "waiting" not in panel.html()
    assert panel._steps.stands == panel.steps
    assert panel._typed.value == "" and "type:" not in panel._ask.value
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


def test_the_hold_command_is_there_while_a_run_is_and_short(
    world: World, cluster: Topology, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(step(world.path, "one", "slow"), step(world.path, "two", "named", "one"))
    panel = panel_of(plan, cluster, target)
    assert panel.hold_command() == "" and "hold" not in panel.advice()
    panel.apply(phrase(plan))
    assert panel.hold_command() == f"meshlab hold {cluster.origin}"
    assert panel.hold_command() in panel.advice()
    (world.path / "gate").touch()
    done(panel, monkeypatch)
    assert panel.hold_command() == ""


def test_every_panel_that_dies_says_what_helps(world: World, cluster: Topology, target: Target) -> None:
    """The cell alone knows no name of the cells above it; a page that lost its way is mended by a reload."""
    for panel in (FailurePanel(cluster), panel_of(small_plan(world.path), cluster, target)):
        assert "Reload the page" in panel.advice() and "Run All Above" in panel.advice()


def test_the_words_to_type_stay_in_sight_until_they_are_not_needed(
    world: World, cluster: Topology, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = small_plan(world.path)
    panel = panel_of(plan, cluster, target)
    panel.widget()
    panel._typed.value = "yes"
    panel._apply.click()
    assert f"To approve this plan, type: <code>{phrase(plan)}</code>" in panel._ask.value
    panel._typed.value = phrase(plan)
    panel._apply.click()
    assert panel._typed.value == "" and "type exactly" not in panel._status.value
    assert f"Approved: <code>{phrase(plan)}</code>" in panel._ask.value
    done(panel, monkeypatch)


def test_what_grows_stands_below_what_is_pressed(world: World, cluster: Topology, target: Target) -> None:
    panel = panel_of(small_plan(world.path), cluster, target)
    children = list(panel.widget().children)
    controls = next(k for k, child in enumerate(children) if panel._hold in getattr(child, "children", ()))
    assert controls < children.index(panel._status)


def test_choosing_a_step_in_the_list_previews_it(world: World, cluster: Topology, target: Target) -> None:
    plan = small_plan(world.path)
    panel = panel_of(plan, cluster, target)
    panel.widget()
    for one in plan:
        panel._steps.chosen = one.id
        assert one.id in panel._preview.value


def test_a_machine_is_previewed_with_type_image_disk_and_address(cluster: Topology, world: World) -> None:
    account = step(world.path, "aws/preflight", "named", settings={"talos": "1.11.0"})
    template = step(
        world.path,
        "aws/launch-template",
        "named",
        "aws/preflight",
        settings={"instance_type": "m6i.xlarge", "volume_gib": 50},
    )
    launch = step(
        world.path,
        "aws/master-1",
        "named",
        "aws/launch-template",
        settings={"machine": "master-1", "address": "10.20.1.11"},
    )
    plan = plan_of(account, template, launch)
    told = preview_html(plan, launch, Consequences(plan, cluster), cluster)
    for wanted in ("type: m6i.xlarge", "image: Talos: 1.11.0", "disk, GiB: 50", "address: 10.20.1.11"):
        assert wanted in told
    assert told.index("costs") < told.index("effect on the model")


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
    assert panel.settle()
    assert 'alt="At 11 s: etcd ◇ no-leader"' in panel._image.value


def test_the_map_follows_the_slider_and_is_marked_until_it_has(
    cluster: Topology, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = Lane("etcd")
    lane.at(10.0, State.NO_LEADER)
    panel = IncidentPanel(cluster, Timeline("observed", 60.0, tuple(lane.until(60.0))))
    panel.widget()
    assert panel.settle()
    begun, gate, drawn, draw = threading.Event(), threading.Event(), [], panel._draw

    def slow(time: float) -> str:
        drawn.append(time)
        begun.set()
        assert gate.wait(60)
        return draw(time)

    panel._pictures._draw = slow
    panel._slider.value = 5.0
    assert begun.wait(60)
    for time in (8.0, 11.0, 12.5):
        panel._slider.value = time
        assert f"At {time:g} s" in panel._table.value
        assert STALE in panel._image._dom_classes
    gate.set()
    assert panel.settle()
    assert drawn == [5.0, 12.5]
    assert STALE not in panel._image._dom_classes and 'alt="At 12.5 s' in panel._image.value
    where = [re.search(r"left:([\d.]+)%", line) for line in (panel._now.value, panel._drawn.line(12.0))]
    assert all(where) and float(where[0].group(1)) > float(where[1].group(1))


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


def recorded(folder: Path) -> bytes:
    """Puts a small incident into a folder and gives what stands in its file."""
    lane = Lane("etcd")
    lane.at(10.0, State.NO_LEADER, "master-1 is silent")
    lane.at(12.0, State.UP, "master-2 leads")
    Incident("small", reference(), Timeline("observed", 60.0, tuple(lane.until(60.0)))).save(folder)
    return (folder / ABOUT).read_bytes()


def test_a_new_incident_gets_a_folder_of_its_own_and_the_recorded_one_stays(
    cluster: Topology, target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tmp_path / "incident"
    before = recorded(first)
    watched: list[Path] = []

    def watch(topology: Topology, target: Target, folder: Path, **_: object) -> None:
        watched.append(folder)
        recorded(folder)

    monkeypatch.setattr("meshlab.incident.watch.watch", watch)
    panel = BreakPanel(cluster, target, first)
    assert panel.recorded and panel.result() == first
    panel.widget()
    assert "gets the folder incident-2" in panel._status.value
    for count in (2, 3):
        panel._button.click()
        if panel._worker is not None:
            panel._worker.join(60)
        assert watched[-1] == panel.result() == tmp_path / f"incident-{count}"
    assert (first / ABOUT).read_bytes() == before


def test_what_heal_did_is_said(
    cluster: Topology, target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = BreakPanel(cluster, target, tmp_path / "incident")
    asked: list[dict[str, object]] = []

    def fault(body: dict[str, object]) -> str:
        asked.append(body)
        return "healed: master-1 lost power"

    monkeypatch.setattr(panel, "_fault", fault)
    panel.widget()
    heal = panel._whole.children[1].children[2]
    heal.click()
    assert asked == [{"fault": "heal"}]
    assert "● healed: master-1 lost power" in panel._status.value
    assert "sealed" in panel._status.value and "meshlab drift" in panel._status.value


def test_more_can_be_broken_than_a_machine(
    cluster: Topology, target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = BreakPanel(cluster, target, tmp_path / "incident", calm=1.0)
    panel.widget()
    panel._choice.value = next(
        blow for blow in panel.blows if blow.title == "the way us-east-1 - dc-1 is cut"
    )
    assert panel._button.description == "Watch, and cut us-east-1 - dc-1"
    dealt: list[dict[str, object]] = []
    monkeypatch.setattr(panel, "_fault", lambda body: dealt.append(body) or "cut")

    def watch(topology: Topology, target: Target, folder: Path, *, progress: Any, **_: object) -> None:
        for now in (0.5, 1.5, 2.5):
            progress(now, 3.0, "")
        recorded(folder)

    monkeypatch.setattr("meshlab.incident.watch.watch", watch)
    panel.start()
    if panel._worker is not None:
        panel._worker.join(60)
    assert dealt == [{"fault": "partition", "a": "us-east-1", "b": "dc-1"}]


def test_a_saved_notebook_tells_the_story_without_a_kernel(
    world: World, cluster: Topology, target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = done(panel_of(small_plan(world.path), cluster, target), monkeypatch)
    assert run._repr_mimebundle_()["text/html"].count("● done") == 4
    recorded(tmp_path / "incident")
    seen = Timeline.from_dict(json.loads((tmp_path / "incident" / "timeline.json").read_text()))
    broken = BreakPanel(cluster, target, tmp_path / "incident")._repr_mimebundle_()["text/html"]
    assert 'alt="Swim lanes of what was observed" src="data:image/png;base64,' in broken
    told = IncidentPanel(cluster, seen)._repr_mimebundle_()["text/html"]
    assert "<img" in told and "◇ no-leader" in told and "master-1 is silent" in told


def test_a_gate_stops_a_notebook_with_one_line() -> None:
    assert NotYet("press Apply")._render_traceback_() == ["○ press Apply"]


def test_every_step_state_has_its_own_shape() -> None:
    assert len(set(STEP_MARKS.values())) == len(STEP_MARKS)
