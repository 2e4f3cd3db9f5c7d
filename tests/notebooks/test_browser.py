"""The notebooks in a real browser: JupyterLab opened, controls clicked, results read, pictures taken."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from notebook_lab import Lab, errors, look, page, run_all, unnamed, until

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("default::ResourceWarning")]
PLANNING = "01-capacity-planning.ipynb"
VALIDATION = "04-model-validation.ipynb"


def test_toggles_change_the_verdicts_and_a_dead_kernel_is_told(lab: Lab, tmp_path: Path) -> None:
    with page(lab, PLANNING) as shown:
        run_all(shown)
        assert errors(shown) == []
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
            panel.get_by_text("The kernel does not answer").wait_for(timeout=10_000)
            button = panel.get_by_role("button", name="Bring everything back", include_hidden=True)
            assert button.is_disabled()
            assert "Run this cell again" in panel.inner_text()
            look(shown, ".meshlab-failure-panel", tmp_path / "away.png")
        finally:
            os.kill(kernel, signal.SIGCONT)
        panel.get_by_text("The kernel does not answer").wait_for(state="detached", timeout=10_000)
        until(button.is_enabled, 5, "the button to come back")
        button.click()
        verdicts.get_by_text("With nothing down").wait_for()

        os.kill(kernel, signal.SIGKILL)
        panel.get_by_text("The kernel does not answer").wait_for(timeout=15_000)


def test_another_scenario_is_played_when_it_is_chosen(lab: Lab, tmp_path: Path) -> None:
    with page(lab, PLANNING) as shown:
        run_all(shown)
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


def test_another_cell_and_another_quantity_are_drawn_when_they_are_chosen(lab: Lab, tmp_path: Path) -> None:
    with page(lab, VALIDATION) as shown:
        run_all(shown, 300.0)
        assert errors(shown) == []
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
