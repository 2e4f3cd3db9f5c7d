"""Sampled beside exact: circuits, rare events, meshes; the same bits for any number of workers; bad input."""

from __future__ import annotations

import json
import signal
import threading
import time
from itertools import product
from math import prod

import numpy as np
import pytest
from sampling_twin import serves, used_causes

from meshlab import cli
from meshlab.availability import availability, structure
from meshlab.availability.diagrams.compiled import compiled
from meshlab.availability.exact.evaluate import probabilities
from meshlab.availability.sampling import HalfWidth, MeshModel, Need, Program, mesh_of, sample, sample_mesh
from meshlab.availability.sampling.intervals import normal, wilson
from meshlab.availability.sampling.tilt import suited
from meshlab.availability.trees.circuit import Circuit
from meshlab.availability.trees.formula import Formula, Works, all_of, any_of, at_least, failure
from meshlab.availability.trees.rates import rates, steady
from meshlab.model import InputError
from meshlab.model.spec import data_file, reference

TEN_PERCENT = HalfWidth(0.1, relative=True)


def exact(circuit: Circuit, down: dict[str, float]) -> float:
    diagrams = compiled(circuit)
    return float(probabilities(diagrams, np.array([[down[name]] for name in diagrams.events]))[0])


def parts(*names: str) -> list[Formula]:
    return [Works(name) for name in names]


def test_wilson_is_the_textbooks() -> None:
    """Newcombe, Statistics in Medicine 17, 1998, table I: 15 of 148 is 0.0624 to 0.1605, 0 of 20 is 0 to 0.1611."""
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


@pytest.mark.parametrize("service", ["etcd", "vault", "kubernetes-api", "solana", "management"])
def test_plain_samples_of_the_reference_are_the_exact_answer(service: str) -> None:
    """2^27 worlds, five standard errors: a false alarm has probability 6e-7 for each service."""
    cluster = reference()
    circuit, down = failure(structure(cluster)[service]), steady(rates(cluster))
    u = availability(cluster, service)[service].unavailability
    found = sample(Program.of(circuit, down), samples=1 << 27, method="plain", workers=2, seed=5)
    assert found.samples == 1 << 27
    assert abs(found.unavailability - u) < 5 * (u / found.samples) ** 0.5


def voters(machines: int, needed: int) -> Formula:
    return at_least(needed, [all_of(parts(f"m{i}", f"z{i}")) for i in range(machines)])


def mixed() -> tuple[Formula, dict[str, float]]:
    """Cut sets of one, two and three: about 1.2e-9 in all."""
    formula = all_of([voters(5, 3), any_of(parts("a", "b")), Works("c")])
    down = {f"m{i}": 3e-4 for i in range(5)} | {f"z{i}": 1e-4 for i in range(5)}
    return formula, down | {"a": 1e-5, "b": 3e-5, "c": 3e-10}


def wide() -> tuple[Formula, dict[str, float]]:
    """9 of 100 lost: more cut sets than anyone lists, 3.6e-10."""
    names = [f"x{i}" for i in range(100)]
    return at_least(92, map(Works, names)), dict.fromkeys(names, 4e-3)


def many() -> tuple[Formula, dict[str, float]]:
    """A hundred triples, 9.3e-10: one tilt after the first that is seen would miss all the others."""
    formula = all_of(any_of(parts(f"a{i}", f"b{i}", f"c{i}")) for i in range(100))
    return formula, {f"{letter}{i}": 2.1e-4 for letter in "abc" for i in range(100)}


@pytest.mark.parametrize("case", [mixed, wide, many], ids=["mixed orders", "9 of 100", "100 triples"])
def test_one_in_a_billion_is_found_to_ten_percent(case: object) -> None:
    """Five standard errors of what was reached: a false alarm has probability 6e-7 for each case."""
    formula, down = case()  # type: ignore[operator]
    circuit = failure(formula)
    u = exact(circuit, down)
    assert 1e-10 < u < 2e-9
    found = sample(Program.of(circuit, down), half_width=TEN_PERCENT)
    assert found.method.startswith("importance")
    half = (found.interval[1] - found.interval[0]) / 2
    assert half < 0.1 * found.unavailability
    assert abs(found.unavailability - u) < 5 / 1.96 * half


def test_one_in_a_billion_takes_less_than_ten_seconds() -> None:
    formula, down = mixed()
    circuit = failure(formula)
    sample(Program.of(circuit, down), samples=1, method="importance")  # compiles
    start = time.process_time()
    sample(Program.of(circuit, down), half_width=TEN_PERCENT)
    assert time.process_time() - start < 10


def test_weighted_intervals_hold_the_exact_answer_as_often_as_they_say() -> None:
    """300 intervals of 95 %: 15 are expected to miss; more than 35 or fewer than 2
    has a probability below 2e-5 (binomial)."""
    formula, down = mixed()
    circuit = failure(formula)
    u, program = exact(circuit, down), Program.of(circuit, down)
    task = suited(program, seed=1)
    assert task is not None
    totals = [task.chunk(number) for number in range(300)]
    intervals = [normal(one.total, one.variance, one.worlds) for one in totals]
    missed = sum(not low <= u <= high for low, high in intervals)
    assert 2 <= missed <= 35


