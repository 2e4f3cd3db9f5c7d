"""Runs a command beside four spinning processes per processor, and says how loaded the machine was.

What passes at rest and not beside them counts on being quick. They end with this process, however it ends.

    python scripts/busy.py pytest -q tests/live
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

PER_PROCESSOR = 4
# Its input ends when this process does, also by SIGKILL; it looks between two spins of a tenth of a second or so.
SPIN = """
import select, sys
while not select.select([sys.stdin], [], [], 0)[0]:
    for _ in range(1_000_000):
        pass
"""


@contextmanager
def spinning(count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """So many processes that do nothing as fast as they can; gone afterwards."""
    started = [subprocess.Popen([sys.executable, "-c", SPIN], stdin=subprocess.PIPE) for _ in range(count)]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
        for process in started:
            process.communicate()


def run(command: Sequence[str], per_processor: int = PER_PROCESSOR) -> int:
    """Runs the command beside them and gives its exit code; what ends this process is handed on to it."""
    count = per_processor * (os.cpu_count() or 1)
    with spinning(count) as beside:
        print(f"beside {len(beside)} spinning processes on {os.cpu_count()} processors", flush=True)
        with subprocess.Popen(command) as process:

            def hand_on(number: int, _: FrameType | None) -> None:
                process.send_signal(number)

            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, hand_on)
            code = process.wait()
        alive = sum(one.poll() is None for one in beside)
        loads = ", ".join(f"{load:.1f}" for load in os.getloadavg())
        print(
            f"load over 1, 5 and 15 minutes: {loads}; {alive} of {count} were spinning to the end", flush=True
        )
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("say what to run: python scripts/busy.py pytest -q tests/live")
    sys.exit(run(sys.argv[1:]))
