"""Sampling: worlds a second of a mesh beside networkx, and seconds to ten percent at 1e-9. One JSON line for each.

`mesh`: 28 machines at 4 sites, 378 links; it serves while one connected piece holds 3 of 4 control planes, a vault
and 60 % of the workers. networkx draws the same probabilities with numpy, builds a graph of each world and looks at
its components. Both give the unavailability with its 95 % interval; ours runs on one thread and on two. The exact
answer is out of a decision diagram's reach. `rare`: a circuit of unavailability 1.2e-9, exact by decision diagram,
sampled until the 95 % half-width is a tenth of the answer; the other side is plain sampling at its measured speed,
to the same width (computed, not run: it takes 3.1e11 worlds). Warm-up apart; best of three.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import networkx as nx
import numpy as np

from meshlab.availability.diagrams.compiled import compiled
from meshlab.availability.exact.evaluate import probabilities
from meshlab.availability.sampling import HalfWidth, MeshModel, Need, Program, sample, sample_mesh
from meshlab.availability.sampling.intervals import Z95, wilson
from meshlab.availability.trees.formula import Works, all_of, any_of, at_least, failure

RUNS = 3
OURS, NAIVE = 60_000_000, 3_000
MACHINE, LINK, ACROSS, SITE = (
    2e-3,
    1e-3,
    5e-3,
    1e-2,
)  # unavailabilities, [E]: for the speed only their size matters


def mesh() -> MeshModel:
    sites = "abcd"
    where = {f"control-{i}": sites[i] for i in range(4)} | {f"vault-{i}": sites[i] for i in range(3)}
    where |= {f"worker-{i}": sites[i % 4] for i in range(21)}
    groups = [tuple(m for m in where if m.startswith(kind)) for kind in ("control", "vault", "worker")]
    needs = tuple(Need(k, group) for k, group in zip((3, 1, 13), groups, strict=True))
    return MeshModel.full(
        where, machine_down=MACHINE, link_down=LINK, across_down=ACROSS, site_down=SITE, needs=needs
    )


def naive(model: MeshModel, worlds: int, seed: int) -> int:
    """Counts failed worlds with a graph for each."""
    causes = list(model.down)
    number = {cause: i for i, cause in enumerate(causes)}
    p = np.array([model.down[cause] for cause in causes])
    machines = [(m, [number[c] for c in cs]) for m, cs in model.machines.items()]
    links = [(a, b, [number[c] for c in cs]) for (a, b), cs in model.links.items()]
    groups = [(need.k, set(need.members)) for need in model.needs]
    rng, failed = np.random.default_rng(seed), 0
    for _ in range(worlds):
        lost = (rng.random(p.size) < p).tolist()
        graph = nx.Graph()
        graph.add_nodes_from(m for m, cs in machines if not any(lost[c] for c in cs))
        graph.add_edges_from(
            (a, b) for a, b, cs in links if a in graph and b in graph and not any(lost[c] for c in cs)
        )
        failed += not any(
            all(len(piece & group) >= k for k, group in groups) for piece in nx.connected_components(graph)
        )
    return failed


def best(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Gives the least wall and processor seconds of a few runs, and what came out."""
    walls, processors, found = [], [], None
    for _ in range(RUNS):
        wall, processor = time.perf_counter(), time.process_time()
        found = work()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return min(walls), min(processors), found


def mesh_line() -> dict[str, Any]:
    model = mesh()
    first = time.perf_counter()
    sample_mesh(model, samples=1)
    first = time.perf_counter() - first
    ours: dict[str, Any] = {}
    for workers in (1, 2):
        wall, processor, found = best(lambda n=workers: sample_mesh(model, samples=OURS, workers=n))
        ours[f"threads_{workers}"] = {
            "worlds_per_s": round(OURS / wall),
            "worlds_per_cpu_s": round(OURS / processor),
            "unavailability": found.unavailability,
            "interval": found.interval,
        }
    wall, processor, failed = best(lambda: naive(model, NAIVE, 1))
    more = naive(model, 3 * NAIVE, 2)
    return {
        "benchmark": "sampling-mesh",
        "machines": len(model.machines),
        "links": len(model.links),
        "worlds": OURS,
        "ours": ours,
        "same_bits": ours["threads_1"]["unavailability"] == ours["threads_2"]["unavailability"],
        "networkx": {
            "worlds_per_s": round(NAIVE / wall),
            "worlds_per_cpu_s": round(NAIVE / processor),
            "unavailability": (failed + more) / (4 * NAIVE),
            "interval": wilson(failed + more, 4 * NAIVE),
        },
        "first_use_s": round(first, 2),
    }


def rare_line() -> dict[str, Any]:
    voters = at_least(3, [all_of([Works(f"m{i}"), Works(f"z{i}")]) for i in range(5)])
    circuit = failure(all_of([voters, any_of([Works("a"), Works("b")]), Works("c")]))
    down = {f"m{i}": 3e-4 for i in range(5)} | {f"z{i}": 1e-4 for i in range(5)}
    down |= {"a": 1e-5, "b": 3e-5, "c": 3e-10}
    program = Program.of(circuit, down)
    diagrams = compiled(circuit)
    exact = float(probabilities(diagrams, np.array([[down[e]] for e in diagrams.events]))[0])
    first = time.perf_counter()
    sample(program, samples=1, method="importance")
    first = time.perf_counter() - first
    wall, processor, found = best(lambda: sample(program, half_width=HalfWidth(0.1, relative=True)))
    plain = 1 << 28
    plain_wall, _, _ = best(lambda: sample(program, samples=plain, method="plain"))
    needed = Z95**2 / (0.1**2 * exact)
    return {
        "benchmark": "sampling-rare",
        "exact": exact,
        "half_width": "10%",
        "importance": {
            "s": round(wall, 3),
            "cpu_s": round(processor, 3),
            "worlds": found.samples,
            "unavailability": found.unavailability,
            "interval": found.interval,
            "error": found.unavailability / exact - 1,
        },
        "plain": {
            "worlds_per_s": round(plain / plain_wall),
            "worlds_needed": needed,
            "s_computed": round(needed * plain_wall / plain),
        },
        "first_use_s": round(first, 2),
    }


def main() -> None:
    about = {
        "networkx_version": version("networkx"),
        "numba": version("numba"),
        "numpy": version("numpy"),
        "python": sys.version.split()[0],
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
    }
    for line in (mesh_line, rare_line):
        print(json.dumps(line() | about), flush=True)


if __name__ == "__main__":
    main()
