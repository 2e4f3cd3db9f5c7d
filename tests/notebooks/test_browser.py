"""The notebooks in a real browser: JupyterLab opened, controls clicked, results read, pictures taken."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from notebook_lab import Lab, axe, errors, inaccessible, look, page, run_all, unnamed, until

import needs
from own_time import PATIENCE_S

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("default::ResourceWarning"),
]
PLANNING = "01-capacity-planning.ipynb"
VALIDATION = "04-model-validation.ipynb"
OUTPUT = ".jp-OutputArea-output"
PATIENCE = 2 * PATIENCE_S
"""Seconds for a whole notebook on a machine with much else to do."""


def test_toggles_change_the_verdicts_and_a_dead_kernel_is_told(lab: Lab, tmp_path: Path) -> None:
    with page(lab, PLANNING) as shown:
        run_all(shown, PATIENCE)
        assert errors(shown) == []
        assert inaccessible(shown, OUTPUT) == []
        panel = shown.locator(".meshlab-failure-panel")
        verdicts = panel.locator("table.meshlab-verdicts")
        assert "no-quorum" not in verdicts.inner_text()
        assert unnamed(shown, ".meshlab-failure-panel") == []

        panel.get_by_label("master-1", exact=True).check()
        panel.get_by_label("master-2", exact=True).check()
        verdicts.get_by_text("no-quorum").first.wait_for()
        assert re.search(r"etcd\s+✖ no-quorum\s+1 of 3 voters, 2 needed", verdicts.inner_text())
        look(shown, ".meshlab-failure-panel", tmp_path / "failure.png")

        panel.get_by_label("master-1", exact=True).focus()
        shown.keyboard.press("Space")
        verdicts.get_by_text("one more loss ends it").first.wait_for()

        (kernel,) = lab.kernel_pids()
        os.kill(kernel, signal.SIGSTOP)
        try:
            panel.get_by_text("The kernel does not answer").wait_for()
            button = panel.get_by_role("button", name="Bring everything back", include_hidden=True)
            assert button.is_disabled()
            assert "Reload the page" in panel.inner_text() and "Run All Above" in panel.inner_text()
            look(shown, ".meshlab-failure-panel", tmp_path / "away.png")
        finally:
            os.kill(kernel, signal.SIGCONT)
        panel.get_by_text("The kernel does not answer").wait_for(state="detached")
        until(button.is_enabled, PATIENCE_S, "the button to come back")
        panel.get_by_label("discovery", exact=True).focus()
        shown.keyboard.press("Tab")
        ring = "() => getComputedStyle(document.activeElement).outlineWidth"
        assert button.evaluate("node => node === document.activeElement") and shown.evaluate(ring) == "3px"
        button.click()
        verdicts.get_by_text("With nothing down").wait_for()

        os.kill(kernel, signal.SIGKILL)
        panel.get_by_text("The kernel does not answer").wait_for()
        whatif = shown.locator(".meshlab-whatif-panel")
        whatif.get_by_text("The kernel does not answer").wait_for()
        assert whatif.get_by_role("button", name="Export the plan", include_hidden=True).is_disabled()


def test_another_scenario_is_played_when_it_is_chosen(lab: Lab, tmp_path: Path) -> None:
    with page(lab, PLANNING) as shown:
        run_all(shown, PATIENCE)
        panel = shown.locator(".meshlab-scenario-panel")
        assert unnamed(shown, ".meshlab-scenario-panel") == []
        panel.get_by_label("scenario").select_option("lose-two-masters")
        panel.get_by_label("histories").select_option("5")
        panel.get_by_text("lose-two-masters: 5 histories of 3 h each").wait_for()
        assert re.search(r"etcd\s*3\d min", panel.locator("table").text_content())
        look(shown, ".meshlab-scenario-panel", tmp_path / "scenario.png")
        shown.evaluate(
            "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
        )
        shown.wait_for_selector("body[data-jp-theme-light='false']", state="attached")
        look(shown, ".meshlab-scenario-panel", tmp_path / "scenario-dark.png")
        look(shown, ".meshlab-failure-panel", tmp_path / "failure-dark.png")
        assert inaccessible(shown, OUTPUT) == []
        _choose_twice_and_reload(shown)


def _choose_twice_and_reload(shown: Any) -> None:
    """JupyterLab sends what controls say over several subshells of the kernel: two callbacks run at once.

    After a reload the first message of a control may go by another way than the next; and a panel that was asked
    something long just before it must still be found.
    """
    for reloaded in (False, True):
        panel = shown.locator(".meshlab-scenario-panel")
        panel.get_by_label("histories").select_option("200")
        panel.get_by_label("scenario").select_option("lose-two-masters")
        panel.get_by_text("simulating lose-two-masters").wait_for()
        if not reloaded:
            shown.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
            shown.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
            shown.reload()
            panel = shown.locator(".meshlab-scenario-panel")
            panel.get_by_label("scenario").wait_for(timeout=2_000 * PATIENCE_S)
        panel.get_by_label("scenario").select_option("lose-zone")
        panel.get_by_text("lose-zone simulated").wait_for(timeout=2_000 * PATIENCE_S)
        assert "lose-zone: 200 histories" in panel.locator("table").inner_text()
        assert "lose-zone" in panel.locator("img").get_attribute("alt")
    assert shown.get_by_text("model not found").count() == 0


def test_a_notebook_that_was_only_opened_is_not_changed(lab: Lab) -> None:
    with page(lab, VALIDATION) as shown:
        assert not shown.evaluate("() => window.jupyterapp.shell.currentWidget.context.model.dirty")
        docs = shown.locator(".jp-MarkdownOutput a, .jp-RenderedMarkdown a", has_text="docs/validation.md")
        docs.click()
        shown.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget?.context?.path === 'docs/validation.md'"
        )


def test_panels_were_looked_at_by_axe() -> None:
    if axe() is None:
        needs.skip("axe-core")


def test_a_slider_moves_every_answer_and_the_plan_is_exported(lab: Lab, tmp_path: Path) -> None:
    with page(lab, PLANNING, height=1300) as shown:
        run_all(shown, PATIENCE)
        assert errors(shown) == []
        panel = shown.locator(".meshlab-whatif-panel")
        assert unnamed(shown, ".meshlab-whatif-panel") == []
        answer, room = panel.locator(".meshlab-answer"), panel.locator("table.meshlab-room")
        first, years = _first_to_run_out(answer.inner_text())
        look(shown, ".meshlab-whatif-panel", tmp_path / "whatif.png")

        panel.get_by_role("slider", name="growth, times").focus()
        for _ in range(10):
            shown.keyboard.press("ArrowRight")
        until(
            lambda: abs(_first_to_run_out(answer.inner_text())[1] - years / 2) < 0.1,
            PATIENCE_S,
            "twice the growth to be answered",
        )
        assert first in room.inner_text().replace(", ", "'s ")

        panel.get_by_role("slider", name="more workers").focus()
        shown.keyboard.press("ArrowRight")
        room.get_by_text("worker-4, ").first.wait_for()
        assert re.search(r"total.*\+\d{3}", panel.locator("table.meshlab-cost").text_content())
        look(shown, ".meshlab-whatif-panel", tmp_path / "whatif-turned.png")

        panel.get_by_role("button", name="Export the plan").click()
        panel.get_by_role("link", name="../out/capacity-plan.html").wait_for(timeout=2_000 * PATIENCE_S)
        written = lab.root.parent / "out" / "capacity-plan.html"
        told = re.sub("<[^>]*>", "", written.read_text(encoding="utf-8"))
        assert "reference.yaml, changed: growth x 2, 1 more worker, for 24 months" in told
        assert (written.parent / "capacity-plan.md").exists()
        _follow_a_number(shown.context.browser, written, tmp_path / "plan.png")

        shown.evaluate(
            "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
        )
        shown.wait_for_selector("body[data-jp-theme-light='false']", state="attached")
        look(shown, ".meshlab-whatif-panel", tmp_path / "whatif-dark.png")
        shown.evaluate(
            "() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})"
        )

        shown.locator(".meshlab-links a", has_text="decision.html").click()
        opened = "() => window.jupyterapp.shell.currentWidget?.context?.path === 'out/decision.html'"
        shown.wait_for_function(opened)


def _first_to_run_out(answer: str) -> tuple[str, float]:
    found = re.search(r"(\S+'s [^.]*) is used up first, in ([\d.]+) y", answer)
    assert found, answer
    return found.group(1), float(found.group(2))


def _follow_a_number(browser: Any, written: Path, picture: Path) -> None:
    """Opens the exported page and follows its first figure of downtime to its method and its sources."""
    plan = browser.new_page(viewport={"width": 1280, "height": 1000})
    asked: list[str] = []
    plan.on("request", lambda request: asked.append(request.url))
    plan.goto(written.as_uri())
    plan.screenshot(path=str(picture))
    plan.locator("a.n", has_text="min (").first.click()
    basis = plan.locator(f"[id='{plan.url.split('#')[1]}']")
    assert "Exact availability" in basis.inner_text()
    basis.get_by_role("link", name=re.compile(r"^S\d+$")).first.click()
    assert "failures" in plan.locator(f"[id='{plan.url.split('#')[1]}']").inner_text()
    assert all(url.startswith(("file:", "data:")) for url in asked)
    plan.close()


def test_another_cell_and_another_quantity_are_drawn_when_they_are_chosen(lab: Lab, tmp_path: Path) -> None:
    with page(lab, VALIDATION) as shown:
        run_all(shown, PATIENCE)
        assert errors(shown) == []
        assert inaccessible(shown, OUTPUT) == []
        panel = shown.locator(".meshlab-validation-panel")
        assert unnamed(shown, ".meshlab-validation-panel") == []
        status = panel.get_by_role("status").last
        assert "until there is a new leader" in status.inner_text()
        before = panel.locator("img").get_attribute("src")

        panel.get_by_label("quantity").select_option("until a pod answers as active")
        panel.get_by_text("kill, 3 members: until a pod answers as active").wait_for()
        other = panel.locator("img").get_attribute("src")
        assert other != before
        look(shown, ".meshlab-validation-panel", tmp_path / "vault.png")

        panel.get_by_label("cell").select_option("WireGuard: partition for 200 to 210 s")
        panel.get_by_text("partition for 200 to 210 s: from the heal until packets come through").wait_for()
        assert panel.locator("img").get_attribute("src") not in (before, other)
        assert "from the fault until packets come through" in panel.locator("table").inner_text()
        look(shown, ".meshlab-validation-panel", tmp_path / "mesh.png")
        table = shown.locator("table", has_text="every kill was followed by a new leader").first
        assert table.inner_text().count("yes") == 5
