"""`meshlab hold`: the durable flag of a run, set and taken away from a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_world import World, small_plan

from meshlab.commands.bringup.holding import hold
from meshlab.live.target import Target
from meshlab.model import InputError
from meshlab.model.spec import data_file
from meshlab.provision.cluster.journal import Journal
from meshlab.provision.cluster.workspace import Workspace


@pytest.fixture
def where(target: Target, tmp_path: Path) -> str:
    path = tmp_path / "target.json"
    target.save(path)
    return str(path)


def test_an_open_run_is_held_and_released(
    world: World, target: Target, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = small_plan(world.path)
    with Journal(Workspace.of(target, "hybrid").journal) as journal:
        journal.begin(plan.run, plan.hash, plan.purpose, plan.serial)
        hold(data_file("reference.yaml"), where, as_json=True)
        assert journal.held
        assert json.loads(capsys.readouterr().out) == {"run": plan.run, "held": True, "runner_alive": False}
        hold(data_file("reference.yaml"), where, release=True)
        assert not journal.held
        assert "the command that started the run goes on with it" in capsys.readouterr().out


def test_without_an_open_run_there_is_nothing_to_hold(where: str) -> None:
    with pytest.raises(InputError, match="no run of hybrid is open"):
        hold(data_file("reference.yaml"), where)
