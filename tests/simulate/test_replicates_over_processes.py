"""Replicates over processes from the command line: same answer, and Ctrl-C at any moment is clean."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from meshlab.model.spec import data_file
from meshlab.simulate.run.run import _interrupts_held as interrupts_held
from own_time import PATIENCE_S

COMMAND = (
    sys.executable, "-m", "meshlab.cli", "simulate", str(data_file("reference.yaml")),
    "--scenario", str(data_file("scenarios/rolling-reboot-masters.yaml")), "--workers", "2",
)  # fmt: skip


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes that a run has started, but for multiprocessing's own tracker."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
        return [c for c in children if "spawn_main" in " ".join(c.cmdline())]
    except psutil.NoSuchProcess:
        return []


@pytest.mark.parametrize("settled", [False, True], ids=["while its workers start", "while they work"])
def test_ctrl_c_ends_the_command_with_130_without_a_traceback_or_a_process_left(settled: bool) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--replicates", "1000000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + PATIENCE_S
    started: list[psutil.Process] = []
    while not started and process.poll() is None and time.monotonic() < deadline:
        started = workers_of(process)
        time.sleep(0.01)
    assert started, "no worker has started"
    while settled and started[0].cpu_times().user < 1.0 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    _, alive = psutil.wait_procs(started, timeout=PATIENCE_S)
    assert not alive


def test_an_interrupt_that_another_thread_takes_waits_until_a_worker_is_born() -> None:
    over = threading.Event()
    idle = threading.Thread(target=over.wait)
    idle.start()
    steps = 0
    try:
        with pytest.raises(KeyboardInterrupt), interrupts_held():
            os.kill(os.getpid(), signal.SIGINT)  # this thread has it blocked, so the idle one takes it
            for _ in range(1_000_000):
                steps += 1
        assert steps == 1_000_000
    finally:
        over.set()
        idle.join()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_progress_counts_every_replicate_whatever_the_number_of_workers(tmp_path: Path) -> None:
    code = """
from meshlab.model.spec import data_file, reference
from meshlab.simulate import load_scenario, simulate
if __name__ == "__main__":
    cluster = reference()
    night = load_scenario(data_file("scenarios/lose-master.yaml"), cluster)
    found = []
    for workers in (1, 2):
        seen = []
        note = lambda done, total: seen.append((done, total))
        told = simulate(cluster, night, replicates=7, seed=9, workers=workers, progress=note)
        assert seen == sorted(seen) and seen[-1] == (7, 7), seen
        found.append(told.to_dict())
    assert found[0] == found[1]
"""
    script = tmp_path / "run.py"
    script.write_text(code, encoding="utf-8")
    subprocess.run([sys.executable, str(script)], check=True, timeout=PATIENCE_S)
