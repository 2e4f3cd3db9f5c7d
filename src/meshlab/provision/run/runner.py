"""The runner: a process of its own that carries one run through. `python -m meshlab.provision.run.runner RUN_DIR`.

Viewers attach by reading the journal; a dead viewer loses the picture, not the run.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from meshlab.live.target import Target
from meshlab.model import CheckFailed, InputError, MeshlabError, Topology
from meshlab.provision.cluster.connections import Connections
from meshlab.provision.cluster.journal import Fenced
from meshlab.provision.cluster.lease import Lease
from meshlab.provision.cluster.records import Outcome
from meshlab.provision.cluster.strongbox import Strongbox
from meshlab.provision.cluster.workspace import RunDirectory
from meshlab.provision.guard.observed import guard_of
from meshlab.provision.plan.plan import Plan
from meshlab.provision.run.attempt import Boundary
from meshlab.provision.run.executor import Executor, nowhere
from meshlab.provision.systems.context import Context

EXIT = {Outcome.DONE: 0, Outcome.CHECK_FAILED: CheckFailed.exit_code, Outcome.REFUSED: 2}
"""The runner's exit codes; every other outcome is 3: the live side failed, and the run can be resumed."""


def main(arguments: list[str], boundary: Boundary = nowhere) -> int:
    """Runs the run in the directory given; returns the process's exit code."""
    if len(arguments) != 1:
        print("usage: python -m meshlab.provision.run.runner RUN_DIR", file=sys.stderr)
        return InputError.exit_code
    directory = RunDirectory(Path(arguments[0]))
    stop = threading.Event()

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    try:
        return EXIT.get(carry(directory, stop, boundary), 3)
    except MeshlabError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def carry(
    directory: RunDirectory,
    stop: threading.Event,
    boundary: Boundary = nowhere,
) -> Outcome:
    """Carries a run to its end, its first failure or its loss to another runner; the lease is held meanwhile.

    Raises
    ------
    Busy
        Another runner has this cluster.
    Fenced
        Another runner has taken over.
    """
    plan = Plan.load(directory.plan)
    target = Target.load(directory.target)
    topology = _topology(directory)
    workspace = directory.workspace
    lease = Lease(workspace)
    with lease as journal:
        directory.pid.write_text(str(os.getpid()))
        strongbox = Strongbox(workspace.strongbox, workspace.strongbox_key)
        with Connections(target, plan.cluster, strongbox) as connections:
            context = Context(target, plan.cluster, strongbox, connections, journal, stop=stop)
            executor = Executor(
                plan,
                context,
                journal,
                topology=topology,
                guard=guard_of(topology, connections),
                boundary=boundary,
                waits_on_hold=True,
                lost=lease.lost.is_set,
            )
            try:
                return executor.run()
            except Fenced:
                raise
            except BaseException:
                if not lease.lost.is_set():
                    journal.set_outcome(plan.run, Outcome.FAILED, "the runner stopped; resume the run")
                raise


def _topology(directory: RunDirectory) -> Topology:
    from meshlab.model.spec import load

    return load(directory.topology)


if __name__ == "__main__":
    os.umask(0o077)
    raise SystemExit(main(sys.argv[1:]))
