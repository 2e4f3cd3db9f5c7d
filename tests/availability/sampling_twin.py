"""The sampling kernels written to be read: one world at a time, plain integers, lists and networkx."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import exp, log, log1p

import networkx as nx
import numpy as np

from meshlab.availability.sampling.mesh import MeshModel
from meshlab.availability.sampling.streams import streams
from meshlab.availability.sampling.weights import Weighted
from meshlab.availability.trees.circuit import Circuit

GOLDEN = 0x9E3779B97F4A7C15
FULL = (1 << 64) - 1


def mixed(z: int) -> int:
    """SplitMix64's finaliser."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & FULL
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & FULL
    return z ^ (z >> 31)


class Stream:
    """A counter that is stepped and scrambled."""

    def __init__(self, state: int) -> None:
        self.state = int(state)

    def word(self) -> int:
        self.state = (self.state + GOLDEN) & FULL
        return mixed(self.state)

    def uniform(self) -> float:
        return (self.word() >> 11) * 2.0**-53

    def exponential(self) -> float:
        """Minus the logarithm of 2^-(zeros + 1) (1 + f): zeros at the low end of 12 bits, f of the 52 above them."""
        word = self.word()
        low, zeros = word & 0xFFF, 0
        while low == 0:
            zeros += 12
            low = self.word() & 0xFFF
        zeros += (low & -low).bit_length() - 1
        return (zeros + 1) * log(2) - log1p((word >> 12) / 2**52)


def losses(stream: Stream, p: float, worlds: int) -> set[int]:
    """The worlds in which something with probability p is lost, by geometric skips."""
    found: set[int] = set()
    if p <= 0:
        return found
    at = -1
    while True:
        at += 1 + (int(min(stream.exponential() / -log1p(-p), 1e18)) if p < 1 else 0)
        if at >= worlds:
            return found
        found.add(at)


def lost_worlds(
    names: tuple[str, ...], p: list[float], seed: int, label: str, chunk: int, worlds: int
) -> list[set[int]]:
    states = streams(seed, label, chunk, names)
    return [losses(Stream(int(state)), one, worlds) for state, one in zip(states, p, strict=True)]


def failed_worlds(circuit: Circuit, down: dict[str, float], seed: int, chunk: int, worlds: int) -> int:
    """How many worlds of a chunk fail, each asked by itself."""
    names = circuit.used_events()
    lost = lost_worlds(names, [down[n] for n in names], seed, "worlds", chunk, worlds)
    return sum(
        circuit.holds(n for n, where in zip(names, lost, strict=True) if world in where)
        for world in range(worlds)
    )


def failed_meshes(mesh: MeshModel, seed: int, chunk: int, worlds: int) -> int:
    """How many worlds of a chunk fail: a networkx graph for each, its components, and what is in them."""
    names = tuple(sorted(c for c in used_causes(mesh) if mesh.down[c] > 0))
    lost = lost_worlds(names, [mesh.down[n] for n in names], seed, "worlds", chunk, worlds)
    return sum(
        not serves(mesh, {n for n, where in zip(names, lost, strict=True) if world in where})
        for world in range(worlds)
    )


def used_causes(mesh: MeshModel) -> set[str]:
    return {cause for causes in (*mesh.machines.values(), *mesh.links.values()) for cause in causes}


def serves(mesh: MeshModel, lost: set[str]) -> bool:
    graph: nx.Graph = nx.Graph()
    graph.add_nodes_from(m for m, causes in mesh.machines.items() if not lost.intersection(causes))
    graph.add_edges_from(
        (a, b)
        for (a, b), causes in mesh.links.items()
        if a in graph and b in graph and not lost.intersection(causes)
    )
    return any(
        all(len(piece.intersection(need.members)) >= need.k for need in mesh.needs)
        for piece in nx.connected_components(graph)
    )


def weights_of(
    circuit: Circuit, task: Weighted, chunk: int, tiles: int, bounds: list[int]
) -> Iterator[float]:
    """The weights of a chunk's failed worlds: true probability over that of the mixture, both as products."""
    program, cuts = task.program, task.cuts
    names, q = program.events, program.q
    chooser = Stream(int(streams(task.seed, task.label, chunk, ["which cut set"])[0]))
    sets = [cuts.events[a:b] for a, b in pairwise(cuts.starts)]
    running = cuts.running()
    ways = [*task.tilts, q]
    first = [*bounds[:-1], 0]
    width = [b - a for a, b in pairwise(bounds)] + [bounds[0]]
    lost = [
        lost_worlds(names, list(way), task.seed, f"{task.label}/{j}", chunk, tiles * width[j] * 64)
        for j, way in enumerate(ways)
    ]
    for tile in range(tiles):
        chosen = [
            sets[int(np.searchsorted(running, chooser.uniform(), "right"))] for _ in range(64 * bounds[0])
        ]
        for word in range(bounds[-1]):
            j = next(j for j in range(len(ways)) if first[j] <= word < first[j] + width[j])
            for bit in range(64):
                at = (tile * width[j] + word - first[j]) * 64 + bit
                x = np.array([at in one for one in lost[j]])
                if j == len(ways) - 1:
                    x[chosen[64 * word + bit]] = True
                if circuit.holds(n for n, gone in zip(names, x, strict=True) if gone):
                    p = np.prod(np.where(x, q, 1 - q))
                    held = sum(bool(x[one].all()) for one in sets)
                    mixture = bounds[0] * held * p / sum(exp(log_p) for log_p in cuts.logs)
                    for n, way in enumerate(task.tilts):
                        mixture += width[n] * np.prod(np.where(x, way, 1 - way))
                    yield float(p * bounds[-1] / mixture)
