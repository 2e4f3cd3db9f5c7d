"""Bring-up and post-mortem on one embedded cluster: by a person in a browser, then headless from top to bottom.

The cluster is brought up once: in the browser where there is one, else by notebook 02 itself.
"""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from notebook_lab import Lab, chromium, errors, inaccessible, look, outputs, page, run_all, unnamed, until

import needs
from meshlab.emulate import lifecycle
from meshlab.live.target import Target
from meshlab.provision.cluster.strongbox import Strongbox
from meshlab.provision.cluster.workspace import Workspace
from own_time import PATIENCE_S

pytestmark = [
    pytest.mark.embedded,
    pytest.mark.filterwarnings("default::ResourceWarning"),
]
BRING_UP, POST_MORTEM = "02-guided-bring-up", "03-incident-post-mortem"
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Seen:
    """What a person saw in the browser on the way to a cluster."""

    folder: Path
    pictures: Path
    gate: str = ""
    alert: str = ""
    held: str = ""
    dead: str = ""
    reattached: str = ""
    status: str = ""
    steps: str = ""
    claims: str = ""
    unnamed: list[str] = field(default_factory=list)
    inaccessible: list[str] = field(default_factory=list)
    too_wide: bool = False
    hold_at: list[float] = field(default_factory=list)
    followed: float = 0.0
    calls: tuple[int, int] = (0, 0)
    by_hand: bool = False


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the notebooks, and a state directory of its own for the embedded cluster."""
    if taken():
        needs.skip("free addresses")
    scratch = tmp_path_factory.mktemp("world")
    folder = scratch / "project" / "notebooks"
    folder.mkdir(parents=True)
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(path, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MESHLAB_STATE", str(scratch / "state"))
        patch.delenv("MESHLAB_APPROVE", raising=False)
        yield folder
        lifecycle.down()


@pytest.fixture(scope="module")
def cluster(place: Path, script: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    seen = Seen(place, tmp_path_factory.mktemp("pictures"))
    if chromium() is None:
        execute(script, BRING_UP, place)
        return seen
    server = Lab(place, place.parent.parent)
    try:
        by_hand(server, seen)
    finally:
        server.stop()
    return seen


def taken() -> bool:
    """Whether another embedded cluster has the addresses of the reference cluster."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.20.1.11", 50000)) == 0 or probe.connect_ex(("127.40.0.11", 50000)) == 0


