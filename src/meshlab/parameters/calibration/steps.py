"""How long a kind of step takes, from a run's own executed steps."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlab.model.distribution import Distribution
from meshlab.model.errors import InputError
from meshlab.parameters.calibration.durations import Measured, Prior, fit_durations
from meshlab.parameters.calibration.outcome import Evidence, Fit
from meshlab.parameters.table import Parameter

if TYPE_CHECKING:
    from meshlab.parameters.table import Parameters


@dataclass(frozen=True)
class StepRun:
    """One step as it was executed: its kind, from when to when (Unix time), and where that is written.

    ``planned`` is how long the plan said it takes, the prior where the table has no row for the kind.
    """

    kind: str
    start: float
    end: float
    file: str
    line: int
    planned: Distribution | None = None


def learn_steps(runs: Sequence[StepRun], table: Parameters) -> Iterator[Fit]:
    """Gives a distribution for each kind of step: ``step.<kind>``.

    Raises
    ------
    InputError
        A step ended before it began: the clock was set back meanwhile.
    """
    kinds: dict[str, list[StepRun]] = {}
    for run in runs:
        if run.end < run.start:
            raise InputError.single(
                run.file,
                f"the step {run.kind} ended {run.start - run.end:.3g} s before it began: the clock was set back",
                "leave this run out",
                run.line,
            )
        kinds.setdefault(run.kind, []).append(run)
    for kind, found in sorted(kinds.items()):
        name = f"step.{kind}"
        old = table.rows.get(name)
        planned = next((run.planned for run in found if run.planned is not None), None)
        if old is None and planned is not None:
            old = Parameter(
                name,
                planned,
                "s",
                planned.quantile(0.05),
                planned.quantile(0.95),
                planned.source or "[E] the plan",
            )
        measured = [Measured.exactly(max(run.end - run.start, 1e-3)) for run in found]
        prior = Prior.of(old) if old else Prior.vague(sorted(m.low for m in measured)[len(measured) // 2])
        posterior = fit_durations(measured, Prior(prior.median, max(prior.doubt, 1.0), prior.sigma))
        yield Fit(
            name,
            posterior.value,
            "s",
            "median",
            posterior.median,
            f"posterior of a lognormal; prior: {'the row replaced, within a factor of 5' if old else 'vague'}",
            _evidence(kind, found),
            old,
            meaning=f"one step {kind}, from intent to result",
        )


def _evidence(kind: str, runs: Sequence[StepRun]) -> tuple[Evidence, ...]:
    by_file: dict[str, list[StepRun]] = {}
    for run in runs:
        by_file.setdefault(run.file, []).append(run)
    return tuple(
        Evidence(
            file,
            f"steps {kind}",
            len(found),
            datetime.datetime.fromtimestamp(found[0].start, datetime.UTC).date().isoformat(),
            found[0].line,
        )
        for file, found in sorted(by_file.items())
    )
