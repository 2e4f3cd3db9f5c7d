"""What a notebook or a command line holds of a run: start it or attach to it, watch it, hold it, go on."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from meshlab.live.target import Target
from meshlab.model import MeshlabError, Timeline, Topology
from meshlab.provision.cluster.approval import Approval, consume
from meshlab.provision.cluster.journal import Journal
from meshlab.provision.cluster.lease import Busy, runner_alive
from meshlab.provision.cluster.records import Kind, Outcome, Record
from meshlab.provision.cluster.workspace import RunDirectory, Workspace
from meshlab.provision.guard.observed import live_guard
from meshlab.provision.plan.plan import Plan, Purpose
from meshlab.provision.plan.step import Step
from meshlab.provision.run.histories import executed
from meshlab.provision.run.standing import stands

RUNNER = (sys.executable, "-P", "-m", "meshlab.provision.run.runner")
POLL_S = 0.1
START_S = 20.0


@dataclass(frozen=True)
class Progress:
    """Something that happened in a run: a step was begun, got done, says what it waits for, failed."""

    seq: int
    time: float
    step: str
    kind: Kind
    text: str

    @classmethod
    def of(cls, record: Record) -> Progress:
        return cls(record.seq, record.time, record.step, record.kind, record.text)


class RunStillOpen(MeshlabError):
    """Another run of this cluster was begun and not finished."""


def start_or_attach(
    plan: Plan,
    topology: Topology,
    target: Target,
    approval: Approval | None = None,
    *,
    override: Approval | None = None,
    runner: Sequence[str] = RUNNER,
) -> Attached:
    """Starts the one run of a plan, or attaches to it if it was started before. It never applies twice.

    A run that was interrupted goes on (its approval was given); a finished one is only looked at.

    Parameters
    ----------
    approval
        The person's word for this plan; not needed where the plan changes nothing or the run exists already.
    override
        The person's word against the guard's refusals, bound to the same hash; also for a run that was refused on
        its way and is to go on.

    Raises
    ------
    NotApproved, Refused, RunStillOpen
    """
    workspace = Workspace.of(target, plan.cluster)
    with Journal(workspace.journal) as journal:
        known = journal.run(plan.run)
        if known is None:
            _check_no_other(journal, workspace)
            if override is None:
                with live_guard(topology, target) as guard:
                    guard.insist(plan)
            if plan.changes:
                consume(approval, plan, journal, plan.run)
            _lay_out(workspace.run(plan.run), plan, topology, target)
            journal.begin(plan.run, plan.hash, plan.purpose, plan.serial)
        if override is not None:
            consume(override, plan, journal, plan.run)
    attached = Attached(plan, topology, target, runner)
    if known is None or known.outcome not in (Outcome.DONE, Outcome.SUPERSEDED):
        attached.go_on()
    return attached


class Attached:
    """A viewer of one run. Losing it loses nothing: make another one."""

    def __init__(
        self, plan: Plan, topology: Topology, target: Target, runner: Sequence[str] = RUNNER
    ) -> None:
        self.plan = plan
        self.topology = topology
        self._runner = tuple(runner)
        self._workspace = Workspace.of(target, plan.cluster)
        self._directory = self._workspace.run(plan.run)

    @property
    def alive(self) -> bool:
        """Whether a runner is at work on this cluster now."""
        return runner_alive(self._workspace)

    @property
    def runner_pid(self) -> int | None:
        """The process that carries the run, as it wrote it down; None before there was one."""
        try:
            return int(self._directory.pid.read_text())
        except (OSError, ValueError):
            return None

    @property
    def outcome(self) -> Outcome:
        with self._journal() as journal:
            run = journal.run(self.plan.run)
        return run.outcome if run else Outcome.PENDING

    @property
    def text(self) -> str:
        """Why the run stands as it does, where it is not done."""
        with self._journal() as journal:
            run = journal.run(self.plan.run)
        return run.text if run else ""

    def go_on(self) -> None:
        """Starts a runner for the run unless one is at work; clears the hold flag first."""
        with self._journal() as journal:
            journal.hold(False)
            run = journal.run(self.plan.run)
        if self.alive or (run is not None and run.outcome is Outcome.DONE):
            return
        with self._directory.log.open("ab") as log:
            process = subprocess.Popen(
                [*self._runner, str(self._directory.path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=dict(os.environ),
            )
        # Reaped when it ends, whether or not this viewer is still looked at by then.
        threading.Thread(target=process.wait, name="reap-runner", daemon=True).start()
        deadline = time.monotonic() + START_S
        while not self.alive and process.poll() is None and time.monotonic() < deadline:
            time.sleep(POLL_S / 5)

    resume = go_on

    def hold(self) -> None:
        """Asks the runner to start nothing more; what is in flight finishes. Durable: it outlives both."""
        with self._journal() as journal:
            journal.hold(True, by=getpass.getuser())

    def follow(self, after: int = 0) -> Iterator[Progress]:
        """Gives what happens in the run, from row `after` on, until it is over or no runner is left."""
        while True:
            # The order matters: who looks for the end first misses no row written before it.
            over = not self.alive
            records = self.records(after)
            for record in records:
                after = record.seq
                yield Progress.of(record)
            if over and not records:
                return
            if not records:
                time.sleep(POLL_S)

    def wait(self) -> Outcome:
        """Waits until the run is over and gives how it stands. A dead runner's run stands as interrupted (failed)."""
        for _ in self.follow():
            pass
        outcome = self.outcome
        return outcome if outcome.final else Outcome.FAILED

    def records(self, after: int = 0) -> list[Record]:
        """Gives the journal rows of the run."""
        with self._journal() as journal:
            return journal.records(self.plan.run, after=after)

    def steps(self) -> dict[str, str]:
        """Gives where each step stands: waiting, working, done, adopted, failed, needs-you, refused."""
        return stands(self.plan, self.records())

    def results(self) -> dict[str, dict[str, object]]:
        """Gives the durable results of the steps so far."""
        with self._journal() as journal:
            return {step: dict(data) for step, data in journal.settled(self.plan.run).items()}

    def timeline(self) -> Timeline:
        """Gives what was executed so far, as a history."""
        return executed(self.plan, self.topology, self.records())

    def _journal(self) -> Journal:
        return Journal(self._workspace.journal)


