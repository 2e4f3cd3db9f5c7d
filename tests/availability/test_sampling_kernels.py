"""The sampling kernels against their readable twins: the same draws, the same worlds, the same totals."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from sampling_twin import Stream, failed_meshes, failed_worlds, weights_of
from small_circuits import circuits

from meshlab.availability.sampling import MeshModel, Need, Program
from meshlab.availability.sampling import weights as weighing
from meshlab.availability.sampling.kernels.bits import exponential, ones
from meshlab.availability.sampling.mesh import MeshTask
from meshlab.availability.sampling.plain import Plain
from meshlab.availability.sampling.tilt import suited
from meshlab.availability.trees.circuit import Circuit
from meshlab.availability.trees.formula import Works, at_least, failure


@njit
def draws(state: np.ndarray, out: np.ndarray) -> None:
    for i in range(out.size):
        out[i] = exponential(state, 0)


@njit
def counts(words: np.ndarray, out: np.ndarray) -> None:
    for i in range(out.size):
        out[i] = ones(words[i])


def test_the_tables_logarithm_is_the_librarys() -> None:
    state, twin = np.array([12345], np.uint64), Stream(12345)
    found = np.zeros(20_000)
    draws(state, found)
    assert found == pytest.approx([twin.exponential() for _ in found], rel=0, abs=2e-13)
    assert int(state[0]) == twin.state
    assert found.min() > 0


def test_draws_are_exponential() -> None:
    """Mean 1 and second moment 2 within five standard errors; a false alarm has probability 1e-6."""
    found = np.zeros(1_000_000)
    draws(np.array([7], np.uint64), found)
    assert abs(found.mean() - 1) < 5 / 1e3
    assert abs((found**2).mean() - 2) < 5 * 20**0.5 / 1e3
    assert abs((found > 3).mean() - exp(-3)) < 5 * (exp(-3) / 1e6) ** 0.5


def test_ones_are_counted() -> None:
    words = np.random.default_rng(1).integers(0, 1 << 63, 1000, dtype=np.uint64)
    words[:2] = (0, (1 << 64) - 1)
    found = np.zeros(1000, np.int64)
    counts(words, found)
    assert found.tolist() == [int(word).bit_count() for word in words]


@given(circuits(coherent=False), st.integers(0, 5), st.integers(1, 700), st.data())
@settings(max_examples=60)
def test_a_chunk_of_a_circuit_is_its_worlds_asked_one_by_one(
    circuit: Circuit, seed: int, worlds: int, data: st.DataObject
) -> None:
    down = {name: data.draw(st.sampled_from((0.0, 0.01, 0.3, 0.9, 1.0))) for name in circuit.events}
    found, of = Plain(Program.of(circuit, down), seed, worlds).chunk(0)
    assert of == worlds
    assert found == failed_worlds(circuit, down, seed, 0, worlds)


def test_a_wide_gate_counts_beyond_one_tile() -> None:
    """At least 33 of 70, over more worlds than a tile of 4096 holds."""
    names = [f"x{i}" for i in range(70)]
    circuit = failure(at_least(38, map(Works, names)))
    down = dict.fromkeys(names, 0.45)
    assert Plain(Program.of(circuit, down), 1, 9000).chunk(0)[0] == failed_worlds(circuit, down, 1, 0, 9000)


MESHES = st.sampled_from(((2, 3), (3, 4), (2, 6)))


@given(MESHES, st.integers(0, 9), st.sampled_from((0.02, 0.3)), st.sampled_from((0.05, 0.6)), st.data())
@settings(max_examples=25)
def test_a_chunk_of_a_mesh_is_networkx_on_every_world(
    size: tuple[int, int], seed: int, machine: float, link: float, data: st.DataObject
) -> None:
    """Full and sparse meshes; needs that one root answers for, and needs that take several."""
    sites, count = size
    where = {f"m{i}": f"s{i % sites}" for i in range(count)}
    members = st.lists(st.sampled_from(sorted(where)), min_size=1, max_size=count, unique=True)
    groups = [tuple(data.draw(members)) for _ in range(data.draw(st.integers(1, 3)))]
    needs = tuple(Need(data.draw(st.integers(1, len(group))), group) for group in groups)
    full = MeshModel.full(where, machine_down=machine, link_down=link, site_down=0.1, needs=needs)
    kept = {pair: causes for i, (pair, causes) in enumerate(full.links.items()) if i % 3 != seed % 4}
    mesh = MeshModel(full.down, full.machines, kept, needs)
    assert MeshTask(mesh.arrays, seed, 500).chunk(0) == (failed_meshes(mesh, seed, 0, 500), 500)


def test_weights_are_true_probabilities_over_those_of_the_mixture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weighing, "TILES", 1)
    names = ["a", "b", "c", "d", "e"]
    down = {"a": 1e-3, "b": 2e-2, "c": 5e-3, "d": 0.3, "e": 0.0}
    circuit = failure(at_least(3, map(Works, names)))
    task = suited(Program.of(circuit, down), seed=3)
    assert task is not None
    found = task.chunk(2)
    bounds = [24, *np.linspace(48, 64, len(task.tilts)).round().astype(int)]
    weights = list(weights_of(circuit, task, 2, 1, bounds))
    assert found.failed == len(weights) > 1000
    assert found.total == pytest.approx(sum(weights), rel=1e-12)
    assert found.squares == pytest.approx(sum(w * w for w in weights), rel=1e-12)
    assert found.largest == pytest.approx(max(weights), rel=1e-12)
