"""How long `import meshlab` takes, beside what a user would otherwise import; one JSON line. Target: 0.3 s.

`--small`: two modules, twice.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

from common import Document, Row, options, said

MODULES = ("meshlab", "meshlab.model", "networkx", "pandas", "kubernetes", "boto3")
RUNS = 7


def seconds(module: str) -> float:
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(done.stdout)


def measure(small: bool) -> list[Document]:
    modules, runs = (MODULES[:2], 2) if small else (MODULES, RUNS)
    for module in modules:  # warm the file cache
        seconds(module)
    rounds = [{module: seconds(module) for module in modules} for _ in range(runs)]
    median = {module: round(statistics.median(r[module] for r in rounds), 4) for module in modules}
    spread = {
        module: [round(min(r[module] for r in rounds), 4), round(max(r[module] for r in rounds), 4)]
        for module in modules
    }
    return [
        {
            "benchmark": "startup",
            "unit": "s",
            "median": median,
            "range": spread,
            "runs": runs,
            "rows": [Row("import meshlab", spread["meshlab"][0], None, "s", note="wall; budget 0.3 s")],
        }
    ]


if __name__ == "__main__":
    said(measure(options().small))
