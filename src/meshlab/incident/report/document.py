"""The report of an incident: what happened, how sure that is, how near it was, what to do - with evidence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshlab.incident.explain.explain import Explanation
from meshlab.incident.explain.replay import Outage, Replay, outages
from meshlab.incident.record import Incident
from meshlab.incident.report import sections
from meshlab.incident.report.actions import Action, actions
from meshlab.incident.report.blocks import Page
from meshlab.incident.report.words import urgent
from meshlab.model import Estimate, InputError, Timeline, Topology
from meshlab.model.reading import file_lines
from meshlab.model.units import duration
from meshlab.simulate import Prediction

if TYPE_CHECKING:
    from meshlab.parameters import Parameters


@dataclass(frozen=True)
class Report(Page):
    """A report as data, with what its pictures are made of; `html` and `markdown` (beside this file) write it."""

    observed: Timeline
    predicted: Timeline
    outages: tuple[Outage, ...]
    topology: Topology
    actions: tuple[Action, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "subtitle": self.subtitle,
            "outages": [outage.to_dict() for outage in self.outages],
            "sections": [section.title for section in self.sections],
        }

    @property
    def predicted_estimates(self) -> dict[str, Estimate]:
        return {outage.service: outage.predicted for outage in self.outages}

    @property
    def observed_seconds(self) -> dict[str, float]:
        return {outage.service: outage.observed for outage in self.outages if outage.observed is not None}

    @property
    def uncertainties(self) -> dict[str, float]:
        return {outage.service: outage.uncertainty for outage in self.outages if outage.observed is not None}


def build_report(
    incident: Incident,
    prediction: Prediction | Replay,
    explanation: Explanation,
    *,
    parameters: Parameters | None = None,
    author: str = "",
) -> Report:
    """Gives the report of an incident.

    Parameters
    ----------
    prediction
        What the simulator says of the best hypothesis: `replay(...)`, or its prediction.
    parameters
        Those of the replay, for the "what would have been" section; without them that uses the defaults.
    """
    if isinstance(prediction, Replay):
        table, predicted = prediction.outages, prediction.predicted
        how = f"{prediction.prediction.replicates} replicates, seed {prediction.prediction.seed}"
    else:
        table, predicted = outages(prediction, incident.timeline), prediction.typical()
        how = f"{prediction.replicates} replicates, seed {prediction.seed}"
    found = actions(incident, explanation, table, parameters)
    report = Report(
        _title(incident, explanation),
        _subtitle(incident, author),
        (
            sections.summary(incident, explanation, table),
            sections.to_do("What to do now", urgent(found), "Nothing is urgent."),
            sections.impact(table, how),
            sections.pictures(),
            sections.changes(incident),
            sections.causes(explanation),
            sections.automation(incident),
            sections.margin(incident),
            sections.to_do(
                "What to do later", [action for action in found if action not in urgent(found)], "Nothing."
            ),
            sections.logs(incident),
            sections.limits(incident, explanation),
        ),
        incident.timeline,
        predicted,
        table,
        incident.topology,
        found,
    )
    return replace(report, quotes=_quotes(incident, report))


def _title(incident: Incident, explanation: Explanation) -> str:
    if explanation.first_deviation is None:
        happened = "nothing deviated"
    else:
        happened = explanation.best.name if explanation.best.fault else "no single fault explains it"
    return f"Post-mortem of {incident.topology.name}: {happened}"


def _subtitle(incident: Incident, author: str) -> str:
    """When it was, how long it was watched, and the name that people gave it."""
    observed, folder = incident.timeline, incident.folder
    given = "" if folder is not None and incident.name == folder.name else incident.name
    watched = f"{duration(observed.horizon)} watched"
    if observed.epoch is not None:
        start = datetime.fromtimestamp(observed.epoch, UTC)
        watched = f"{start:%Y-%m-%d %H:%M:%S} UTC, {watched}"
    return " · ".join(part for part in (watched, given, author) if part)


def _quotes(incident: Incident, page: Page) -> dict[str, str]:
    """The text of every line that the report cites, where the incident's folder still has it."""
    cited: dict[str, set[int]] = {}
    for place in page.places():
        name, _, line = place.rpartition(":")
        if line.isdigit():
            cited.setdefault(name, set()).add(int(line))
    quotes: dict[str, str] = {}
    for name, lines in sorted(cited.items()):
        if incident.folder is None or not _inside(incident.folder, name):
            continue
        try:
            told = file_lines(incident.folder / name)
        except InputError:  # too large, or not ours to read: the place alone is cited
            continue
        quotes |= {f"{name}:{number}": text.strip()[:400] for number, text in told if number in lines}
    return quotes


def _inside(folder: Path, name: str) -> bool:
    """Whether evidence names a file of the incident that can be quoted."""
    path = folder / name
    try:
        return path.is_file() and folder.resolve() in path.resolve().parents
    except (OSError, ValueError):
        return False
