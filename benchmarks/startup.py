"""How long `import meshlab` takes, beside what a user would otherwise import; one JSON line. Target: 0.3 s."""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys

MODULES = ("meshlab", "meshlab.model", "networkx", "pandas", "kubernetes", "boto3")
RUNS = 7


def seconds(module: str) -> float:
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(done.stdout)


def main() -> None:
    for module in MODULES:  # warm the file cache
        seconds(module)
    rounds = [{module: seconds(module) for module in MODULES} for _ in range(RUNS)]
    median = {module: round(statistics.median(r[module] for r in rounds), 4) for module in MODULES}
    spread = {
        module: [round(min(r[module] for r in rounds), 4), round(max(r[module] for r in rounds), 4)]
        for module in MODULES
    }
    print(
        json.dumps(
            {
                "benchmark": "startup",
                "unit": "s",
                "median": median,
                "range": spread,
                "runs": RUNS,
                "python": platform.python_version(),
                "machine": platform.machine(),
            }
        )
    )


if __name__ == "__main__":
    main()
