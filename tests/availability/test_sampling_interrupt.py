"""Ctrl-C while the command samples: exit code 130, no traceback, whatever the number of threads."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from meshlab.model.spec import data_file
from own_time import PATIENCE_S

# The command, and a progress that says on stdout that worlds have been drawn.
CODE = """
import sys
from meshlab import cli
from meshlab.availability.sampling import sampled
first = sampled.wilson
def told(*given):
    print("drawn", flush=True)
    sampled.wilson = first
    return first(*given)
sampled.wilson = told
cli.main()
"""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_ends_the_command_with_130_without_a_traceback(workers: str) -> None:
    spec = str(data_file("reference.yaml"))
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, "availability", spec, "--samples", str(1 << 50), "--workers", workers],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "drawn\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "Traceback" not in err
