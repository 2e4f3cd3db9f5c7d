"""Fixtures of the provisioning tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "emulate"))

from fake_world import World, quick_target

from meshlab.live.target import Target
from meshlab.model import Topology
from meshlab.model.spec import reference


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "world")


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return quick_target(tmp_path / "state")


@pytest.fixture(scope="session")
def cluster() -> Topology:
    return reference()


@pytest.fixture
def fake_runner() -> tuple[str, str]:
    return (sys.executable, str(Path(__file__).parent / "fake_runner.py"))
