"""The quickest way between every two machines of a dense mesh, over others if need be; and which others.

A full mesh has an edge for each pair, so it is a matrix, and Floyd and Warshall's recurrence on it: in tiles that
stay in the processor's cache, four intermediate machines at a time, rows of tiles side by side on several threads.
A tile's sums do not depend on the others of its round, so the number of threads cannot change a bit.

References
----------
Venkataraman, Sahni, Mukhopadhyaya, A blocked all-pairs shortest-paths algorithm, J. Exp. Algorithmics 8, 2003.
"""

from __future__ import annotations

import os
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from meshlab.model import Distribution

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from meshlab.model import Topology

    Matrix = NDArray[np.float64]

TILE = 64
NEIGHBOUR = Distribution.lognormal(50e-6, 0.3, source="two machines on one switch [E]")


def all_pairs(direct: Matrix, *, threads: int = 0) -> Matrix:
    """Gives the quickest delay between every two machines.

    Parameters
    ----------
    direct : (n, n)
        Seconds from a to b over their own way; infinite without one, and never negative. The way from a machine to
        itself counts as nothing.
    threads
        0 is one for each processor, four at the most.

    Returns
    -------
    (n, n)
        Seconds; infinite where there is no way at all. The argument is left as it is.

    Examples
    --------
    >>> import numpy as np
    >>> cut = np.array([[0, np.inf, 1.0], [np.inf, 0, 2.0], [1.0, 2.0, 0]])
    >>> float(all_pairs(cut)[0, 1])
    3.0
    """
    import numpy as np

    count = direct.shape[0]
    if direct.shape != (count, count) or count == 0:
        raise ValueError(f"delays between machines are a square matrix, not {direct.shape}")
    if not (direct >= 0).all():
        raise ValueError("a delay is a number that is not negative")
    size = -(-count // TILE) * TILE
    delay = np.full((size, size), np.inf)
    delay[:count, :count] = direct
    np.fill_diagonal(delay, 0.0)
    _rounds(delay, threads or min(4, os.cpu_count() or 1))
    return np.ascontiguousarray(delay[:count, :count])


def _rounds(delay: Matrix, threads: int) -> None:
    from concurrent.futures import ThreadPoolExecutor

    corner, cross, rest = _kernels()
    tiles = delay.shape[0] // TILE
    if threads == 1 or tiles < 4:
        for via in range(tiles):
            corner(delay, via)
            cross(delay, via, 0, tiles)
            rest(delay, via, 0, tiles)
        return
    bounds = [tiles * i // threads for i in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        for via in range(tiles):
            corner(delay, via)
            for part in (cross, rest):
                jobs = [pool.submit(part, delay, via, low, high) for low, high in pairwise(bounds)]
                for job in jobs:
                    job.result()


@cache
def _kernels() -> tuple[Any, Any, Any]:
    from meshlab.planning.latency.all_pairs_kernels import corner, cross, rest

    return corner, cross, rest


def relays(direct: Matrix, quickest: Matrix, a: int, b: int) -> tuple[int, ...]:
    """Gives the machines in between on the quickest way from a to b; none where the direct way is it.

    Raises
    ------
    ValueError
        There is no way from a to b.
    """
    import numpy as np

    if not np.isfinite(quickest[a, b]):
        raise ValueError(f"there is no way from {a} to {b}")
    found: list[int] = []
    here = a
    while here != b and len(found) < direct.shape[0]:
        # Rounding: the sum along the way may differ from the recurrence's in its last digits.
        if direct[here, b] <= quickest[here, b] * (1 + 1e-12):
            break
        legs = direct[here] + quickest[:, b]
        legs[[a, *found]] = np.inf  # a way of no length must not go back and forth
        here = int(legs.argmin())
        found.append(here)
    return tuple(found)


def relayed_ways(topology: Topology, down: frozenset[str]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Gives, for each pair of machines that are up and have no way of their own, those over which they have one."""
    import numpy as np

    names, direct = direct_delays(topology, down)
    if not names:
        return {}
    quickest = all_pairs(direct)
    apart = np.argwhere(np.isinf(direct) & np.isfinite(quickest))
    return {
        (names[a], names[b]): tuple(names[k] for k in relays(direct, quickest, a, b))
        for a, b in apart.tolist()
    }


def direct_delays(topology: Topology, down: frozenset[str]) -> tuple[tuple[str, ...], Matrix]:
    """Gives the machines that are up, and the median one-way delay of each pair's own way, with what is down."""
    import numpy as np

    gone = {m.name for part in down for m in _inside(topology, part)}
    names = tuple(m.name for m in topology.machines if m.name not in gone)
    delay = np.full((len(names), len(names)), np.inf)
    known: dict[str, float] = {}
    for i, a in enumerate(names):
        for j, b in enumerate(names):
            if i == j:
                delay[i, j] = 0.0
                continue
            link = topology.link_between(a, b)
            if link is None and topology.machine(a).site != topology.machine(b).site:
                continue
            if link is not None and link.name in down:
                continue
            key = link.name if link else ""
            if key not in known:
                known[key] = (link.latency if link else NEIGHBOUR).quantile(0.5)
            delay[i, j] = known[key]
    return names, delay


def _inside(topology: Topology, name: str) -> tuple[Any, ...]:
    kinds = ("site", "zone", "machine", "group")
    return topology.machines_in(name) if topology[name].kind in kinds else ()
