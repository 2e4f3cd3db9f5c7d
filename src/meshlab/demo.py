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

from meshlab.model.spec import data_file, load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meshlab.incident.explain.replay import Replay
    from meshlab.incident.post_mortem import PostMortem
    from meshlab.incident.record import Incident
    from meshlab.live.target import Target
    from meshlab.model import Topology

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
    from meshlab.incident.post_mortem import post_mortem
    from meshlab.live.target import state_root
    from meshlab.provision.bringup import plan_bringup
    from meshlab.provision.cluster.records import Outcome
    from meshlab.provision.run.drive import drive

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
            plan = plan_bringup(topology, target)
            attached = drive(plan, topology, target, lambda words: words, lambda text: say(f"  {text}"))
            verified = attached.outcome is Outcome.DONE
        with clock.part("incident", f"watching, taking {VICTIM}'s power away, watching what happens"):
            incident, killed_at = _break(topology, target, state, output, say)
        with clock.part("predict", "simulating that fault, knowing only who led before it"):
            predicted = _predict(topology, incident, killed_at)
        with clock.part("explain", "simulating every candidate cause, without telling which it was"):
            result = post_mortem(incident, seed=0)
    finally:
        with clock.part("down", "taking everything down"):
            lifecycle.down(state)
    return _result(output, clock, findings, verified, predicted, result)


def _review(topology: Topology, output: Path) -> dict[str, int]:
    from meshlab.model.review import review
    from meshlab.views.topology.plot import plot_topology

    counts: dict[str, int] = {}
    for finding in review(topology):
        counts[finding.severity] = counts.get(finding.severity, 0) + 1
    plot_topology(topology).savefig(output / "topology.png", dpi=150)
    return counts


def _break(topology: Topology, target: Target, state: Path, output: Path, say: Say) -> tuple[Incident, float]:
    """Watches the live cluster while the victim loses its power; gives the incident and the second it was."""
    from meshlab.emulate.control import Control
    from meshlab.incident.watch import watch
    from meshlab.live.omni.reach import management_call

    killed: list[float] = []

    def progress(now: float, end: float, silent: str) -> None:
        if now >= CALM_S and not killed:
            killed.append(now)
            say(f"  {Control.of(state).call('/fault', {'fault': 'fail', 'component': VICTIM})['text']}")

    incident = watch(
        topology,
        target,
        output / "incident",
        seconds=WATCHED_S,
        interval_s=0.5,
        name="the demo's incident",
        omni=management_call(target),
        progress=progress,
    )
    return incident, killed[0]


def _predict(topology: Topology, incident: Incident, killed_at: float) -> Replay:
    """What the model says of the fault that was injected, on the same zero as what was observed."""
    from meshlab.incident.explain.replay import replay
    from meshlab.parameters import Parameters
    from meshlab.simulate import Fault, Scenario

    scenario = Scenario(
        f"{VICTIM} loses power", incident.timeline.horizon, (Fault.fail(VICTIM, at=killed_at),)
    )
    return replay(topology, incident.timeline, scenario, replicates=300, parameters=Parameters.embedded())


def _result(
    output: Path,
    clock: _Clock,
    findings: dict[str, int],
    verified: bool,
    predicted: Replay,
    result: PostMortem,
) -> Result:
    from meshlab.incident.report.words import percent
    from meshlab.views.plots.report_figures import write_report

    best = result.explanation.best
    named = best.fault is not None and VICTIM in best.components
    write_report(result.report, output)
    files = [output / name for name in ("report.html", "topology.png", "timeline.png", "summary.json")]
    summary = {
        "holds": verified and named,
        "verified": verified,
        "killed": VICTIM,
        "most_likely_cause": best.to_dict(),
        "findings": findings,
        "services": {outage.service: outage.to_dict() for outage in predicted.outages},
        "seconds": {**clock.seconds, "total": clock.total},
        "files": [str(path) for path in files],
    }
    files[-1].write_text(json.dumps(summary, indent=2), encoding="utf-8")
    alike = f"; looks the same from here: {', '.join(best.alike)}" if best.alike else ""
    lines = [
        _table(predicted),
        f"most likely cause: {best.name} ({percent(best.probability)}){alike}",
        f"bring-up verified: {_yes(verified)}; {VICTIM} named as the cause: {_yes(named)}; {clock.total:.0f} s in all",
        *(str(path) for path in files),
    ]
    return Result(verified and named, "\n".join(lines), summary)


def _table(predicted: Replay) -> str:
    from meshlab.views.text_table import text_table as table

    rows = []
    for outage in predicted.outages:
        seen = "not seen" if outage.observed is None else f"{outage.observed:.1f} ± {outage.uncertainty:.1f}"
        expected = f"{outage.predicted.mid:.1f} ({outage.predicted.low:.1f} to {outage.predicted.high:.1f})"
        inside = "" if outage.inside is None else _yes(outage.inside)
        rows.append([outage.service, expected, seen, inside, outage.note])
    columns = ["service", "predicted (90 % interval)", "observed", "inside", "note"]
    return table(f"{VICTIM} without power: seconds down", columns, rows)


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"
