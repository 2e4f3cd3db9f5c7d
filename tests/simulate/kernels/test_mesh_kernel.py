"""The mesh without edges against networkx, which has them all."""

from __future__ import annotations

import math
import resource
import time

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshlab.simulate.kernels.mesh import Mesh


def graph(mesh: Mesh) -> nx.DiGraph:
    """The two-level graph with an edge for every access and every link."""
    found: nx.DiGraph = nx.DiGraph()
    sites = [s for s in range(len(mesh.direct)) if mesh.alive[s]]
    for a in sites:
        for b in sites:
            if a != b and math.isfinite(mesh.direct[a, b]):
                found.add_edge(("site", a), ("site", b), weight=mesh.direct[a, b])
    for m, site in enumerate(mesh.site):
        found.add_node(m)
        if mesh.up[m] and mesh.alive[site]:
            found.add_edge(m, ("site", int(site)), weight=mesh.access[m])
            found.add_edge(("site", int(site)), m, weight=mesh.access[m])
    return found


@st.composite
def meshes(draw: st.DrawFn) -> Mesh:
    sites = draw(st.integers(1, 5))
    machines = draw(st.integers(1, 12))
    link = st.one_of(st.just(math.inf), st.floats(0.001, 0.2))
    direct = np.array([[draw(link) for _ in range(sites)] for _ in range(sites)])
    np.fill_diagonal(direct, draw(st.floats(0.0, 0.001)))
    mesh = Mesh.of(
        direct,
        [draw(st.integers(0, sites - 1)) for _ in range(machines)],
        [draw(st.floats(0.0, 0.01)) for _ in range(machines)],
        [draw(st.booleans()) for _ in range(machines)],
    )
    match draw(st.integers(0, 4)):
        case 1:
            mesh = mesh.without_site(draw(st.integers(0, sites - 1)))
        case 2:
            mesh = mesh.cut(draw(st.integers(0, sites - 1)), draw(st.integers(0, sites - 1)))
        case 3:
            mesh = mesh.behind_nat(draw(st.integers(0, machines - 1)))
        case 4:
            mesh = mesh.without_machines([draw(st.integers(0, machines - 1))])
    return mesh


@settings(max_examples=60, deadline=None, derandomize=True)
@given(meshes())
def test_delays_and_tunnels_are_those_of_the_graph_with_all_its_edges(mesh: Mesh) -> None:
    known = graph(mesh)
    machines = len(mesh.site)
    tunnels = 0
    lengths = dict(nx.all_pairs_dijkstra_path_length(known))
    for a in range(machines):
        row = mesh.delays_from(a)
        for b in range(machines):
            running = mesh.running[a] and mesh.running[b]
            there, back = lengths[a].get(b, math.inf), lengths[b].get(a, math.inf)
            same = mesh.site[a] == mesh.site[b]
            local = mesh.direct[mesh.site[a], mesh.site[a]] if same and a != b else 0.0
            expected = there + local if running else math.inf
            assert mesh.delay(a, b) == pytest.approx(expected, abs=1e-12)
            assert row[b] == mesh.delay(a, b)
            hidden = mesh.nat[a] and mesh.nat[b] and not same
            both = math.isfinite(there + local) and math.isfinite(back + local)
            meets = bool(running and a != b and both and not hidden)
            assert mesh.tunnel(a, b) == meets
            tunnels += meets and a < b
    assert mesh.tunnels() == tunnels
    assert mesh.histogram(0.01, 50).sum() == 2 * tunnels


@settings(max_examples=40, deadline=None, derandomize=True)
@given(meshes())
def test_islands_are_the_strongly_connected_sites(mesh: Mesh) -> None:
    known = nx.DiGraph()
    known.add_nodes_from(s for s in range(len(mesh.direct)) if mesh.alive[s])
    known.add_edges_from((a, b) for a in known for b in known if math.isfinite(mesh.direct[a, b]))
    islands = mesh.islands()
    for component in nx.strongly_connected_components(known):
        assert {int(islands[s]) for s in component} == {min(component)}
    assert all(islands[s] == -1 for s in range(len(mesh.direct)) if not mesh.alive[s])


def test_a_change_leaves_the_mesh_it_came_from_as_it_was() -> None:
    mesh = Mesh.of(np.array([[0.0, 0.01], [0.01, 0.0]]), [0, 0, 1], [0.0, 0.0, 0.0])
    assert mesh.cut(0, 1).tunnels() == 1
    assert mesh.without_site(1).tunnels() == 1
    assert mesh.without_machines([0]).tunnels() == 1
    assert mesh.behind_nat(0).behind_nat(2).tunnels() == 2
    assert mesh.tunnels() == 3


def test_a_mesh_that_makes_no_sense_is_refused() -> None:
    square = np.zeros((2, 2))
    wrong = (
        (np.zeros((2, 3)), [0], [0.0]),
        (square, [2], [0.0]),
        (square, [0], [0.0, 0.0]),
        (-square - 1, [0], [0.0]),
    )
    for direct, site, access in wrong:
        with pytest.raises(ValueError):
            Mesh.of(direct, site, access)


def test_ten_thousand_machines_are_asked_what_if_within_the_budget() -> None:
    """Budget 1 s and 1 GiB (benchmarks/mesh.py measures); here ten times the time, for a busy machine."""
    rng = np.random.default_rng(1)
    direct = rng.uniform(0.005, 0.1, (40, 40))
    Mesh.of(direct[:2, :2], [0, 1], [0.0, 0.0]).tunnels()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    mesh = Mesh.of(direct, rng.integers(0, 40, 10_000), rng.random(10_000) / 1000, rng.random(10_000) < 0.1)
    whole = mesh.tunnels()
    lost = mesh.without_site(3).tunnels()
    assert time.process_time() - start < 1.0
    assert 0 < lost < whole < 10_000 * 9_999 // 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 20
