"""How long the notebook's panels take from a moved slider or a toggle to the answer; one JSON line. Target: 0.1 s.

Wall time and processor time, in milliseconds: on a machine with other work to do, the second is what the code needs.
Every place of every slider, alone and with the others turned, so that the worst step is among them; every toggle, down
and up. `full_collections` counts Python's walks over its whole heap that fell into an answer (65 to 85 ms each).
`--small`: one place of each slider, one toggle.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

from common import Document, Row, options, said

TARGET_MS = 100.0
HEAP = 50_000
"""Objects in the oldest generation beyond which a collection of it walks more than the answer made itself."""


class Collections:
    """Counts full collections that begin while an answer is timed."""

    def __init__(self) -> None:
        self.timed, self.count = False, 0
        gc.callbacks.append(self._seen)

    def _seen(self, phase: str, info: dict[str, int]) -> None:
        if self.timed and phase == "start" and info["generation"] == 2:
            self.count += len(gc.get_objects(generation=2)) > HEAP


COLLECTIONS = Collections()


@contextmanager
def timed(into: list[tuple[float, float]]) -> Iterator[None]:
    COLLECTIONS.timed = True
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    into.append((1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu)))
    COLLECTIONS.timed = False


def sliders(small: bool) -> dict[str, list[tuple[float, float]]]:
    """The panel's own sliders are moved, as a browser moves them, each over all its places."""
    from meshlab import reference
    from meshlab.views.panels.whatif import WhatIfPanel

    found: dict[str, list[tuple[float, float]]] = {}
    turned = ({}, {"workers": 3}, {"load": 500.0}, {"load": 500.0, "distance": 12.5})
    for others in turned[:1] if small else turned:
        panel = WhatIfPanel(reference())
        panel.widget()
        names = ("growth", "months", "load", "distance", "workers")
        for name, slider in zip(names, panel._sliders, strict=True):
            panel.reset()
            panel.turn(**others)
            places = round((slider.max - slider.min) / slider.step)
            for k in [places] if small else range(places + 1):
                with timed(found.setdefault(name, [])):
                    slider.value = slider.min + k * slider.step
    return found


def toggles(small: bool) -> list[tuple[float, float]]:
    """The verdicts alone: the picture follows from a thread of its own, which is waited for outside."""
    from meshlab import reference
    from meshlab.views.panels.failures import FailurePanel

    panel = FailurePanel(reference())
    panel.widget()
    panel.settle()
    found: list[tuple[float, float]] = []
    names = [name for names in panel.toggles().values() for name in names]
    for name in names[:1] if small else names:
        for failed in (True, False):
            with timed(found):
                panel.set(name, failed)
            panel.settle()
    return found


def spread(times: list[tuple[float, float]]) -> dict[str, float]:
    walls, cpus = [wall for wall, _ in times], [cpu for _, cpu in times]
    return {
        "steps": len(times),
        "wall_median": round(statistics.median(walls), 1),
        "wall_worst": round(max(walls), 1),
        "cpu_median": round(statistics.median(cpus), 1),
        "cpu_worst": round(max(cpus), 1),
    }


def measure(small: bool) -> list[Document]:
    moved = {name: spread(times) for name, times in sliders(small).items()}
    toggled = spread(toggles(small))
    worst = max(one["cpu_worst"] for one in moved.values())
    budget = f"CPU; budget {TARGET_MS:g}"
    return [
        {
            "benchmark": "whatif",
            "unit": "ms",
            "target": TARGET_MS,
            **moved,
            "toggle": toggled,
            "full_collections": COLLECTIONS.count,
            "rows": [
                Row("what-if slider, the worst step", worst, None, "ms", note=budget),
                Row("failure toggle, the worst", toggled["cpu_worst"], None, "ms", note=budget),
            ],
        }
    ]


if __name__ == "__main__":
    said(measure(options().small))
