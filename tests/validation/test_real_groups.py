"""A small validation from end to end, on real etcd processes; and nothing of it left behind.

How long an election took is the machine's affair too; that there was one, in a later term, is the protocol's.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import psutil
from typer.testing import CliRunner

from meshlab.cli import app
from own_time import PATIENCE_S

SCHEMA = json.loads((Path(__file__).parent / "result.schema.json").read_text())
FAST = ["--heartbeat", "50ms", "--election", "500ms"]


def etcd_children(of: int | None = None) -> list[psutil.Process]:
    return [p for p in psutil.Process(of).children(recursive=True) if "etcd" in p.name()]


def test_three_kills_end_in_a_document_with_both_sides(tmp_path: Path) -> None:
    options = [
        "validate",
        "etcd",
        "--repeats",
        "3",
        "--simulations",
        "300",
        *FAST,
        "--output",
        str(tmp_path),
        "--json",
    ]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    jsonschema.validate(document, SCHEMA)
    assert json.loads((tmp_path / "etcd-3-kill-leadership-50-500-delay0.json").read_text()) == document
    times = document["real"]["leader_after_ms"]
    assert len(times) == 3 and all(t > 0 for t in times)
    assert all(terms >= 1 for terms in document["real"]["terms"])
    assert document["comparison"]["leader_after_ms"]["simulated_n"] > 250
    assert etcd_children() == []


def test_ctrl_c_ends_every_process() -> None:
    command = [sys.executable, "-m", "meshlab.cli", "validate", "etcd", "--repeats", "99", *FAST]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        deadline = time.monotonic() + PATIENCE_S
        seen: list[psutil.Process] = []
        while len(seen) < 3:
            assert time.monotonic() < deadline and process.poll() is None
            seen = etcd_children(process.pid)
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
        _, alive = psutil.wait_procs(seen, timeout=PATIENCE_S)
        assert alive == []
    finally:
        process.kill()
        process.communicate()