def test_weighted_and_plain_agree_where_failures_are_common() -> None:
    """With unavailabilities of 1 to 40 %, in a circuit that is not rare at all; six joint standard errors, 2e-9."""
    names = [f"x{i}" for i in range(8)]
    program = Program.of(
        failure(at_least(5, map(Works, names))), {n: 0.05 * (i + 1) for i, n in enumerate(names)}
    )
    plain = sample(program, samples=1 << 22, method="plain")
    weighted = sample(program, samples=1 << 20, method="importance")
    widths = [(one.interval[1] - one.interval[0]) / 3.92 for one in (plain, weighted)]
    assert abs(plain.unavailability - weighted.unavailability) < 6 * np.hypot(*widths)


def test_what_never_fails_is_sampled_as_never_failing() -> None:
    found = sample(Program.of(failure(Works("a")), {"a": 0.0}), half_width=HalfWidth(1e-9))
    assert found.unavailability == 0
    assert found.interval[0] == 0 < found.interval[1]


@pytest.mark.parametrize("how", [{"samples": 5_000_001}, {"half_width": TEN_PERCENT}])
@pytest.mark.parametrize("case", ["etcd", "mesh"])
def test_the_number_of_workers_changes_no_bit(how: dict[str, object], case: str) -> None:
    cluster = reference()
    program = Program.of(failure(structure(cluster)[case]), steady(rates(cluster)))
    answers = [sample(program, seed=7, workers=workers, **how) for workers in (1, 2, 5)]  # type: ignore[arg-type]
    assert answers[0] == answers[1] == answers[2]


def test_another_seed_gives_other_worlds() -> None:
    program = Program.of(failure(Works("a")), {"a": 0.1})
    assert sample(program, samples=1 << 20, seed=7) != sample(program, samples=1 << 20, seed=8)


def test_a_service_is_sampled_the_same_whatever_else_is() -> None:
    """Streams are named after components: the same worlds for two services that share their parts."""
    cluster = reference()
    formulas, down = structure(cluster), steady(rates(cluster))
    one, two = (sample(Program.of(failure(formulas[s]), down), samples=1 << 24) for s in ("etcd", "vault"))
    assert one == two


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupt_ends_the_sampling_and_its_threads(workers: int) -> None:
    before = threading.active_count()
    program = Program.of(failure(Works("a")), {"a": 1e-9})

    def told(worlds: int, estimate: float, interval: tuple[float, float]) -> None:
        if worlds > 1 << 22:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        sample(program, samples=1 << 50, workers=workers, progress=told)
    assert threading.active_count() == before


# --- meshes


def by_listing(mesh: MeshModel) -> float:
    names = sorted(used_causes(mesh))
    return sum(
        prod(mesh.down[n] if gone else 1 - mesh.down[n] for n, gone in zip(names, world, strict=True))
        for world in product((False, True), repeat=len(names))
        if not serves(mesh, {n for n, gone in zip(names, world, strict=True) if gone})
    )


@pytest.mark.parametrize(
    ("machines", "needs"),
    [
        ({"a": "x", "b": "x", "c": "y", "d": "y"}, (Need(3, tuple("abcd")),)),
        ({"a": "x", "b": "y", "c": "y", "d": "y"}, (Need(1, tuple("ab")), Need(2, tuple("bcd")))),
    ],
)
def test_a_small_mesh_is_every_world_listed(machines: dict[str, str], needs: tuple[Need, ...]) -> None:
    """4,096 worlds listed; five standard errors of 2^24 samples: a false alarm has probability 6e-7."""
    mesh = MeshModel.full(
        machines, machine_down=0.02, link_down=0.2, across_down=0.3, site_down=0.01, needs=needs
    )
    u = by_listing(mesh)
    found = sample_mesh(mesh, samples=1 << 24, workers=2)
    assert 1e-3 < u < 0.5
    assert abs(found.unavailability - u) < 5 * (u * (1 - u) / found.samples) ** 0.5


def test_six_machines_in_a_ring_are_every_world_listed() -> None:
    """12 causes; two roots and long ways round; five standard errors: a false alarm has probability 6e-7."""
    names = tuple("abcdef")
    links = {(names[i], names[(i + 1) % 6]): (f"l{i}",) for i in range(6)}
    down = dict.fromkeys(names, 0.03) | {f"l{i}": 0.1 for i in range(6)}
    mesh = MeshModel(down, {n: (n,) for n in names}, links, (Need(5, names),))
    u = by_listing(mesh)
    found = sample_mesh(mesh, samples=1 << 22)
    assert abs(found.unavailability - u) < 5 * (u * (1 - u) / found.samples) ** 0.5


