"""The capacity plan as a report: from a design's answers to a page in which every number names its basis."""

from __future__ import annotations

from meshlab.planning.report.answers import Answers, answers
from meshlab.planning.report.build import capacity_plan
from meshlab.planning.report.chapters.signed import Signed
from meshlab.planning.report.document import Figure, Report, Section, Sentence, Source, Table, numbered
from meshlab.planning.report.pages.html import html
from meshlab.planning.report.pages.markdown import markdown

__all__ = [
    "Answers",
    "Figure",
    "Report",
    "Section",
    "Sentence",
    "Signed",
    "Source",
    "Table",
    "answers",
    "capacity_plan",
    "html",
    "markdown",
    "numbered",
]
