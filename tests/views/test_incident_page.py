"""An incident as one page: it needs no kernel, asks nobody, and shows each moment as the panel does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import needs
from meshlab.model import Timeline
from meshlab.model.spec import data_file, reference
from meshlab.simulate import load_scenario, simulate
from meshlab.views.incident_page import incident_page
from meshlab.views.panels.incident import IncidentPanel


@pytest.fixture(scope="module")
def panel() -> IncidentPanel:
    cluster = reference()
    lost = load_scenario(data_file("scenarios/lose-master.yaml"), cluster)
    predicted = simulate(cluster, lost, replicates=3).typical()
    return IncidentPanel(cluster, Timeline("observed", predicted.horizon, predicted.intervals), predicted)


@pytest.fixture(scope="module")
def page(panel: IncidentPanel) -> str:
    return incident_page(panel, "A <master> is lost", "It lost its power.")


def frames(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="frames">(.*?)</script>', page, re.DOTALL)
    assert found
    return dict(json.loads(found.group(1)))


def test_every_moment_of_the_panel_is_in_the_page(panel: IncidentPanel, page: str) -> None:
    found = frames(page)
    assert found["times"] == [0.0, *(time for _, time in panel.moments())]
    assert found["words"] == [panel.words(time) for time in found["times"]]
    assert found["tables"] == [panel.table(time) for time in found["times"]]
    assert len(set(found["maps"])) == len(found["maps"]) > 1
    assert all(0 <= which < len(found["maps"]) for which in found["map"])


def test_the_page_needs_nothing_and_asks_nobody(page: str) -> None:
    assert "A &lt;master&gt; is lost" in page and "<master>" not in page
    assert not re.search(r'(?:src|href)="(?!data:)', page)
    assert "default-src 'none'" in page


def test_the_slider_shows_another_moment_without_a_kernel(
    panel: IncidentPanel, page: str, tmp_path: Path
) -> None:
    play = needs.package("playwright.sync_api", "playwright")
    import shutil

    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        needs.skip("Chromium")
    (tmp_path / "incident.html").write_text(page, encoding="utf-8")
    with play.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        shown = opened.new_page(viewport={"width": 1400, "height": 1000})
        problems: list[str] = []
        shown.on("pageerror", lambda error: problems.append(str(error)))
        shown.goto((tmp_path / "incident.html").as_uri())
        shown.get_by_role("slider", name="moment").focus()
        shown.keyboard.press("Home")
        assert shown.locator("#words").inner_text() == panel.words(0.0)
        for time in frames(page)["times"][1:4]:
            shown.get_by_role("button", name="next change").press("Enter")
            assert shown.locator("#words").inner_text() == panel.words(time)
            assert shown.locator("#map").get_attribute("alt") == panel.words(time)
        shown.screenshot(path=str(tmp_path / "page.png"))
        opened.close()
    assert problems == []
