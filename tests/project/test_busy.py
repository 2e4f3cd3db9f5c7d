"""Beside spinning processes: they are there while the command runs, and gone with it, however it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from own_time import PATIENCE_S, until

SCRIPT = Path(__file__).parents[2] / "scripts" / "busy.py"
NUMBER = 4 * (os.cpu_count() or 1)


def spinners(of: int) -> list[psutil.Process]:
    return [p for p in psutil.Process(of).children() if "select.select" in " ".join(p.cmdline())]


def test_a_commands_end_is_its_exit_code_and_the_load_is_said() -> None:
    code = f"import psutil; n = len(psutil.Process({os.getpid()}).children(recursive=True)); print('seen', n); exit(3)"
    done = subprocess.run(
        [sys.executable, str(SCRIPT), sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 3, done.stderr
    assert re.search(rf"^beside {NUMBER} spinning processes on \d+ processors$", done.stdout, re.MULTILINE)
    assert int(re.search(r"seen (\d+)", done.stdout)[1]) >= NUMBER + 2
    assert re.search(rf"load over .*; {NUMBER} of {NUMBER} were spinning to the end", done.stdout)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_spinning_processes_end_however_the_script_ends(how: signal.Signals) -> None:
    sleeper = "import time; print('up', flush=True); time.sleep(600)"
    with subprocess.Popen(
        [sys.executable, str(SCRIPT), sys.executable, "-c", sleeper], stdout=subprocess.PIPE, text=True
    ) as busy:
        assert busy.stdout is not None
        while busy.stdout.readline() != "up\n":
            assert busy.poll() is None
        started = spinners(busy.pid)
        others = [p for p in psutil.Process(busy.pid).children() if p not in started]
        assert len(started) == NUMBER
        busy.send_signal(how)
        if how is signal.SIGKILL:
            for other in others:
                other.kill()  # as a terminal or a session's end would
        assert busy.wait(PATIENCE_S) != 0
        until(lambda: not any(map(alive, started)), "the spinning processes to end")


def alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