def test_a_mesh_of_the_reference_with_perfect_tunnels_is_the_exact_etcd() -> None:
    """Two of three masters in one piece; five standard errors of 2^27 samples: 6e-7."""
    cluster = reference()
    mesh = mesh_of(cluster, (Need(2, ("master-1", "master-2", "master-3")),), tunnel_down=0.0)
    u = availability(cluster, "etcd")["etcd"].unavailability
    found = sample_mesh(mesh, samples=1 << 27, workers=2)
    assert abs(found.unavailability - u) < 5 * (u / found.samples) ** 0.5


def test_a_mesh_has_the_same_bits_for_any_number_of_workers() -> None:
    mesh = mesh_of(reference(), (Need(3, ("master-1", "master-2", "master-3")),), tunnel_down=1e-2)
    answers = [sample_mesh(mesh, half_width=HalfWidth(1e-5), workers=workers) for workers in (1, 3)]
    assert answers[0] == answers[1]


# --- bad input


@pytest.mark.parametrize("text", ["", "0", "-1e-3", "2", "150%", "narrow", "nan"])
def test_what_is_no_half_width_is_bad_input(text: str) -> None:
    with pytest.raises(InputError, match="no width of an interval"):
        HalfWidth.parse(text)


def test_a_half_width_is_absolute_or_a_share() -> None:
    assert HalfWidth.parse("1e-6") == HalfWidth(1e-6)
    assert HalfWidth.parse("10%") == TEN_PERCENT


@pytest.mark.parametrize(
    ("how", "said"),
    [({}, "when to stop"), ({"samples": 0}, "tell nothing"), ({"samples": 9, "workers": 0}, "do nothing")],
)
def test_sampling_that_makes_no_sense_is_bad_input(how: dict[str, int], said: str) -> None:
    with pytest.raises(InputError, match=said):
        sample(Program.of(failure(Works("a")), {"a": 0.1}), **how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"down": {"a": 1.5, "b": 0.1, "l": 0.1}}, "no probability"),
        ({"down": {"a": 0.1, "b": 0.1}}, "has no probability"),
        ({"links": {("a", "z"): ("l",)}}, "no such machine"),
        ({"links": {("a", "a"): ("l",)}}, "joins two machines"),
        ({"needs": (Need(3, ("a", "b")),)}, "1 <= k"),
        ({"needs": ()}, "1 <= k"),
    ],
)
def test_a_mesh_that_cannot_be_is_bad_input(change: dict[str, object], said: str) -> None:
    good: dict[str, object] = {
        "down": {"a": 0.1, "b": 0.1, "l": 0.1},
        "machines": {"a": ("a",), "b": ("b",)},
        "links": {("a", "b"): ("l",)},
        "needs": (Need(1, ("a", "b")),),
    }
    with pytest.raises(InputError, match=said):
        MeshModel(**(good | change))  # type: ignore[arg-type]


# --- the command


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["meshlab", "availability", str(data_file("reference.yaml")), *arguments])
    with pytest.raises(SystemExit) as left:
        cli.main()
    return int(left.value.code or 0)


def test_the_document_has_sampled_next_to_exact(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--service", "etcd", "--half-width", "5%", "--workers", "2", "--json") == 0
    etcd = json.loads(capsys.readouterr().out)["services"]["etcd"]
    assert set(etcd["sampled"]) == {"unavailability", "interval", "samples", "failed", "method"}
    low, high = etcd["sampled"]["interval"]
    assert (high - low) / 2 <= 0.05 * etcd["sampled"]["unavailability"]
    # seed 0; the exact answer within two half-widths: a false alarm has probability 9e-5
    assert abs(etcd["sampled"]["unavailability"] - etcd["unavailability"]) < high - low


def test_the_table_shows_both(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--samples", "1000000") == 0
    table = capsys.readouterr().out.partition("exact beside sampled")[2]
    rows = [line for line in table.splitlines()[3:] if line]
    assert len(rows) == len(availability(reference()))
    assert all("1,000,000" in row and "Wilson" in row for row in rows)


def test_a_mission_with_one_crew_is_sampled_beside_the_exact_bounds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Solana needs worker-1 and dc-1, which hardly ever fail together: the crew matters little, the bounds hold."""
    options = ("--service", "solana", "--mission", "365d", "--crews", "1", "--samples", "20000", "--json")
    assert run(monkeypatch, *options) == 0
    mission = json.loads(capsys.readouterr().out)["services"]["solana"]["mission"]
    low, high = mission["unreliability"]
    assert low < mission["sampled"]["unreliability"] < high
    assert mission["sampled"]["crews"] == 1
    # five standard errors of a Poisson count: 6e-7
    expected = mission["expected_outages"]
    assert abs(mission["sampled"]["expected_outages"] - expected) < 5 * (expected / 20000) ** 0.5


@pytest.mark.parametrize(
    "arguments",
    [
        ("--samples", "0"),
        ("--samples", "10", "--half-width", "1e-3"),
        ("--half-width", "wide"),
        ("--scheduler", "tcp://127.0.0.1:1"),
        ("--crews", "1"),
        ("--crews", "1", "--samples", "100"),
    ],
)
def test_bad_options_end_in_2(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert run(monkeypatch, *arguments) == 2
    _, err = capfd.readouterr()
    assert "Traceback" not in err
    assert err
