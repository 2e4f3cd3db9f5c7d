"""The whole road once: model, simulate, bring up, break, explain - on one machine, in a few minutes.

It holds when the bring-up verified itself and the machine that was killed is named as the most likely cause.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshlab.model import SERVICES
from meshlab.model.spec import data_file, load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshlab.incident.post_mortem import PostMortem
    from meshlab.live.target import Target
    from meshlab.model import Topology
    from meshlab.provision.attach import Attached

VICTIM = "master-1"
CALM_S, WATCHED_S = 10.0, 75.0
"""Seconds watched before the fault, and in all."""

Say = Callable[[str], None]


@dataclass
class Result:
    """What the demo found: whether it holds, a table for people, a document for programs."""

    holds: bool = False
    text: str = ""
    summary: dict[str, Any] = field(default_factory=dict)


class _Clock:
    """Says what is being done, and remembers how long each part took."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.seconds: dict[str, float] = {}
        self._start = time.monotonic()

    @contextmanager
    def part(self, name: str, text: str) -> Iterator[None]:
        begun = time.monotonic()
        self.say(f"[{begun - self._start:5.1f} s] {text}")
        yield
        self.seconds[name] = round(time.monotonic() - begun, 1)

    @property
    def total(self) -> float:
        return round(time.monotonic() - self._start, 1)


def run(output: Path, say: Say) -> Result:
    """Walks the whole road on the reference cluster and writes report, pictures and summary to a folder.

    What an earlier demo left, killed or not, is cleaned up first; afterwards nothing is left but the folder.
    """
    from meshlab.emulate import lifecycle
    from meshlab.live.target import state_root

    clock = _Clock(say)
    spec = data_file("reference.yaml")
    output.mkdir(parents=True, exist_ok=True)
    state = state_root() / "demo"
    lifecycle.down(state)
    with clock.part("model", "reading and reviewing the design"):
        topology = load(spec)
        findings = _review(topology, output)
    try:
        with clock.part("up", "starting the embedded world: an empty cloud, three racked machines"):
            target = lifecycle.up(spec, state=state, progress=say)
        with clock.part(
            "bring-up", "bringing the cluster up through boto3, the Talos API, kubernetes and hvac"
        ):
            attached = _bring_up(spec, target)
        with clock.part("incident", f"watching, taking {VICTIM}'s power away, watching what happens"):
            folder = _break(topology, target, state, output, say)
        with clock.part("explain", "simulating every candidate cause"):
            result = _explain(folder, say)
    finally:
        with clock.part("down", "taking everything down"):
            lifecycle.down(state)
    return _result(output, clock, findings, attached, result)


def _review(topology: Topology, output: Path) -> dict[str, int]:
    from meshlab.model.review import review
    from meshlab.views.topology_plot import plot_topology

    counts: dict[str, int] = {}
    for finding in review(topology):
        counts[finding.severity] = counts.get(finding.severity, 0) + 1
    plot_topology(topology).savefig(output / "topology.png", dpi=150)
    return counts


def _bring_up(spec: Path, target: Target) -> Attached:
    from meshlab.commands.bringup import bring_up

    return bring_up(spec, target)


def _break(topology: Topology, target: Target, state: Path, output: Path, say: Say) -> Path:
    """Watches the live cluster while the victim loses its power; gives the incident's folder."""
    from meshlab.emulate.control import Control
    from meshlab.incident.watch import watch
    from meshlab.live.omni.reach import management_call

    folder = output / "incident"
    killed: list[float] = []

    def progress(now: float, end: float, silent: str) -> None:
        if now >= CALM_S and not killed:
            killed.append(now)
            say(f"  {Control.of(state).call('/fault', {'fault': 'fail', 'component': VICTIM})['text']}")

    watch(
        topology,
        target,
        folder,
        seconds=WATCHED_S,
        interval_s=0.5,
        omni=management_call(target),
        progress=progress,
    )
    return folder


def _explain(folder: Path, say: Say) -> PostMortem:
    from meshlab.incident.post_mortem import post_mortem

    return post_mortem(folder, seed=0)


def _result(
    output: Path, clock: _Clock, findings: dict[str, int], attached: Attached, result: PostMortem
) -> Result:
    from meshlab.commands.output import table
    from meshlab.views.timeline_plot import plot_timeline

    best = result.explanation.best
    named = best.fault is not None and VICTIM in best.components
    verified = attached.outcome.value == "done"
    rows = []
    outages = {o.service: o for o in result.replay.outages}
    for service in SERVICES:
        outage = outages.get(service)
        if outage is None:
            continue
        seen = "not seen" if outage.observed is None else f"{outage.observed:.1f} ± {outage.uncertainty:.1f}"
        expected = f"{outage.predicted.mid:.1f} ({outage.predicted.low:.1f} to {outage.predicted.high:.1f})"
        rows.append([service, expected, seen, outage.note])
    plot_timeline(result.replay.predicted, result.incident.timeline).savefig(output / "timeline.png", dpi=150)
    (output / "report.html").write_text(result.report.to_html(), encoding="utf-8")
    (output / "report.md").write_text(result.report.to_markdown(), encoding="utf-8")
    summary = {
        "holds": verified and named,
        "verified": verified,
        "killed": VICTIM,
        "most_likely_cause": best.to_dict(),
        "findings": findings,
        "services": {name: outage.to_dict() for name, outage in outages.items()},
        "seconds": {**clock.seconds, "total": clock.total},
        "files": {
            name: str(output / name)
            for name in ("report.html", "topology.png", "timeline.png", "summary.json")
        },
    }
    (output / "summary.json").write_text(json.dumps(summary, indent=2), encoding="utf-8")
    title = f"{VICTIM} without power: seconds down per service"
    lines = [
        table(title, ["service", "predicted (90 % interval)", "observed", "note"], rows),
        f"most likely cause: {best.name} ({best.probability:.0%})"
        + (f"; looks the same: {', '.join(best.alike)}" if best.alike else ""),
        f"bring-up verified: {'yes' if verified else 'no'}; {VICTIM} named as the cause: {'yes' if named else 'no'}; {clock.total:.0f} s in all",
        *(str(output / name) for name in ("report.html", "topology.png", "timeline.png", "summary.json")),
    ]
    return Result(verified and named, "\n".join(lines), summary)
