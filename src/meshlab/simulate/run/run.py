"""simulate: a scenario on a topology, over many replicates, on one process or several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from meshlab.model.errors import InputError
from meshlab.parameters import Parameters
from meshlab.simulate.layers.objectives import outlooks
from meshlab.simulate.layers.underlay import build_underlay
from meshlab.simulate.run.cluster import spread
from meshlab.simulate.run.prediction import Prediction
from meshlab.simulate.run.replicate import replicate
from meshlab.simulate.scenario.checks import check_scenario
from meshlab.simulate.scenario.scenario import Scenario

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event
    from types import FrameType

    from meshlab.model.timeline import Timeline
    from meshlab.model.topology import Topology

Job = tuple["Topology", Scenario, Parameters, int, tuple[int, ...]]


def simulate(
    topology: Topology,
    scenario: Scenario,
    *,
    replicates: int = 100,
    seed: int = 0,
    parameters: Parameters | None = None,
    workers: int = 1,
    scheduler: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Prediction:
    """Predicts what a scenario does to a cluster.

    Parameters
    ----------
    replicates
        How many histories are drawn; they differ in what the parameters leave open.
    seed
        Same seed, same bits, whatever the number of workers.
    parameters
        The table of numbers; the defaults when None. Joined with what the topology says of its parts.
    workers
        Processes to use; 1 stays in this one.
    scheduler
        The address of a Dask scheduler whose workers do it instead; the same bits again.
    progress
        Called with (done, total) as replicates are finished.

    Raises
    ------
    InputError
        The scenario does not fit the topology, the counts make no sense, or the scheduler cannot be used.

    Examples
    --------
    >>> from meshlab.model.spec import reference
    >>> from meshlab.simulate import Fault, Scenario, simulate
    >>> night = Scenario("one master", 600.0, (Fault.fail("master-1", at=60.0),), {"etcd": "master-1"})
    >>> prediction = simulate(reference(), night, replicates=5, seed=1)
    >>> 0.5 < prediction.services["etcd"].p50 < 2.5
    True
    """
    if replicates < 1 or workers < 1:
        raise InputError.single("simulate", f"replicates ({replicates}) and workers ({workers}) start at 1")
    check_scenario(scenario, topology)
    table = (parameters or Parameters.defaults()).joined(topology)
    timelines: list[Timeline] = []
    for part in _parts(topology, scenario, table, replicates, seed, workers, scheduler):
        timelines += part
        if progress:
            progress(len(timelines), replicates)
    return Prediction(
        seed,
        scenario.horizon,
        replicates,
        tuple(timelines),
        outlooks(timelines, scenario.horizon, topology.service_names),
    )


def _parts(
    topology: Topology,
    scenario: Scenario,
    table: Parameters,
    replicates: int,
    seed: int,
    workers: int,
    scheduler: str,
) -> Iterator[list[Timeline]]:
    if not scheduler and (workers == 1 or replicates == 1):
        underlay = build_underlay(topology, scenario)
        for number in range(replicates):
            yield [replicate(topology, scenario, table, underlay, seed, number)]
        return
    size = max(1, min(25, -(-replicates // (4 * (8 if scheduler else workers)))))
    chunks = [tuple(range(at, min(at + size, replicates))) for at in range(0, replicates, size)]
    jobs = ((topology, scenario, table, seed, chunk) for chunk in chunks)
    yield from spread(_job, jobs, scheduler) if scheduler else _spread(jobs, workers)


def _spread(jobs: Iterable[Job], workers: int) -> Iterator[list[Timeline]]:
    """Gives the jobs' results in order. An interrupt lets the running replicates end, and starts no more.

    Workers are not killed: one that dies while it writes its result leaves the pool waiting for the rest of it.
    Ctrl-C goes to the whole foreground group; only this process answers it, and tells its workers to stop. So
    they are born with the signal blocked: one that still starts up would print a traceback.
    """
    from collections import deque
    from concurrent.futures import Future, ProcessPoolExecutor
    from multiprocessing import get_context

    context = get_context("spawn")
    stop = context.Event()
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(stop,))
    waiting: deque[Future[list[Timeline]]] = deque()
    try:
        for job in jobs:
            with _interrupts_held():
                waiting.append(pool.submit(_job, job))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BaseException:
        stop.set()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Holds SIGINT back, also for processes born meanwhile; it comes after. Nothing outside the main thread.

    The mask is what children inherit. It does not hold the signal back here: another thread may take it, and
    Python then runs the handler in this one. So the handler waits too.
    """
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[tuple[int, FrameType | None]] = []
    handler = signal.signal(signal.SIGINT, lambda number, frame: held.append((number, frame)))
    masks = hasattr(signal, "pthread_sigmask")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if masks else set()
    try:
        yield
    finally:
        if masks:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGINT, handler)
    if held and callable(handler):
        handler(*held[0])


_stop: Event | None = None


def _begin(stop: Event) -> None:
    """Sets a worker up: it stops when it is told, not at an interrupt."""
    import signal

    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _job(job: Job) -> list[Timeline]:
    topology, scenario, table, seed, numbers = job
    underlay = build_underlay(topology, scenario)
    found: list[Timeline] = []
    for number in numbers:
        if _stop is not None and _stop.is_set():
            break
        found.append(replicate(topology, scenario, table, underlay, seed, number))
    return found
