"""A new user's walk with a spec of their own: own names, two regions, a chain twice, Vault on workers; bad input."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest
from command_line import Done

from meshlab.views.text_table import text_table

SPEC = Path(__file__).parent / "own-design.yaml"
MASTERS = ("m1", "m2", "m3", "m4", "m5")


def test_a_chain_and_a_vault_of_other_names_are_in_every_answer(meshlab: Callable[..., Done]) -> None:
    available = meshlab("availability", str(SPEC), "--json").document["services"]
    assert {"sol", "vault", "ethereum", "tron"} <= set(available)
    resources = meshlab("capacity", str(SPEC), "--json").document["resources"]
    found = {(one["subject"], one["resource"]) for one in resources}
    assert {("w1", "disk space"), ("w2", "memory"), ("secrets", "volume")} <= found
    items = {one["item"]: one for one in meshlab("cost", str(SPEC), "--json").document["items"]}
    assert items["IP transit of the chains"]["count"] > 2 * 268


def test_each_date_says_what_its_growth_rests_on(meshlab: Callable[..., Done]) -> None:
    resources = meshlab("capacity", str(SPEC), "--json").document["resources"]
    kinds = {"sourced", "partly estimated", "estimate", "no growth"}
    assert {one["rests_on"] for one in resources} == kinds
    assert all(bool(one["growth_source"]) == (one["rests_on"] != "no growth") for one in resources)
    assert "partly estimated" in meshlab("capacity", str(SPEC)).stdout


def test_every_set_of_lost_masters_has_advice(meshlab: Callable[..., Done]) -> None:
    for count in range(len(MASTERS) + 1):
        for lost in combinations(MASTERS, count):
            done = meshlab("advise", str(SPEC), "--down", ",".join(lost), "--json")
            etcd = done.document["groups"][0]
            assert done.returncode == 0
            assert f"etcd has {5 - count} of 5 voters" in etcd["verdict"], lost


def test_a_risk_lies_within_the_interval_that_is_told(meshlab: Callable[..., Done]) -> None:
    """It was told as 9.9e-05 (0.0001 to 0.0001)."""
    told = meshlab("advise", str(SPEC), "--down", "m1").stdout
    assert "with probability" in told
    assert "(0.0001 to 0.0001)" not in told
    assert "(6e-05 to 6e-05)" not in told


def test_an_interval_that_the_spec_leaves_no_room_for_is_not_told(meshlab: Callable[..., Done]) -> None:
    told = meshlab("availability", str(SPEC), "--service", "sol").stdout
    assert "59 (59 to 59)" not in told
    assert " 59 " in told


def test_what_has_no_way_serves_no_load(meshlab: Callable[..., Done]) -> None:
    done = meshlab("latency", str(SPEC), "--request", "api-read", "--without", ",".join(MASTERS), "--json")
    [one] = done.document["requests"]
    assert one["failing"] == 1
    assert one["most"] == 0
    busy = meshlab("latency", str(SPEC), "--request", "api-read", "--load", "1e6", "--json").document[
        "requests"
    ][0]
    assert busy["saturated"] and busy["most"] > 0


def test_prices_of_another_region_are_not_passed_off_as_ones_own(meshlab: Callable[..., Done]) -> None:
    assert "us-east-1 stand for eu-central-1, eu-west-1" in meshlab("cost", str(SPEC)).stderr
    assert "stand for" not in meshlab("cost", "data/reference.yaml").stderr


def test_the_default_search_leaves_out_what_cannot_be_built(meshlab: Callable[..., Done]) -> None:
    """Three masters of one region over three regions: there are no distances from eu-central-1."""
    done = meshlab("explore", str(SPEC), "--samples", "200", "--json")
    assert done.returncode == 0
    names = [one["name"] for one in done.document["designs"]]
    varied = [set(name.split(", ")) for name in names]
    assert any("zones=1" in one for one in varied)
    assert all({"zones=1", "zones=3"} & one for one in varied if "masters=3" in one)
    asked = meshlab("explore", str(SPEC), "--vary", "masters=3", "--vary", "zones=regions")
    assert asked.returncode == 2
    assert "no two other regions that eu-central-1 reaches" in asked.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("capacity", "--horizon", "0"), "--horizon"),
        (("capacity", "--horizon", "-3mo"), "--horizon: -3mo is no time ahead"),
        (("capacity", "--horizon", "0s"), "--horizon: 0s is no time ahead"),
        (("report", "--horizon", "0s", "-o", "never.html"), "--horizon: 0s is no time ahead"),
        (("report", "--growth", "inf", "-o", "never.html"), "--growth: inf is no number to reckon with"),
        (("latency", "--load", "inf"), "--load: inf is no number to reckon with"),
        (("latency", "--load", "-1"), "'--load'"),
        (("latency", "--without", "m9"), "no component 'm9'"),
        (("availability", "--mission", "3x"), "--mission: unknown unit 'x'"),
        (("availability", "--mission", "-3d"), "--mission: -3d is no time ahead"),
        (("availability", "--mission", ""), "--mission: '' is not a duration"),
        (("availability", "--service", "solan"), "did you mean 'sol'"),
        (("advise", "--down", "m9"), "no component 'm9'"),
        *((("--seed", "-1", command), "'--seed'") for command in ("capacity", "latency", "cost", "explore")),
        (("report", "--seed", "-1", "-o", "never.html"), "'--seed'"),
        (("availability", "--samples", "100", "--seed", "-1"), "'--seed'"),
    ],
)
def test_bad_input_is_named(meshlab: Callable[..., Done], words: tuple[str, ...], says: str) -> None:
    command = next(word for word in words if word.isalpha() and word != "inf")
    rest = [word for word in words if word != command]
    done = meshlab(command, str(SPEC), *rest)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_folder_is_no_spec(meshlab: Callable[..., Done], tmp_path: Path) -> None:
    done = meshlab("capacity", str(tmp_path))
    assert done.returncode == 2
    assert "is a folder, not a file" in done.stderr
    assert "Errno" not in done.stderr


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_name_of_a_row_is_in_one_piece_at_any_width(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """At 100 columns `vault-write` was broken into `vault-writ` and `e`."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(width))
    words = "etcd quorum (disks and network)"
    columns = ["request", "p50", "p95", "p99", "p99 before", "mostly", "WireGuard (mean)", "at most", "note"]
    rows = [["vault-write", "9 ms", "9 ms", "9 ms", "9 ms", words, "221 µs (12.6%)", "5,854", words]]
    told = text_table("", columns, rows)
    assert "vault-write" in told
    if width >= 100:
        assert "WireGuard" in told and "network)" in told  # no word is broken where all of them have room
    assert all(len(line) <= width for line in told.splitlines())


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """The same with Tron on a machine that is too small for it."""
    spec = tmp_path / "small.yaml"
    text = SPEC.read_text()
    assert text.count("  - w4\n") == 1
    spec.write_text(text.replace("  - w4\n", "  - w5\n"))
    return spec


def test_what_does_not_fit_is_said_once(meshlab: Callable[..., Done], small: Path) -> None:
    """Cores were said twice, as 13.0 and as `13 (13 to 13)`, and used up in `0.0 y (0.0 y to 0.0 y)`."""
    told = meshlab("capacity", str(small)).stdout
    assert told.count("of cores, w5 has 8") == 1
    assert "secrets, tron need 13 of cores, w5 has 8" in told
    assert "0.0 y (0.0 y" not in told
    assert " now " in told


@pytest.mark.parametrize("place", ["nowhere/tree.xml", "."])
def test_a_place_that_cannot_be_written_to_is_bad_input(
    meshlab: Callable[..., Done], tmp_path: Path, place: str
) -> None:
    file = str(tmp_path / place)
    for words in (
        ("availability", str(SPEC), "--service", "etcd", "--export-open-psa", file),
        ("show", str(SPEC), "--format", "mermaid", "-o", file),
        ("show", str(SPEC), "--format", "png", "-o", file),
    ):
        done = meshlab(*words)
        assert done.returncode == 2, words
        assert "cannot be written" in done.stderr
        assert "Traceback" not in done.stderr
