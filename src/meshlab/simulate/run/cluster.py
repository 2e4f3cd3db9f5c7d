"""Jobs spread over the workers of a Dask cluster, their results in order: for campaigns larger than one machine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any, TypeVar

from meshlab.model.errors import InputError
from meshlab.model.extras import require

J = TypeVar("J")
R = TypeVar("R")
_PATIENCE = 10.0
_AHEAD = 4  # jobs that wait for each thread of the cluster


def spread(work: Callable[[J], R], jobs: Iterable[J], address: str) -> Iterator[R]:
    """Gives ``work(job)`` for each job, in the order of the jobs; a job is begun before its turn, not counted.

    The workers must have this version of meshlab. Leaving the loop gives up what was begun.

    Parameters
    ----------
    address
        Of the scheduler, as it prints it: ``tcp://10.0.0.5:8786``.

    Raises
    ------
    InputError
        The package is not there, nobody answers at the address, it has no workers, or they cannot do the work.
    """
    client = _client(address)
    try:
        room = _AHEAD * sum(_threads(client, address))
        waiting: deque[Any] = deque()
        for job in jobs:
            waiting.append(client.submit(work, job, pure=False))
            if len(waiting) >= room:
                yield _result(waiting.popleft(), address)
        while waiting:
            yield _result(waiting.popleft(), address)
    finally:
        client.close()


def _client(address: str) -> Any:
    require("distributed")
    distributed: Any = import_module("distributed")
    try:
        return distributed.Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError.single(
            "--scheduler",
            f"no Dask scheduler answers at {address} ({type(error).__name__})",
            "start one with `dask scheduler`, workers with `dask worker ADDRESS`, and give the address it prints",
        ) from None


def _threads(client: Any, address: str) -> list[int]:
    from meshlab.version import __version__

    try:
        client.wait_for_workers(1, timeout=_PATIENCE)
    except TimeoutError:
        raise InputError.single(
            "--scheduler", f"the scheduler at {address} has no workers", "start some: `dask worker ADDRESS`"
        ) from None
    try:
        versions = client.run(_version)
    except (
        Exception
    ) as error:  # what a worker raises before it has our code is plain and has no class of its own
        raise InputError.single(
            "--scheduler",
            f"the workers of {address} cannot run meshlab ({error})",
            "install the same version on every worker",
        ) from None
    for worker, version in sorted(versions.items()):
        if version != __version__:
            raise InputError.single(
                "--scheduler",
                f"the worker {worker} has meshlab {version}, not {__version__}",
                "install the same version on every worker, or the answers are not the same",
            )
    return list(client.nthreads().values())


def _version() -> str:
    """Runs on a worker."""
    from meshlab.version import __version__

    return __version__


def _result(future: Any, address: str) -> Any:
    from distributed.client import FutureCancelledError
    from distributed.scheduler import KilledWorker

    try:
        return future.result()
    except (KilledWorker, FutureCancelledError, ModuleNotFoundError) as error:
        raise InputError.single(
            "--scheduler",
            f"the workers of {address} did not finish: {error}",
            "see that they have meshlab and memory",
        ) from None
