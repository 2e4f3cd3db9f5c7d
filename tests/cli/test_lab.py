"""`meshlab lab`: what is served, and how."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from meshlab.commands.road import lab_command, lab_environment


def test_the_folder_above_the_notebooks_is_served_so_that_what_they_write_opens(tmp_path: Path) -> None:
    command = lab_command(tmp_path / "notebooks", ["--port=9000", "--no-browser", "--allow-root"])
    assert f"--ServerApp.root_dir={tmp_path}" in command
    assert "--LabApp.default_url=/lab/tree/notebooks" in command
    assert {"--port=9000", "--no-browser", "--allow-root"} <= set(command)


def test_a_browser_opens_and_root_is_refused_unless_said_otherwise(tmp_path: Path) -> None:
    command = lab_command(tmp_path, [])
    assert not {"--no-browser", "--allow-root"} & set(command)


def test_no_question_covers_the_first_picture_and_own_settings_still_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/mine")
    paths = lab_environment(tmp_path)["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    assert paths == [str(tmp_path), "/mine"]
    page = json.loads((tmp_path / "labconfig" / "page_config.json").read_text())
    assert page["disabledExtensions"] == {"@jupyterlab/apputils-extension:announcements": True}
