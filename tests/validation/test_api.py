"""The Kubernetes API over a real etcd group: a small run with the stand-in, and the simulated side."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import psutil
import pytest
from typer.testing import CliRunner

from meshlab.cli import app
from meshlab.validation.api.model import ApiModel
from meshlab.validation.etcd.machine import Machine
from meshlab.validation.setting import Setting

SCHEMA = json.loads((Path(__file__).parent / "result.schema.json").read_text())
CALM = Machine(fsync=[1e-3] * 200, ask=[2e-4] * 200, put=[1e-3] * 200)


def setting(**more: float) -> Setting:
    return Setting(system="api", measure="outage", server="stand-in", **{"client_timeout": 10.0, **more})  # type: ignore[arg-type]


def test_a_write_waits_for_etcds_own_time_out_and_a_read_for_the_leader() -> None:
    found = list(ApiModel(setting(), CALM).draws(100))
    writes = [t for trial in found for t in trial.outages]
    assert writes == pytest.approx([7.001] * 100, abs=0.05)
    reads = np.array([trial.read_outages[0] for trial in found])
    leaders = np.array([trial.leader_after for trial in found])
    assert np.all(np.abs(reads - leaders) < 0.1) and 0.9 < np.median(reads) < 1.5


def test_an_impatient_client_asks_again_and_sees_less() -> None:
    """Attempts at 0, 1, 2, ... s: the first one after the new leader gets through."""
    found = [t for trial in ApiModel(setting(client_timeout=1.0), CALM).draws(100) for t in trial.outages]
    assert all(0.7 < t < 4.1 for t in found) and np.median(found) == pytest.approx(2.0, abs=0.3)


def test_a_killed_leader_under_stand_ins_ends_in_a_document_with_both_sides(tmp_path: Path) -> None:
    options = ["validate", "api", "--server", "stand-in", "--repeats", "1", "--simulations", "100"]
    result = CliRunner().invoke(
        app, [*options, "--client-timeout", "1s", "--output", str(tmp_path), "--json"]
    )
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    jsonschema.validate(document, SCHEMA)
    assert document["versions"]["API server"] == "stand-in"
    assert len(document["real"]["outage_ms"]) == len(document["real"]["read_outage_ms"]) == 2
    assert all(0 < t < 17_000 for t in document["real"]["outage_ms"])
    assert {"outage_ms", "read_outage_ms"} <= document["comparison"].keys()
    left = [p.name() for p in psutil.Process().children(recursive=True)]
    assert not [name for name in left if "etcd" in name]
