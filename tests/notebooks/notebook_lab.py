"""A JupyterLab of its own for a test, and a person's hands in it: open, run, click, read."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from own_time import PATIENCE_S

START_S = PATIENCE_S


def chromium() -> str | None:
    """Gives the browser's path; None where there is none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def axe() -> str | None:
    """Gives the text of axe-core, which knows what a screen reader and a keyboard need; None where it is not there."""
    if importlib.util.find_spec("axe_playwright_python") is None:
        return None
    return (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


class Lab:
    """A running JupyterLab: its address, its token, its process. It serves the folder above the notebooks."""

    def __init__(self, root: Path, scratch: Path, env: dict[str, str] | None = None) -> None:
        self.root = root
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.token = secrets.token_hex(16)
        scratch.mkdir(parents=True, exist_ok=True)
        self.log = scratch / "lab.log"
        places = {
            name: str(scratch / name.lower())
            for name in (
                "JUPYTER_CONFIG_DIR",
                "JUPYTER_RUNTIME_DIR",
                "JUPYTERLAB_SETTINGS_DIR",
                "JUPYTERLAB_WORKSPACES_DIR",
                "IPYTHONDIR",
            )
        }
        quiet = Path(places["JUPYTER_CONFIG_DIR"]) / "labconfig" / "page_config.json"
        quiet.parent.mkdir(parents=True)
        quiet.write_text(
            json.dumps({"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}})
        )
        # Every cell stays in the page, also those that are scrolled away.
        tracker = Path(places["JUPYTERLAB_SETTINGS_DIR"]) / "@jupyterlab" / "notebook-extension"
        tracker.mkdir(parents=True)
        (tracker / "tracker.jupyterlab-settings").write_text(json.dumps({"windowingMode": "none"}))
        arguments = [
            f"--ServerApp.root_dir={root.parent}",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={self.port}",
            "--ServerApp.port_retries=0",
            "--ServerApp.open_browser=False",
            "--ServerApp.allow_root=True",
            f"--IdentityProvider.token={self.token}",
            "--LabApp.expose_app_in_browser=True",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            "--LabApp.news_url=None",
        ]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **places, **(env or {})},
                cwd=root.parent,
            )
        try:
            until(lambda: self._answers(), START_S, "JupyterLab", self._why)
        except BaseException:
            self.stop()
            raise

    def _answers(self) -> bool:
        assert self.process.poll() is None, self._why()
        try:
            self.api("status")
        except OSError:
            return False
        return True

    def _why(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]

    def api(self, path: str, method: str = "GET") -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/{path}",
            method=method,
            headers={"Authorization": f"token {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def url(self, notebook: str) -> str:
        return f"http://127.0.0.1:{self.port}/lab/tree/{self.root.name}/{notebook}?token={self.token}&reset"

    def kernel_pids(self) -> list[int]:
        import psutil

        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):  # it has just ended
                if "ipykernel_launcher" in " ".join(child.cmdline()):
                    found.append(child.pid)
        return found

    def stop(self) -> None:
        import psutil

        children = []
        if self.process.poll() is None:
            children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        for child in psutil.wait_procs(children, 5)[1]:
            child.kill()


def until(holds: Callable[[], bool], seconds: float, what: str, why: Callable[[], str] = lambda: "") -> None:
    """Polls until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"{what} took more than {seconds:.0f} s. {why()}"
        time.sleep(0.1)


@contextmanager
def page(lab: Lab, notebook: str, *, width: int = 1400, height: int = 1000) -> Iterator[Any]:
    """Gives a browser's page with a notebook open; afterwards nothing may have been asked of anyone else."""
    from playwright.sync_api import sync_playwright

    asked: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=chromium(),
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--no-first-run",
            ],
        )
        try:
            shown = browser.new_page(viewport={"width": width, "height": height})
            shown.set_default_timeout(PATIENCE_S * 1000)
            shown.on("request", lambda request: asked.append(request.url))
            shown.goto(lab.url(notebook))
            shown.wait_for_selector(".jp-Notebook .jp-Cell")
            shown.wait_for_function(
                "() => window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
            )
            shown.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
            yield shown
        finally:
            browser.close()
    local = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "about:")
    foreign = [url for url in asked if not url.startswith(local)]
    assert asked and not foreign, f"the page asked others: {foreign}"


def run_all(shown: Any, seconds: float = 2 * PATIENCE_S) -> None:
    """Runs every cell and waits until the kernel is done with them."""
    shown.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    shown.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    shown.wait_for_function(
        """() => {
            const panel = window.jupyterapp.shell.currentWidget;
            const cells = [...panel.content.model.cells].filter(c => c.type === 'code');
            const failed = (c) => [...Array(c.outputs.length).keys()].some(i => c.outputs.get(i).type === 'error');
            return panel.sessionContext.session.kernel.status === 'idle'
                && (cells.some(failed) || cells.every(c => c.executionCount > 0));
        }""",
        timeout=seconds * 1000,
    )


def outputs(shown: Any) -> list[dict[str, Any]]:
    """Gives all outputs of the notebook's cells, in order."""
    found: list[dict[str, Any]] = shown.evaluate(
        """() => [...window.jupyterapp.shell.currentWidget.content.model.cells].filter(c => c.type === 'code')
            .flatMap(c => [...Array(c.outputs.length).keys()].map(i => c.outputs.get(i).toJSON()))"""
    )
    return found


def errors(shown: Any) -> list[str]:
    """Gives the tracebacks that the notebook shows."""
    return ["\n".join(o["traceback"]) for o in outputs(shown) if o["output_type"] == "error"]


def look(shown: Any, selector: str, path: Path) -> None:
    """Takes a picture of one part of the page."""
    part = shown.locator(selector).first
    part.scroll_into_view_if_needed()
    part.screenshot(path=str(path))


def unnamed(shown: Any, selector: str) -> list[str]:
    """Gives the controls of a part of the page that have no name for a screen reader."""
    text = shown.locator(selector).first.aria_snapshot()
    kinds = ("checkbox", "slider", "combobox", "textbox", "button", "spinbutton", "progressbar", "img")
    lines = [line.strip().removeprefix("- ") for line in text.splitlines()]
    return [
        line for line in lines if line.split(" ")[0].rstrip(":") in kinds and '"' not in line.split(":")[0]
    ]


def inaccessible(shown: Any, selector: str) -> list[str]:
    """Gives what axe-core finds serious or critical in parts of the page; nothing where there is no axe-core."""
    script = axe()
    if script is None:
        return []
    shown.evaluate(script)
    found: list[str] = shown.evaluate(
        """async (selector) => {
            const parts = [...document.querySelectorAll(selector)];
            const result = await axe.run({include: parts}, {resultTypes: ["violations"]});
            return result.violations.filter(v => ["serious", "critical"].includes(v.impact) || v.id === "heading-order"
                    || v.id === "empty-table-header")
                .flatMap(v => v.nodes.map(n => `${v.impact} ${v.id}: ${n.html.slice(0, 200)}`));
        }""",
        selector,
    )
    return found
