"""What all benchmarks share: the clock, the row of the table, what machine it was, and `--small`.

A benchmark is a module with `measure(small)`, which gives its documents. `said` prints them, one JSON line each. A
document's `rows` are what `python benchmarks` makes the table of.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

Document = dict[str, Any]
FASTER_IS_MORE = "/s"
"""How a unit ends of which more is better; of the others less is."""


@dataclass(frozen=True)
class Row:
    """One line of the table: ours and theirs in one unit, on so many threads; `note` says what either side is.

    `theirs` is None where there is no other side: then `note` names the budget, or what is missing.
    """

    name: str
    ours: float | None
    theirs: float | None
    unit: str
    threads: int = 1
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times as fast as theirs ours is; below 1, theirs is faster."""
        if not self.ours or not self.theirs:
            return None
        return self.ours / self.theirs if self.unit.endswith(FASTER_IS_MORE) else self.theirs / self.ours


def best(work: Callable[[], Any], runs: int) -> tuple[float, float, Any]:
    """Gives the least CPU and wall seconds of several runs, and the last result."""
    cpu, wall, result = [], [], None
    for _ in range(runs):
        start, began = time.process_time(), time.perf_counter()
        result = work()
        cpu.append(time.process_time() - start)
        wall.append(time.perf_counter() - began)
    return min(cpu), min(wall), result


def about(*packages: str) -> Document:
    """Gives the machine, its load, the date, and the versions of Python and of these packages."""
    return {
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in packages},
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "load": [round(load, 1) for load in os.getloadavg()],
        "date": datetime.now(UTC).date().isoformat(),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def said(documents: Iterable[Document], *packages: str) -> None:
    """Prints documents, one JSON line each, with machine, versions, load and date."""
    for document in documents:
        rows = [asdict(row) for row in document.get("rows", ())]
        print(json.dumps({**document, "rows": rows, "about": about(*packages)}), flush=True)


def options(parser: argparse.ArgumentParser | None = None) -> argparse.Namespace:
    """Reads the command line; every benchmark has `--small`."""
    parser = parser or argparse.ArgumentParser()
    parser.add_argument("--small", action="store_true", help="seconds: that it works, not how fast it is")
    return parser.parse_args()
