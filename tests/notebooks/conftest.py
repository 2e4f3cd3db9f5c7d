"""Fixtures of the notebook tests: a JupyterLab, the script that makes the notebooks."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from notebook_lab import Lab, chromium

import needs

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("notebooks_script", ROOT / "scripts" / "notebooks.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def browser() -> str:
    needs.package("playwright", "playwright")
    found = chromium()
    if found is None:
        needs.skip("Chromium")
    return found


@pytest.fixture(scope="module")
def lab(browser: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab on a copy of the notebooks and the docs, so that nothing is written beside the originals."""
    scratch = tmp_path_factory.mktemp("lab")
    root = scratch / "project" / "notebooks"
    root.mkdir(parents=True)
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(path, root)
    shutil.copytree(ROOT / "docs", root.parent / "docs")
    server = Lab(root, scratch)
    yield server
    server.stop()