def open_runs(target: Target, cluster: str) -> list[str]:
    """Gives the runs of a cluster that were begun and are not finished, oldest first."""
    path = Workspace(target.cluster_directory(cluster)).journal
    if not path.exists():
        return []
    closed = (Outcome.DONE, Outcome.SUPERSEDED)
    with Journal(path) as journal:
        return [run.run for run in journal.runs() if run.outcome not in closed]


def unfinished(target: Target, cluster: str, purpose: Purpose, steps: tuple[Step, ...]) -> Plan | None:
    """Gives the plan of a begun, unfinished run of the very same steps; None where there is none."""
    for run in reversed(open_runs(target, cluster)):
        begun = Plan.load(Workspace(target.cluster_directory(cluster)).run(run).plan)
        if begun.purpose == purpose and begun.steps == steps:
            return begun
    return None


def attach(target: Target, cluster: str, run: str, *, runner: Sequence[str] = RUNNER) -> Attached:
    """Attaches to a run by its name, from the plan and the topology saved with it."""
    from meshlab.model.spec import load

    directory = Workspace(target.cluster_directory(cluster)).run(run)
    return Attached(Plan.load(directory.plan), load(directory.topology), target, runner)


def abandon(target: Target, cluster: str, run: str) -> None:
    """Closes an unfinished run for good. What it did stays; the next plan finds and adopts it.

    Raises
    ------
    Busy
        Its runner is at work.
    """
    workspace = Workspace(target.cluster_directory(cluster))
    if runner_alive(workspace):
        raise Busy(f"the runner of {run} is at work; hold it first")
    with Journal(workspace.journal) as journal:
        journal.supersede(run, "given up by a person")


def _check_no_other(journal: Journal, workspace: Workspace) -> None:
    for run in journal.runs():
        if run.outcome in (Outcome.DONE, Outcome.SUPERSEDED):
            continue
        if runner_alive(workspace):
            raise RunStillOpen(f"the run {run.run} is at work on this cluster: attach to it, or wait")
        # Nobody carries it any more, and a person has approved another plan: that plan finds what it left.
        journal.supersede(run.run, "another plan was approved")


def _lay_out(directory: RunDirectory, plan: Plan, topology: Topology, target: Target) -> None:
    from meshlab.model.spec import dump

    directory.path.mkdir(parents=True, exist_ok=True, mode=0o700)
    plan.save(directory.plan)
    directory.topology.write_text(dump(topology))
    target.save(directory.target)
