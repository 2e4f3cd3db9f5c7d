"""How long the notebook's panels take from a moved slider or a toggle to the answer; one JSON line. Target: 0.1 s.

Wall time and processor time, in milliseconds: on a machine with other work to do, the second is what the code needs.
"""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

TARGET_MS = 100.0


@contextmanager
def timed(into: list[tuple[float, float]]) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    into.append((1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu)))


def sliders() -> dict[str, list[tuple[float, float]]]:
    from meshlab import reference
    from meshlab.views.whatif_panel import WhatIfPanel

    panel = WhatIfPanel(reference())
    panel.widget()
    for worker in (1, 0):
        panel.turn(workers=worker)
    found: dict[str, list[tuple[float, float]]] = {}
    values: dict[str, list[float]] = {
        "growth": [1.1 + 0.1 * k for k in range(12)],
        "months": [27 + 3 * k for k in range(12)],
        "load": [20.0 * (k + 1) for k in range(12)],
        "distance": [1.5 + k for k in range(12)],
        "workers": [2, 3],
    }
    for name, steps in values.items():
        for value in steps:
            with timed(found.setdefault(name, [])):
                panel.turn(**{name: value})
        panel.reset()
    return found


def toggles() -> list[tuple[float, float]]:
    """The verdicts alone: the picture follows from a thread of its own, which is waited for outside."""
    from meshlab import reference
    from meshlab.views.failure_panel import FailurePanel

    panel = FailurePanel(reference())
    panel.widget()
    panel.settle()
    found: list[tuple[float, float]] = []
    for name in ("master-1", "master-2", "us-east-1a", "dc-1", "omni"):
        with timed(found):
            panel.set(name, True)
        panel.settle()
    return found


def said(times: list[tuple[float, float]]) -> dict[str, float]:
    walls, cpus = [wall for wall, _ in times], [cpu for _, cpu in times]
    return {
        "wall_median": round(statistics.median(walls), 1),
        "wall_worst": round(max(walls), 1),
        "cpu_median": round(statistics.median(cpus), 1),
        "cpu_worst": round(max(cpus), 1),
    }


def main() -> None:
    moved = {name: said(times) for name, times in sliders().items()}
    moved["toggle"] = said(toggles())
    print(
        json.dumps(
            {
                "benchmark": "whatif",
                "unit": "ms",
                "target": TARGET_MS,
                **moved,
                "python": platform.python_version(),
                "machine": platform.machine(),
            }
        )
    )


if __name__ == "__main__":
    main()
