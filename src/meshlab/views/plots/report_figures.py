"""The pictures of a report, and the report written with them to a folder."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from meshlab.incident.report.document import Report
from meshlab.incident.report.html import html
from meshlab.incident.report.markdown import markdown
from meshlab.views.plots.outages import plot_outages
from meshlab.views.plots.timeline import plot_timeline


@dataclass(frozen=True)
class Written:
    """The files of a written report."""

    html: Path
    markdown: Path
    timeline: Path
    outages: Path


def report_figures(report: Report, dpi: int = 110) -> dict[str, bytes]:
    """Gives the report's pictures as PNG, by the names that the report calls them by."""
    end = report.observed.horizon
    predicted = report.predicted.clipped(end)
    timeline = plot_timeline(
        predicted,
        report.observed,
        topology=report.topology,
        title="What was predicted for the most likely cause, and what was observed?",
        zoom=True,
    )
    outages = plot_outages(
        report.predicted_estimates, report.observed_seconds, uncertainty=report.uncertainties
    )
    pictures = {}
    for name, figure in (("timeline", timeline), ("outages", outages)):
        out = BytesIO()
        figure.savefig(out, format="png", dpi=dpi, metadata={"Software": None})
        pictures[name] = out.getvalue()
    return pictures


def write_report(report: Report, folder: Path) -> Written:
    """Writes report.html (self-contained), report.md and its two pictures to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = report_figures(report)
    written = Written(
        folder / "report.html", folder / "report.md", folder / "timeline.png", folder / "outages.png"
    )
    written.timeline.write_bytes(pictures["timeline"])
    written.outages.write_bytes(pictures["outages"])
    written.html.write_text(html(report, pictures), encoding="utf-8")
    names = {"timeline": written.timeline.name, "outages": written.outages.name}
    written.markdown.write_text(markdown(report, names), encoding="utf-8")
    return written
