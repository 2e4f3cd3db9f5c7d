"""Sampling: worlds a second of a mesh beside networkx, and seconds to ten percent at 1e-9. One JSON line for each.

`mesh`: 28 machines at 4 sites, 378 links; it serves while one connected piece holds 3 of 4 control planes, a vault
and 60 % of the workers. networkx draws the same probabilities with numpy, builds a graph of each world and looks at
its components. Both give the unavailability with its 95 % interval; ours runs on one thread and on two. The exact
answer is out of a decision diagram's reach. `rare`: a circuit of unavailability 1.2e-9, exact by decision diagram,
sampled until the 95 % half-width is a tenth of the answer; the other side is plain sampling at its measured speed,
to the same width (computed, not run: it takes 3.1e11 worlds). Warm-up apart; best of three. `--small`: a hundredth.
"""

from __future__ import annotations

import time
from typing import Any

import networkx as nx
import numpy as np
from common import Document, Row, best, options, said

from meshlab.availability.diagrams.compiled import compiled
from meshlab.availability.exact.evaluate import probabilities
from meshlab.availability.sampling import HalfWidth, MeshModel, Need, Program, sample, sample_mesh
from meshlab.availability.sampling.intervals import Z95, wilson
from meshlab.availability.trees.formula import Works, all_of, any_of, at_least, failure

RUNS = 3
OURS, NAIVE, WIDTH, PLAIN = 60_000_000, 3_000, 0.1, 1 << 28
SMALL_OURS, SMALL_NAIVE, SMALL_WIDTH, SMALL_PLAIN = 100_000, 50, 0.5, 1 << 20
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


def mesh_line(small: bool) -> Document:
    worlds, few = (SMALL_OURS, SMALL_NAIVE) if small else (OURS, NAIVE)
    model = mesh()
    first = time.perf_counter()
    sample_mesh(model, samples=1)
    first = time.perf_counter() - first
    ours: dict[str, Any] = {}
    for workers in (1, 2):
        processor, wall, found = best(lambda n=workers: sample_mesh(model, samples=worlds, workers=n), RUNS)
        ours[f"threads_{workers}"] = {
            "worlds_per_s": round(worlds / wall),
            "worlds_per_cpu_s": round(worlds / processor),
            "unavailability": found.unavailability,
            "interval": found.interval,
        }
    processor, wall, failed = best(lambda: naive(model, few, 1), RUNS)
    more = naive(model, 3 * few, 2)
    rates = (ours["threads_1"]["worlds_per_cpu_s"], few / processor)
    return {
        "benchmark": "sampling-mesh",
        "machines": len(model.machines),
        "links": len(model.links),
        "worlds": worlds,
        "ours": ours,
        "same_bits": ours["threads_1"]["unavailability"] == ours["threads_2"]["unavailability"],
        "networkx": {
            "worlds_per_s": round(few / wall),
            "worlds_per_cpu_s": round(rates[1]),
            "unavailability": (failed + more) / (4 * few),
            "interval": wilson(failed + more, 4 * few),
        },
        "first_use_s": round(first, 2),
        "rows": [Row("sampled worlds of a mesh", *rates, "worlds/s", note="networkx, a graph for each")],
    }


def rare_line(small: bool) -> Document:
    width, plain = (SMALL_WIDTH, SMALL_PLAIN) if small else (WIDTH, PLAIN)
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
    processor, wall, found = best(lambda: sample(program, half_width=HalfWidth(width, relative=True)), RUNS)
    plain_cpu, plain_wall, _ = best(lambda: sample(program, samples=plain, method="plain"), RUNS)
    needed = Z95**2 / (width**2 * exact)
    return {
        "benchmark": "sampling-rare",
        "exact": exact,
        "half_width": f"{width:.0%}",
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
        "rows": [
            Row(
                f"1.2e-9 to {width:.0%}",
                processor,
                needed * plain_cpu / plain,
                "s",
                note="plain sampling at its measured speed; computed, not run",
            )
        ],
    }


def measure(small: bool) -> list[Document]:
    return [mesh_line(small), rare_line(small)]


if __name__ == "__main__":
    said(measure(options().small), "networkx", "numba", "numpy")