def execute(script: ModuleType, name: str, place: Path) -> Any:
    """Runs a notebook with the approval from outside; its widgets' state is kept for the search for secrets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MESHLAB_APPROVE", "embedded")
        return script.execute(script.from_source(name), place, state=True)


def mutating_calls() -> int:
    """Gives how many calls changed something in the emulated cloud so far."""
    lines = (lifecycle.state_dir() / "aws-requests.jsonl").read_text().splitlines()
    return sum(bool(json.loads(line)["mutating"]) for line in lines)


def by_hand(server: Lab, seen: Seen) -> None:
    """What a person does in notebook 02: reads, types the approval, applies, holds, loses the kernel, resumes."""
    with page(server, f"{BRING_UP}.ipynb") as shown:
        run_all(shown)
        panel = shown.locator(".meshlab-bringup-panel")
        (seen.gate,) = errors(shown)
        panel.scroll_into_view_if_needed()
        panel.get_by_role("option", name="Initialise Vault, once").click()
        panel.get_by_text("never retried blindly").wait_for()
        steps = panel.get_by_role("listbox")
        steps.focus()
        shown.keyboard.press("Home")
        panel.locator(".meshlab-preview", has_text="Look at the account").wait_for()
        seen.unnamed = unnamed(shown, ".meshlab-bringup-panel")
        seen.inaccessible = inaccessible(shown, ".jp-OutputArea-output")
        seen.too_wide = too_wide(shown, ".meshlab-bringup-panel")
        look(shown, ".meshlab-bringup-panel", seen.pictures / "plan.png")

        field_, apply = panel.get_by_label("approval"), panel.get_by_role("button", name="Apply")
        field_.fill("go")
        apply.click()
        panel.get_by_role("alert").filter(has_text="type exactly").wait_for()
        seen.alert = panel.get_by_role("alert").filter(has_text="type exactly").text_content()
        field_.fill(panel.locator(".meshlab-words code").text_content())
        seen.hold_at.append(top_of(panel, "Hold"))
        status = panel.locator(".meshlab-status")
        for _ in range(100):  # a click at the same moment may overtake the words; a person clicks again
            apply.click()
            shown.wait_for_timeout(1_000)
            if "Nothing was applied yet" not in status.text_content():
                break

        ready = panel.get_by_role("option", name="Wait for all nodes to be Ready").locator(".done, .adopted")
        until(
            lambda: ready.count() > 0 or "Failed" in status.text_content(),
            2 * PATIENCE_S,
            "the nodes",
            lambda: str(status.text_content()),
        )
        assert ready.count(), status.text_content()
        seen.hold_at.append(top_of(panel, "Hold"))
        seen.followed = steps.evaluate("list => list.scrollTop")
        panel.get_by_role("button", name="Hold").click()
        panel.locator(".meshlab-status", has_text="Held").wait_for()
        look(shown, ".meshlab-bringup-panel", seen.pictures / "held.png")
        seen.held = panel.locator(".meshlab-status").text_content()

        (kernel,) = server.kernel_pids()
        os.kill(kernel, signal.SIGKILL)
        panel.get_by_text("The kernel does not answer").wait_for()
        seen.dead = panel.locator(".meshlab-notice").text_content()
        look(shown, ".meshlab-bringup-panel", seen.pictures / "dead.png")
        until(lambda: server.kernel_pids() not in ([], [kernel]), PATIENCE_S, "the kernel's restart")
        dialog = shown.get_by_role("dialog")
        if dialog.count():
            shown.keyboard.press("Escape")
        shown.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'"
        )

        run_all(shown)
        panel = shown.locator(".meshlab-bringup-panel")
        panel.locator(".meshlab-status", has_text="Held").wait_for()
        seen.reattached = panel.locator(".meshlab-status").text_content()
        panel.get_by_role("button", name="Resume").click()
        panel.locator(".meshlab-status", has_text="Done and verified").wait_for(timeout=2_000 * PATIENCE_S)
        seen.status = panel.locator(".meshlab-status").text_content()
        seen.steps = panel.locator(".meshlab-step-list").text_content()
        look(shown, ".meshlab-bringup-panel", seen.pictures / "done.png")

        before = mutating_calls()
        run_all(shown)
        seen.calls = (before, mutating_calls())
        assert errors(shown) == []
        tables = [str(o.get("data", {}).get("text/html", "")) for o in outputs(shown)]
        seen.claims = next(text for text in tables if "all etcd members follow one leader" in text)
        seen.by_hand = True


@pytest.fixture
def by_browser(cluster: Seen) -> Seen:
    if not cluster.by_hand:
        needs.skip("Chromium")
    return cluster


@pytest.mark.browser
def test_the_panel_asks_for_the_words_and_says_so_when_they_are_wrong(by_browser: Seen) -> None:
    assert "nothing was applied yet: type `apply " in by_browser.gate
    assert re.search(r"type exactly: apply [0-9a-f]{8}", by_browser.alert)
    assert by_browser.unnamed == []


@pytest.mark.browser
def test_a_held_run_survives_its_kernel_and_is_attached_to_again(by_browser: Seen) -> None:
    assert "Held: nothing more is started until Resume" in by_browser.held
    assert "attaching again applies nothing twice" in by_browser.dead and "meshlab hold " in by_browser.dead
    assert "Held" in by_browser.reattached


@pytest.mark.browser
def test_apply_in_the_browser_brings_every_step_to_done(by_browser: Seen) -> None:
    assert re.search(r"Done and verified; (\d+) of \1 steps", by_browser.status)
    assert "waiting" not in by_browser.steps and "✖" not in by_browser.steps
    assert "● yes" in by_browser.claims and "✖" not in by_browser.claims


@pytest.mark.browser
def test_the_panel_stays_still_follows_its_steps_and_needs_no_mouse(by_browser: Seen) -> None:
    assert by_browser.inaccessible == []
    assert not by_browser.too_wide
    assert len(set(by_browser.hold_at)) == 1
    assert by_browser.followed > 0


@pytest.mark.browser
def test_running_all_cells_again_calls_nothing_that_changes(by_browser: Seen) -> None:
    before, after = by_browser.calls
    assert before == after > 10


def test_bring_up_comes_out_as_it_is_kept_and_changes_nothing_the_second_time(
    cluster: Seen, script: ModuleType
) -> None:
    before = mutating_calls()
    executed = execute(script, BRING_UP, cluster.folder)
    assert mutating_calls() == before
    assert secrets_in(executed) == []
    assert script.differences(script.committed(BRING_UP), script.stripped(executed)) == []


def test_post_mortem_names_the_machine_that_was_killed(cluster: Seen, script: ModuleType) -> None:
    executed = execute(script, POST_MORTEM, cluster.folder)
    assert secrets_in(executed) == []
    assert "Most likely: master-1" in json.dumps(executed)
    assert script.differences(script.committed(POST_MORTEM), script.stripped(copy.deepcopy(executed))) == []
    assert (cluster.folder.parent / "out" / "incident-notebook" / "report.html").stat().st_size > 50_000


@pytest.mark.browser
def test_the_slider_shows_another_moment(by_browser: Seen) -> None:
    """Comes after the post-mortem: its incident is recorded, so nothing is broken again."""
    assert (by_browser.folder.parent / "out" / "incident-notebook" / "incident.json").exists()
    server = Lab(by_browser.folder, by_browser.folder.parent.parent / "second")
    try:
        with page(server, f"{POST_MORTEM}.ipynb") as shown:
            run_all(shown)
            panel = shown.locator(".meshlab-incident-panel")
            panel.scroll_into_view_if_needed()
            moment = panel.locator("table.meshlab-moment")
            assert re.search(r"master-1\s*● up", moment.text_content())
            until(lambda: unnamed(shown, ".meshlab-incident-panel") == [], 10, "a name of each control")
            handle = panel.get_by_role("slider", name="time (s)")
            handle.focus()
            for _ in range(6):
                shown.keyboard.press("PageUp")
            until(lambda: "● up" not in row(moment.text_content()), 20, "the table of another moment")
            look(shown, ".meshlab-incident-panel", by_browser.pictures / "incident.png")
            look(shown, ".meshlab-break-panel", by_browser.pictures / "break.png")
            assert inaccessible(shown, ".jp-OutputArea-output") == []
            assert smallest_text(shown, ".meshlab-incident-panel") >= 9.0
    finally:
        server.stop()


def top_of(panel: Any, name: str) -> float:
    """Gives how far below the panel's top a button stands."""
    box, button = panel.bounding_box(), panel.get_by_role("button", name=name).bounding_box()
    return round(button["y"] - box["y"], 1)


