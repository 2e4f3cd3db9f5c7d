"""Answers as tables for people: what a notebook shows of a review, of availability, room, cost and latency."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING, cast

import pandas as pd

from meshlab.incident.report.words import percent
from meshlab.model.units import duration, size
from meshlab.provision.plan.preview import duration as how_long

if TYPE_CHECKING:
    from meshlab.incident.explain.explain import Explanation
    from meshlab.incident.explain.replay import Outage
    from meshlab.incident.report.document import Report
    from meshlab.model.review import Finding
    from meshlab.planning import Fit
    from meshlab.planning.advise import Advice
    from meshlab.planning.latency import Latency
    from meshlab.planning.report import Report as CapacityPlan
    from meshlab.provision.plan.plan import Plan
    from meshlab.simulate import Prediction


class Sheet(pd.DataFrame):
    """A table that a notebook shows whole: every row, every word, read from the left."""

    @property
    def _constructor(self) -> type[Sheet]:
        return Sheet

    def _repr_html_(self) -> str:
        heads = "".join(
            f'<th scope="col" {_LEFT}>{escape(str(h))}</th>' for h in (self.index.name, *self.columns)
        )
        rows = "".join(
            f'<tr><th scope="row" {_LEFT}>{escape(str(name))}</th>'
            + "".join(f"<td {_LEFT}>{escape(str(value))}</td>" for value in values)
            + "</tr>"
            for name, values in zip(self.index, self.itertuples(index=False, name=None), strict=True)
        )
        return f'<table class="dataframe"><thead><tr>{heads}</tr></thead><tbody>\n{rows}\n</tbody></table>'


_LEFT = 'style="text-align:left;vertical-align:top"'


def _frame(rows: Iterable[Mapping[str, object]], index: str) -> Sheet:
    return Sheet(list(rows)).set_index(index)


class Prose:
    """Points in words: a list in a notebook, a line each elsewhere; an indented line belongs to the one above it."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(line for line in lines if line.strip())

    def __repr__(self) -> str:
        return "\n".join(self.lines)

    def _repr_html_(self) -> str:
        points: list[tuple[str, list[str]]] = []
        for line in self.lines:
            if line.startswith(" ") and points:
                points[-1][1].append(escape(line.strip()))
            else:
                points.append((escape(line), []))
        items = "".join(f"<li>{head}{_points(below)}</li>" for head, below in points)
        return f'<ul style="max-width:60em">{items}</ul>'


def _points(lines: list[str]) -> str:
    return "<ul>" + "".join(f"<li>{line}</li>" for line in lines) + "</ul>" if lines else ""


def plan_table(plan: CapacityPlan, caption: str) -> Sheet:
    """Gives the table of a capacity plan whose caption begins so; its numbers' sources are in the plan."""
    from meshlab.planning.report.document import Table as PlanTable
    from meshlab.planning.report.document import plain

    tables = [b for section in plan.sections for b in section.blocks if isinstance(b, PlanTable)]
    table = next(one for one in tables if plain(one.caption).startswith(caption))
    rows = [dict(zip(table.headings, map(plain, row), strict=True)) for row in table.rows]
    return _frame(rows, table.headings[0])


def findings(found: Iterable[Finding]) -> Sheet:
    """Gives what a review found, worst first: severity, what is wrong, the way out."""
    order = {"error": 0, "warning": 1, "info": 2}
    rows = [
        {"rule": f.rule, "severity": f.severity, "what": f.message, "way out": f.fix}
        for f in sorted(found, key=lambda f: order[f.severity])
    ]
    return _frame(rows, "rule")


def room(found: Iterable[Fit]) -> Sheet:
    """Gives what each machine's workloads need of what it has; what does not fit says why."""
    rows = [
        {
            "machine": fit.machine,
            "resource": fit.resource,
            "needed": _amount(fit.resource, fit.used),
            "there is": _amount(fit.resource, fit.available),
            "fits": "● yes" if fit.fits else f"✖ no: {fit.reason}",
        }
        for fit in found
    ]
    return _frame(rows, "machine")


def requests(found: Iterable[Latency]) -> Sheet:
    """Gives how long each kind of request takes, and what most of that is."""
    rows = [
        {
            "request": one.request,
            "median": _milliseconds(one.p50.value),
            "p95": _milliseconds(one.p95.value),
            "p99": _milliseconds(one.p99.value),
            "mostly": one.dominant,
            "saturates at": f"{one.most:,.0f} a second",
        }
        for one in found
    ]
    return _frame(rows, "request")


def ways_out(advice: Advice) -> Sheet:
    """Gives the ways out for one raft group, the safest first."""
    rows = [
        {
            "do": action.what,
            "takes (90 %)": f"{_short(action.exposure.seconds.low)} to {_short(action.exposure.seconds.high)}",
            "quorum lost meanwhile": f"{action.exposure.risk.mid:.1g}" if advice.now.serving else "is lost",
            "data kept": "● yes" if action.keeps_data else "▲ not all",
        }
        for action in advice.actions
    ]
    return _frame(rows, "do")


