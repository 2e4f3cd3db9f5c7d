"""What is predicted of the embedded cluster's mesh uses the very timers that its emulated machines run."""

from __future__ import annotations

from dataclasses import asdict, fields

import pytest

from meshlab.emulate.timings import KubeSpanTimings, Timings
from meshlab.model.spec import data_file
from meshlab.parameters import Parameters
from meshlab.parameters.table import read_csv

ROWS = {
    "tick_s": "kubespan.reconcile-tick",
    "peer_down_s": "kubespan.peer-down-interval",
    "endpoint_timeout_s": "kubespan.endpoint-timeout",
    "rekey_s": "wireguard.rekey-after",
    "handshake_retry_s": "wireguard.retry",
}
"""The row of each timer of the emulated machines."""
DERIVED = {"wireguard.reject-after"}
"""No timer of the emulated machines; follows from another row."""


def test_every_timer_has_its_row_and_every_row_its_timer() -> None:
    assert set(ROWS) == {part.name for part in fields(KubeSpanTimings)}
    text = data_file("parameters-embedded.csv").read_text(encoding="utf-8")
    written = {name for name in read_csv(text, "") if name.split(".")[0] in ("kubespan", "wireguard")}
    assert written == set(ROWS.values()) | DERIVED


@pytest.mark.parametrize("timer", ROWS)
def test_a_row_starts_at_its_timer(timer: str) -> None:
    """The first instant of a row is the timer; only the handshake's retry has a spread (the next look, below)."""
    row = Parameters.embedded()[ROWS[timer]]
    assert row.value.quantile(0.0) == pytest.approx(asdict(Timings().kubespan)[timer])
    assert "emulate/timings.py" in row.source


def test_a_handshake_is_retried_within_half_a_timer_more() -> None:
    retry = Parameters.embedded()["wireguard.retry"].value
    assert retry.quantile(1.0) == pytest.approx(1.5 * Timings().kubespan.handshake_retry_s)


def test_the_key_life_keeps_wireguards_proportion() -> None:
    for table in (Parameters.defaults(), Parameters.embedded()):
        assert table.value("wireguard.reject-after") == 1.5 * table.value("wireguard.rekey-after")


def test_real_machines_keep_the_real_timers() -> None:
    for timer, name in ROWS.items():
        value = Parameters.defaults()[name].value.quantile(0.0)
        assert value == pytest.approx(asdict(Timings.faithful().kubespan)[timer])
