"""A disk that stalls, without root: a real program's synchronous writes wait until they are let go."""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from meshlab.cli import app
from meshlab.validation.etcd import disk_stall
from needs import lacking
from own_time import PATIENCE_S

pytestmark = pytest.mark.skipif(
    not disk_stall.possible(), reason=lacking("Linux", "5.5 on x86_64 or aarch64")
)
WRITER = """
import os, sys
file = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
while True:
    sys.stdin.readline()
    os.write(file, b"x")
    os.fdatasync(file)
    print("written", flush=True)
"""


def answers(process: subprocess.Popen[bytes], seconds: float) -> bool:
    assert process.stdout is not None
    return bool(select.select([process.stdout], [], [], seconds)[0])


def test_writes_wait_while_the_disk_stalls_and_go_on_when_it_is_released(tmp_path: Path) -> None:
    command = disk_stall.command([sys.executable, "-c", WRITER, str(tmp_path / "file")])
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None

    def write() -> None:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()

    try:
        write()
        assert answers(process, PATIENCE_S) and process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGUSR1)
        write()
        assert not answers(process, 0.5)
        process.send_signal(signal.SIGUSR2)
        assert answers(process, PATIENCE_S)
    finally:
        process.kill()
        process.communicate()


def test_the_wrapper_ends_with_its_programs_status() -> None:
    command = disk_stall.command([sys.executable, "-c", "raise SystemExit(7)"])
    assert subprocess.run(command, check=False, timeout=PATIENCE_S).returncode == 7


def test_the_program_dies_with_its_wrapper() -> None:
    sleeper = "import time; print(flush=True); time.sleep(600)"
    process = subprocess.Popen(
        disk_stall.command([sys.executable, "-c", sleeper]), stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    (child,) = psutil.Process(process.pid).children()
    process.kill()
    process.wait()
    process.stdout.close()
    assert psutil.wait_procs([child], timeout=PATIENCE_S)[1] == []


def test_an_etcd_leader_whose_disk_stalls_is_replaced() -> None:
    options = ["validate", "etcd", "--fault", "disk-stall", "--repeats", "2", "--simulations", "100"]
    result = CliRunner().invoke(app, [*options, "--heartbeat", "50ms", "--election", "500ms", "--json"])
    assert result.exit_code == 0, result.output
    real = json.loads(result.stdout)["real"]
    assert len(real["leader_after_ms"]) == 2 and all(terms >= 1 for terms in real["terms"])
