"""All benchmarks, each in a process of its own; then one table: ours, theirs, and how many times as fast ours is.

python benchmarks                 # all of them, minutes
python benchmarks des raft        # these
python benchmarks --small         # that they work, in seconds; the numbers say nothing
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from common import Document, Row, about

FOLDER = Path(__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in ("__main__", "common"))
PACKAGES = ("numpy", "numba", "scipy", "networkx", "simpy", "dd")
BUSY = 0.5
"""Load per core above which a wall time says little."""


def documents(name: str, *, small: bool) -> list[Document]:
    """Runs one benchmark, shows what it says while it does, and gives its documents.

    Raises
    ------
    SystemExit
        It failed.
    """
    print(f"== {name}", flush=True)
    command = [sys.executable, str(FOLDER / f"{name}.py"), *(["--small"] if small else [])]
    found = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            found.append(json.loads(line))
    if process.returncode:
        raise SystemExit(f"{name} ended with exit code {process.returncode}")
    return found


def table(rows: Sequence[Row]) -> str:
    """Gives the table as text: one line for each row."""
    cells = [("what", "ours", "theirs", "ratio", "unit", "threads", "note")]
    cells += [
        (
            row.name,
            _number(row.ours),
            _number(row.theirs),
            f"{row.ratio:.3g}" if row.ratio else "-",
            row.unit,
            str(row.threads),
            row.note,
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    left = (0, 4, 6)
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def machine(before: Sequence[float], after: Sequence[float]) -> str:
    """Gives the lines below the table: machine, versions, date and load."""
    known = about(*PACKAGES)
    versions = ", ".join(f"{name} {number}" for name, number in known["versions"].items())
    busy = max(before[0], after[0]) > BUSY * (os.cpu_count() or 1)
    lines = [
        f"{known['date']}: {_processor()}, {known['cpus']} CPUs, {platform.system()} {platform.release()}; {versions}",
        f"load before {before[0]:.1f}, after {after[0]:.1f}"
        + ("; busy: only CPU seconds say something" if busy else ""),
        "where both sides use one thread, times and rates are of CPU seconds; best of several, warm-up apart",
    ]
    return "\n".join(lines)


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; default: all")
    parser.add_argument("--small", action="store_true", help="seconds: that they work, not how fast they are")
    asked = parser.parse_args()
    unknown = set(asked.names) - set(NAMES)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; known: {', '.join(NAMES)}")
    before = os.getloadavg()
    found = [doc for name in asked.names or NAMES for doc in documents(name, small=asked.small)]
    rows = [Row(**row) for document in found for row in document["rows"]]
    print(f"\n{table(rows)}\n\n{machine(before, os.getloadavg())}")


if __name__ == "__main__":
    main()
