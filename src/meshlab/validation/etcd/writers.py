"""Closed-loop writers in a process of their own: each puts, waits for the answer or its time-out, and puts again.

    python -m meshlab.validation.etcd.writers '{"targets": [["127.0.0.1", 2379]], ...}'

A line for each put goes to a file: writer, start, end (seconds of the machine's monotonic clock, which all processes
share), and 1 if it was acknowledged. The last line is the processor time that the puts took, and how many there were.
The process ends with its parent.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from meshlab.validation.etcd.calls import EtcdCaller

PAUSE_S = 0.01
"""Between the end of one put and the start of the next, so that the writers do not use up the machine."""


@dataclass(frozen=True)
class Orders:
    """What the writers do: writer k puts to ``targets[k]``, ``size`` bytes, up to ``puts`` times (0: until ended)."""

    targets: list[tuple[str, int]]
    output: str
    timeout_s: float
    pause_s: float = PAUSE_S
    puts: int = 0
    size: int = 64


@dataclass(frozen=True, slots=True)
class Put:
    """One put of one writer."""

    writer: int
    start: float
    end: float
    done: bool


def read(path: Path, since: int = 0) -> list[Put]:
    """Gives the puts on file from byte ``since`` on; a line that is still being written is left out."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(since)
        text = file.read().decode()
    found = []
    for line in text.rpartition("\n")[0].splitlines():
        parts = line.split()
        if len(parts) == 4:
            found.append(Put(int(parts[0]), float(parts[1]), float(parts[2]), parts[3] == "1"))
    return found


def processor_time(path: Path) -> tuple[float, int]:
    """Gives the seconds of processor that the puts on file took, and how many puts; (0, 0) before they are done."""
    for line in reversed(path.read_text().splitlines()):
        word, *numbers = line.split()
        if word == "took":
            return float(numbers[0]), int(numbers[1])
    return 0.0, 0


def command(orders: Orders) -> list[str]:
    """The command line of a process that does it."""
    return [sys.executable, "-P", "-m", "meshlab.validation.etcd.writers", json.dumps(asdict(orders))]


async def _write(writer: int, caller: EtcdCaller, orders: Orders, out: TextIO) -> None:
    value = b"v" * orders.size
    count = 0
    while not orders.puts or count < orders.puts:
        count += 1
        start = time.monotonic()
        done = await caller.put(b"w%d" % writer, value, orders.timeout_s)
        end = time.monotonic()
        out.write(f"{writer} {start:.6f} {end:.6f} {int(done)}\n")
        if not done and end - start < orders.pause_s:  # refused at once: a client backs off a little
            await asyncio.sleep(orders.pause_s)
        if orders.pause_s:
            await asyncio.sleep(orders.pause_s)


async def _all(orders: Orders) -> None:
    places = [(host, port) for host, port in orders.targets]
    callers = {place: EtcdCaller(*place) for place in dict.fromkeys(places)}
    with Path(orders.output).open("w", buffering=1) as out:
        try:
            before = time.process_time()
            await asyncio.gather(*(_write(k, callers[place], orders, out) for k, place in enumerate(places)))
            out.write(f"took {time.process_time() - before:.6f} {orders.puts * len(places)}\n")
        finally:
            for caller in callers.values():
                await caller.close()


def main() -> None:
    """Runs the writers that the first argument describes."""
    told = json.loads(sys.argv[1])
    asyncio.run(_all(Orders(**told)))


if __name__ == "__main__":
    main()
