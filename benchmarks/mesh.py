"""A mesh of 10,000 machines at 40 sites: build it and ask what-ifs, beside networkx on a mesh it can hold.

Target: build and one what-if within 1 s and 1 GiB. networkx needs an edge for each access and link (the
two-level graph, its best case, not the full mesh); it answers one machine's delays to all others. One JSON line.
`--small`: 300 machines at 16 sites.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
from common import Document, Row, best, options, said

from meshlab.simulate.kernels.mesh import Mesh

MACHINES, SITES = 10_000, 40
SMALL_MACHINES, SMALL_SITES = 300, 16
REPEATS = 5


def drawn(machines: int, sites: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Backbone of a ring with chords, machines spread over the sites, a tenth of them behind NAT."""
    rng = np.random.default_rng(3)
    direct = np.full((sites, sites), np.inf)
    for a in range(sites):
        for b in (a + 1, a + 7, a + 13):
            direct[a, b % sites] = direct[b % sites, a] = rng.uniform(0.005, 0.05)
    np.fill_diagonal(direct, 0.0001)
    return (
        direct,
        rng.integers(0, sites, machines),
        rng.uniform(0.0001, 0.002, machines),
        rng.random(machines) < 0.1,
    )


def graph(direct: np.ndarray, site: np.ndarray, access: np.ndarray) -> nx.DiGraph:
    found: nx.DiGraph = nx.DiGraph()
    for a, b in zip(*np.nonzero(np.isfinite(direct)), strict=True):
        if a != b:
            found.add_edge(("site", a), ("site", b), weight=direct[a, b])
    for machine, (at, takes) in enumerate(zip(site, access, strict=True)):
        found.add_edge(machine, ("site", at), weight=takes)
        found.add_edge(("site", at), machine, weight=takes)
    return found


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def measure(small: bool) -> list[Document]:
    machines, sites = (SMALL_MACHINES, SMALL_SITES) if small else (MACHINES, SITES)
    little = Mesh.of(*drawn(20, 4 * 4))
    first, _ = timed(lambda: (little.tunnels(), little.histogram(0.001), little.delays_from(1)))
    direct, site, access, nat = drawn(machines, sites)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    build, mesh = timed(lambda: Mesh.of(direct, site, access, nat))
    whole, tunnels = timed(mesh.tunnels)
    asked = {
        "lose_a_site": lambda: mesh.without_site(5).tunnels(),
        "cut_one_direction": lambda: mesh.cut(0, 1).tunnels(),
        "behind_nat": lambda: mesh.behind_nat(17).tunnels(),
        "one_to_all": lambda: mesh.without_site(5).delays_from(17),
        "all_pairs_histogram": lambda: mesh.without_site(5).histogram(0.001),
    }
    took = {name: round(timed(work)[0], 4) for name, work in asked.items()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    theirs_build, known = timed(lambda: graph(direct, site, access))
    theirs, lengths = timed(lambda: nx.single_source_dijkstra_path_length(known, 17))
    ours = mesh.delays_from(17)
    far = [m for m in range(machines) if site[m] != site[17]]
    worst = max(abs(ours[m] - lengths[m]) for m in far)
    if worst > 1e-9:
        raise SystemExit(f"networkx and the mesh differ by {worst} s")
    one_to_all = best(lambda: nx.single_source_dijkstra_path_length(known, 17), REPEATS)[0]
    return [
        {
            "benchmark": "mesh",
            "machines": machines,
            "sites": sites,
            "pairs_with_a_tunnel": tunnels,
            "s": {"build": round(build, 4), "all_tunnels": round(whole, 4), **took},
            "first_use_s": round(first, 2),
            "peak_mib": {"before": before // 1024, "after": peak // 1024},
            "networkx_s": {"build": round(theirs_build, 4), "one_to_all": round(theirs, 4)},
            "rows": [
                Row(
                    f"mesh of {machines:,}: build, one to all",
                    best(lambda: Mesh.of(direct, site, access, nat).delays_from(17), REPEATS)[0],
                    best(lambda: graph(direct, site, access), 2)[0] + one_to_all,
                    "s",
                    note="networkx dijkstra on the two-level graph; budget 1 s",
                ),
                Row(
                    f"mesh of {machines:,}: all pairs",
                    best(lambda: mesh.histogram(0.001), 2)[0],
                    machines * one_to_all,
                    "s",
                    note="networkx dijkstra from each; computed, not run",
                ),
            ],
        }
    ]


if __name__ == "__main__":
    said(measure(options().small), "networkx", "numba")
