"""The post-mortem of an incident: its causes, the best of them replayed, and the report."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshlab.incident.explain.explain import Explanation, Progress, explain
from meshlab.incident.explain.replay import Replay, replay
from meshlab.incident.record import Incident
from meshlab.incident.report.document import Report, build_report
from meshlab.parameters import Parameters


@dataclass(frozen=True)
class PostMortem:
    """An incident with its causes, the best of them replayed, and the report."""

    incident: Incident
    explanation: Explanation
    replay: Replay
    report: Report

    def to_dict(self) -> dict[str, Any]:
        return {
            "incident": self.incident.name,
            **self.explanation.to_dict(),
            "services": {outage.service: outage.to_dict() for outage in self.replay.outages},
        }


def post_mortem(
    incident: Incident | Path,
    *,
    parameters: Parameters | None = None,
    replicates: int = 200,
    seed: int = 0,
    author: str = "",
    progress: Progress | None = None,
) -> PostMortem:
    """Finds the most likely cause of an incident, replays it, and builds the report.

    Parameters
    ----------
    incident
        An incident, or the folder that `watch` has written. A folder also gets ``explanation.json``.
    parameters
        How parts behave there; by default those of the place that was watched: the embedded cluster's own, or
        the defaults joined with what the spec says.
    progress
        Called with (done, of, candidate) while candidates are simulated.
    """
    found = Incident.load(incident) if isinstance(incident, Path) else incident
    if parameters is None and found.about.get("profile") == "embedded":
        parameters = Parameters.embedded()
    explanation = explain(found.topology, found.timeline, parameters=parameters, seed=seed, progress=progress)
    again = replay(
        found.topology,
        found.timeline,
        explanation.best,
        replicates=replicates,
        seed=seed,
        parameters=parameters,
    )
    report = build_report(found, again, explanation, parameters=parameters, author=author)
    if found.folder is not None:
        path = found.folder / "explanation.json"
        path.write_text(json.dumps(explanation.to_dict(), indent=2), encoding="utf-8")
    return PostMortem(found, explanation, again, report)
