"""Pairs of WireGuard peers: what their events amount to, a small real run, and the simulated side."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from typer.testing import CliRunner

import needs
from meshlab.cli import app
from meshlab.validation.mesh.model import MeshModel
from meshlab.validation.mesh.trials import Happening, happenings, planned, seen
from meshlab.validation.setting import CannotValidate, Setting

SCHEMA = json.loads((Path(__file__).parent / "result.schema.json").read_text())


def setting(fault: str = "partition", cut: float = 200.0) -> Setting:
    return Setting(system="mesh", members=2, measure="traffic", fault=fault, cut=cut, poll=0.1)


def story(*extra: Happening) -> list[Happening]:
    told = [
        Happening(0, 1, "handshake", 5.0),
        Happening(0, 1, "handshake", 125.0),
        Happening(0, 0, "cut", 250.0),
        Happening(0, 0, "noticed", 265.1),
        Happening(0, 0, "heal", 450.0),
        Happening(0, 0, "handshake", 452.0),
        Happening(0, 0, "resumed", 452.1, 249.9),
        Happening(0, 1, "resumed", 452.2, 305.0),
    ]
    return sorted([*told, *extra], key=lambda h: h.t)


def test_a_pairs_events_are_times_from_the_fault_and_from_the_heal() -> None:
    found = seen(story(), setting("partition-one-way"), phase=10.0, tick=30.0)
    assert (found.key_age, found.renewals) == (125.0, [120.0])
    assert found.back_after == pytest.approx(2.2) and found.black_hole == pytest.approx(202.2)
    assert found.carried_on == pytest.approx(55.0)  # 180 s after the handshake at 125 s
    assert found.noticed == pytest.approx(15.1)
    # down once the handshake is 275 s old, at 400 s; looked at at 10, 40, ... 400, 430 s: the look at 400 s is in time
    assert found.marked_down == pytest.approx(150.0)


def test_a_moment_in_which_the_machine_was_busy_is_not_the_end_of_a_direction() -> None:
    busy = Happening(0, 1, "resumed", 270.9, 270.0)
    assert seen(story(busy), setting("partition-one-way"), 10.0, 30.0).carried_on == pytest.approx(55.0)


def test_a_direction_that_never_broke_is_back_at_the_heal() -> None:
    told = [h for h in story() if h.side == 0 or h.kind != "resumed"] + [Happening(0, 1, "last", 464.0)]
    found = seen(told, setting("partition-one-way"), 10.0, 30.0)
    assert found.back_after == pytest.approx(2.1) and found.carried_on == pytest.approx(200.0)


def test_the_programs_own_message_is_told() -> None:
    with pytest.raises(CannotValidate, match="orders: no such file"):
        happenings("orders: no such file\n")


def test_pairs_are_hit_at_every_phase_of_keys_and_of_attempts() -> None:
    plans = planned(setting(), 200, random.Random(1))
    starts, extra = [p.start for p in plans], [p.heal - p.cut - 200.0 for p in plans]
    assert min(starts) < 5 and max(starts) > 115 and min(extra) < 0.5 and max(extra) > 9.5
    assert all(p.cut - p.join > 120 for p in plans), "keys have been renewed once"


def test_a_short_cut_costs_the_cut_and_a_long_one_an_attempt_more() -> None:
    """Closed forms: the larger of two uniform gaps of 0.1 s, the smaller of two uniform parts of 5.334 s.

    Five standard errors each: a false alarm in a million.
    """
    short = [t.back_after for t in MeshModel(setting(cut=30.0)).draws(400)]
    assert np.mean(short) == pytest.approx(0.1 * 2 / 3, abs=5 * 0.0236 / 20)
    long = [t.back_after for t in MeshModel(setting(cut=200.0)).draws(400)]
    assert np.mean(long) == pytest.approx(5.334 / 3, abs=5 * 1.257 / 20)
    one_way = [t.back_after for t in MeshModel(setting("partition-one-way")).draws(400)]
    assert np.mean(one_way) == pytest.approx(5.334 / 2, abs=5 * 1.54 / 20)


def test_a_restarted_peer_shakes_hands_at_once() -> None:
    found = [t.back_after for t in MeshModel(setting("restart", 20.0)).draws(100)]
    assert max(t for t in found if t is not None) <= 0.1 + 1e-9


@pytest.mark.skipif(
    shutil.which("go") is None and shutil.which("meshlab-wireguard-pairs") is None,
    reason=needs.lacking("Go", "wireguard-go is built with it"),
)
def test_real_wireguard_peers_meet_again_after_a_restart(tmp_path: Path) -> None:
    options = [
        "validate",
        "mesh",
        "--fault",
        "restart",
        "--cut",
        "2s",
        "--repeats",
        "4",
        "--simulations",
        "100",
    ]
    result = CliRunner().invoke(app, [*options, "--output", str(tmp_path), "--json"])
    if isinstance(result.exception, CannotValidate) and "could not be built" in str(result.exception):
        needs.skip("Go", f"wireguard-go cannot be had: {result.exception}")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    jsonschema.validate(document, SCHEMA)
    assert document["versions"]["wireguard-go"].startswith("0.0.")
    assert len(document["real"]["back_ms"]) == 4
    assert all(t > 0 for t in document["real"]["back_ms"])