def too_wide(shown: Any, selector: str) -> bool:
    """Whether a part of the page, or anything in it, has to be scrolled sideways."""
    found: bool = shown.locator(selector).first.evaluate(
        """node => [node, ...node.querySelectorAll("*")].some(n => n.scrollWidth > n.clientWidth + 1
            && ["auto", "scroll"].includes(getComputedStyle(n).overflowX))"""
    )
    return found


def smallest_text(shown: Any, selector: str) -> float:
    """Gives the height in pixels of a text of 6.5 points, the smallest there is, in the pictures of a panel."""
    found: float = shown.locator(selector).first.evaluate(
        """node => Math.min(...[...node.querySelectorAll("img")].map(
            img => 6.5 * img.clientWidth / (img.naturalWidth * 72 / 96)))"""
    )
    return found


def row(text: str) -> str:
    """Gives what the table says was observed of master-1."""
    found = re.search(r"master-1(\S+ \S+?)(?=[●◐▷△◇✚■✖▼–])", text)
    return found.group(1) if found else "● up"


def secrets_in(notebook: Any) -> list[str]:
    """Gives the names of the strongbox's secrets of which a piece stands anywhere in a notebook."""
    workspace = Workspace.of(Target.embedded(), "hybrid")
    box = Strongbox(workspace.strongbox, workspace.strongbox_key)
    text = json.dumps(notebook)
    assert box.names() and "hybrid" in text
    found = []
    for name in box.names():
        pieces = re.findall(r"[A-Za-z0-9+/=_]{20,}", box.need(name).reveal_bytes().decode(errors="replace"))
        if any(piece in text for piece in pieces):
            found.append(name)
    return found
