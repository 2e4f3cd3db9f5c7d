"""The committed results: each is a whole document, and docs/validation.md says what they say."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import jsonschema
import pytest

from meshlab.validation import stored
from meshlab.validation.setting import Setting

ROOT = Path(__file__).resolve().parents[2]
RESULTS = sorted((ROOT / "data" / "validation").glob("*.json"))
SCHEMA = json.loads((Path(__file__).parent / "result.schema.json").read_text())


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("validation_script", ROOT / "scripts" / "validation.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_results_of_every_fault_of_both_systems() -> None:
    found = {(d["system"], d["fault"]) for d in (json.loads(p.read_text())["setting"] for p in RESULTS)}
    for fault in ("kill", "kill-follower", "pause", "partition", "partition-one-way", "disk-stall"):
        assert ("etcd", fault) in found
    for fault in ("partition", "partition-one-way", "restart"):
        assert ("mesh", fault) in found
    for fault in ("kill", "kill-machine"):
        assert ("api", fault) in found
    for fault in ("kill", "kill-before-promotion", "full-restart", "seal-after-restart"):
        assert ("vault", fault) in found


@pytest.mark.parametrize("path", RESULTS, ids=[p.stem for p in RESULTS])
def test_a_result_is_whole_and_its_name_is_its_settings(path: Path) -> None:
    document = json.loads(path.read_text())
    jsonschema.validate(document, SCHEMA)
    assert Setting(**document["setting"]).slug == path.stem
    assert path.stat().st_size < 60_000


def test_the_page_says_what_the_results_say(script: ModuleType) -> None:
    assert script.PAGE.read_text() == script.page(), "run: python scripts/validation.py write"


def test_the_leadership_targets_are_met_by_the_committed_results(script: ModuleType) -> None:
    goals = dict(stored.goals(stored.compared()))
    kills = next(results for title, results in goals.items() if title.startswith("leader kill, 3 and 5"))
    assert len(kills) >= 4 and sum(met for _, _, met in kills) >= 4
    vault = next(results for title, results in goals.items() if title.startswith("Vault"))
    assert vault and all(met for _, _, met in vault)