def outlooks(prediction: Prediction) -> Sheet:
    """Gives the predicted downtime of each service: the middle, and what nine of ten histories keep."""
    rows = [
        {
            "service": name,
            "down (median)": _short(one.p50),
            "90 % between": f"{_short(one.p05)} and {_short(one.p95)}",
        }
        for name, one in prediction.services.items()
    ]
    return _frame(rows, "service")


def outages(found: Iterable[Outage]) -> Sheet:
    """Gives each service's outage as it was predicted for the cause, and as it was observed."""
    rows = []
    for one in found:
        low, mid, high = (
            _short(value) for value in (one.predicted.low, one.predicted.mid, one.predicted.high)
        )
        seen = "not seen" if one.observed is None else f"{_short(one.observed)} ± {_short(one.uncertainty)}"
        inside = {True: "● inside", False: "▲ outside", None: "– not judged"}[one.inside]
        rows.append(
            {
                "service": one.service,
                "predicted": f"{mid} ({low} to {high})",
                "observed": seen,
                "interval": inside,
            }
        )
    return _frame(rows, "service")


def _milliseconds(seconds: float) -> str:
    return "never" if math.isinf(seconds) else f"{1000 * seconds:.3g} ms"


def _amount(resource: str, value: float) -> str:
    return f"{value:g}" if resource in ("cores", "pods", "nodes") else size(value)


def _short(value: float) -> str:
    return duration(round(value, 1) if value < 60 else round(value))


def plan(made: Plan) -> Sheet:
    """Gives a plan as a table: what each step does, why, how long it takes, and whether it can be undone."""
    rows = [
        {
            "step": step.id,
            "what": step.title,
            "why": step.why,
            "takes": how_long(step),
            "once": "▲ irreversible" if step.irreversible else "",
        }
        for step in made
    ]
    return _frame(rows, "step")


def plan_in_short(made: Plan) -> Sheet:
    """Gives a plan by system: how many steps, how long they take, what is done once, what it costs."""
    rows = []
    for system in dict.fromkeys(step.system for step in made):
        mine = [step for step in made if step.system == system]
        cost = sum(step.cost.monthly for step in mine)
        rows.append(
            {
                "system": system,
                "steps": len(mine),
                "take together": _short(sum(step.duration.quantile(0.5) for step in mine)),
                "done once, never retried blindly": "; ".join(s.title for s in mine if s.irreversible) or "-",
                "USD a month": f"{cost:,.0f}" if cost else "-",
            }
        )
    return _frame(rows, "system")


def claims(result: Mapping[str, object], *, measured: bool = False) -> Sheet:
    """Gives the claims of a verification and whether each holds; with what was measured if asked for."""
    rows = []
    for one in cast("list[dict[str, object]]", result["claims"]):
        row = {"claim": one["claim"], "holds": "● yes" if one["holds"] else "✖ no"}
        rows.append(row | {"measured": one["measured"]} if measured else row)
    return _frame(rows, "claim")


def built(made: Plan, steps: Mapping[str, str]) -> Sheet:
    """Gives how many steps of each system there were, and how many of them are done."""
    rows = []
    for system in dict.fromkeys(step.system for step in made):
        mine = [step for step in made if step.system == system]
        over = sum(steps[step.id] in ("done", "adopted") for step in mine)
        rows.append({"system": system, "steps": len(mine), "done": over, "the last of them": mine[-1].title})
    return _frame(rows, "system")


def causes(explanation: Explanation, most: int = 6) -> Sheet:
    """Gives the likeliest causes in order; those that would have looked the same stand beside each other."""
    rows = [
        {
            "cause": cause.name,
            "probability": percent(cause.probability),
            "looks the same": ", ".join(cause.alike),
            "why": str(cause.why),
        }
        for cause in explanation.causes[:most]
    ]
    return _frame(rows, "cause")


def proposals(report: Report) -> Sheet:
    """Gives what a report proposes to do, most urgent first, each with its reason."""
    rows = [{"kind": one.kind, "action": one.text, "because": one.why} for one in report.actions]
    return _frame(rows, "kind")


def targets(results: Iterable[tuple[str, list[tuple[str, float, bool]]]]) -> Sheet:
    """Gives what the validation was to reach, and in how many cells it does."""
    from meshlab.validation.stored import target

    rows = []
    for title, found in results:
        what, cells, reached, worst = target(title, found)
        rows.append({"target": what, "cells": int(cells), "reached in": reached, "worst": worst})
    return _frame(rows, "target")


def held(checks: Iterable[tuple[str, bool]]) -> Sheet:
    """Gives checks and whether they hold, in words."""
    return _frame(({"check": what, "holds": "yes" if well else "NO"} for what, well in checks), "check")
