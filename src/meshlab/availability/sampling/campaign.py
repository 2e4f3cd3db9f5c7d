"""Chunks of work in order, on threads here or on a Dask cluster: the same bits, however many do it."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import count
from typing import Protocol, TypeVar

from meshlab.model.errors import InputError

T = TypeVar("T", covariant=True)
_LARGEST_BLOCK = 64


class Task(Protocol[T]):
    """What can be sampled in chunks: a value that travels, and gives chunk n the same way wherever it is."""

    def chunk(self, number: int) -> T:
        """Gives the totals of one chunk."""
        ...


def chunks(task: Task[T], workers: int = 1, scheduler: str = "") -> Generator[T, None, None]:
    """Gives the chunks' results in order, without end; close it (or leave the loop) to stop the work.

    A few chunks more than are taken are begun; what is not taken is lost, so the number of workers shows nowhere.

    Parameters
    ----------
    workers
        Threads; kernels do not hold the interpreter's lock.
    scheduler
        The address of a Dask scheduler whose workers do it instead.

    Raises
    ------
    InputError
        There is no such scheduler, it has no workers, or they do not have meshlab.
    """
    if workers < 1:
        raise InputError.single("--workers", f"{workers} workers do nothing", "give 1 or more")
    if scheduler:
        from meshlab.simulate.run.cluster import spread

        for several in spread(partial(_several, task), _blocks(), scheduler):
            yield from several
    elif workers == 1:
        for number in count():
            yield task.chunk(number)
    else:
        yield from _over_threads(task, workers)


def _several(task: Task[T], numbers: range) -> list[T]:
    return [task.chunk(number) for number in numbers]


def _blocks() -> Iterator[range]:
    """Gives all numbers in blocks that grow: what a cluster has begun in vain stays a part of what was asked for."""
    first = 0
    while True:
        size = max(1, min(_LARGEST_BLOCK, first // 16))
        yield range(first, first + size)
        first += size


def _over_threads(task: Task[T], workers: int) -> Generator[T, None, None]:
    pool = ThreadPoolExecutor(workers)
    waiting: deque[Future[T]] = deque()
    try:
        for number in count():
            waiting.append(pool.submit(task.chunk, number))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
