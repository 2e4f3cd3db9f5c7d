"""Up and down from the outside; a killed supervisor leaves nothing that a later `down` does not find."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from meshlab.emulate import lifecycle
from meshlab.emulate.control import Control, NotUp
from meshlab.emulate.processes import binaries
from meshlab.live.target import NotRunning, Target
from meshlab.model import LiveError, MeshlabError
from own_addresses import dialled, network
from own_time import PATIENCE_S

RACKS = network(5)
SPEC = f"""
meshlab: v1
name: tiny
sites: [{{name: dc, network: {RACKS}.0.0/24}}]
machines:
  - {{name: rack-1, role: worker, site: dc, address: {RACKS}.0.11}}
  - {{name: rack-2, role: worker, site: dc, address: {RACKS}.0.12}}
"""


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spec") / "tiny.yaml"
    path.write_text(SPEC)
    return path


@pytest.fixture(scope="module")
def world(spec: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One embedded world that the tests of this file share; healed after each by `control`."""
    folder = tmp_path_factory.mktemp("world") / "state"
    lifecycle.up(spec, state=folder)
    yield folder
    lifecycle.down(folder)


@pytest.fixture
def control(world: Path) -> Iterator[Control]:
    yield Control.of(world)
    Control.of(world).call("/fault", {"fault": "heal"})


def children_of(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def test_racked_machines_wait_in_maintenance_mode(world: Path) -> None:
    machines = lifecycle.status(world)["machines"]
    assert [(m["name"], m["stage"]) for m in machines] == [
        ("rack-1", "maintenance"),
        ("rack-2", "maintenance"),
    ]


def test_the_target_dials_loopback(world: Path) -> None:
    assert Target.embedded(world).dial(f"{RACKS}.0.11") == f"{dialled(RACKS)}.0.11"


def test_a_second_up_says_that_one_is_up(spec: Path, world: Path) -> None:
    with pytest.raises(MeshlabError, match="up already"):
        lifecycle.up(spec, state=world)


def test_faults_change_what_status_says_and_heal_takes_them_back(world: Path, control: Control) -> None:
    assert control.call("/fault", {"fault": "fail", "component": "rack-1"})["text"] == "rack-1 lost power"
    assert [m["powered"] for m in lifecycle.status(world)["machines"]] == [False, True]
    control.call("/fault", {"fault": "partition", "a": "rack-1", "b": "rack-2", "direction": "forward"})
    assert len(lifecycle.status(world)["faults"]) == 2
    control.call("/fault", {"fault": "heal"})
    status = lifecycle.status(world)
    assert (status["faults"], [m["powered"] for m in status["machines"]]) == ([], [True, True])


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"fault": "fail", "component": "rack-9"}, "did you mean"),
        ({"fault": "explode", "component": "rack-1"}, "known: fail"),
        ({"fault": "partition", "a": "rack-1", "b": "rack-1"}, "no two different machines"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(control: Control, body: dict[str, str], says: str) -> None:
    with pytest.raises(MeshlabError, match=says):
        control.call("/fault", body)


BAD_LINKS: list[tuple[dict[str, Any], str]] = [
    ({"loss": 2.0}, "loss of 200%"),
    ({"loss": 1.0}, "loss of 100%"),
    ({"loss": -0.1}, "loss of -10%"),
    ({"loss": "2%"}, "the loss of a fault is a number"),
    ({"loss": None}, "the loss of a fault is a number"),
    ({"latency": -0.005}, "latency of -5 ms"),
    ({"latency": 1e300}, "from 0 to 1 h"),
    ({"latency": True}, "the latency of a fault is a number"),
    ({"direction": "sideways"}, "not a direction"),
    ({"a": 5}, "needs a name as its a"),
    ({"b": None}, "needs a name as its b"),
]


@pytest.mark.parametrize(("wrong", "says"), BAD_LINKS)
def test_a_refused_link_fault_is_not_in_force_afterwards(
    world: Path, control: Control, wrong: dict[str, Any], says: str
) -> None:
    body = {"fault": "degrade", "a": "rack-1", "b": "rack-2", "latency": 0.001, "loss": 0.0}
    with pytest.raises(MeshlabError, match=says) as caught:
        control.call("/fault", body | wrong)
    assert type(caught.value) is MeshlabError  # the answer 400: nothing is wrong with the world
    assert lifecycle.status(world)["faults"] == []
    control.call("/fault", body)  # and a right one still works
    assert len(lifecycle.status(world)["faults"]) == 1


def test_status_says_which_programs_run_their_versions_and_why(world: Path) -> None:
    programs = {program["name"]: program for program in lifecycle.status(world)["programs"]}
    etcd = binaries.etcd()
    assert programs["etcd"] == etcd.as_document()
    assert {"bao", "kubectl"} <= set(programs) or {"vault", "kubectl"} <= set(programs)
    assert all(program["why"] and Path(program["path"]).is_file() for program in programs.values())


def test_a_second_up_meanwhile_says_that_one_is_at_work(spec: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with lifecycle._starting(state):
        command = [sys.executable, "-m", "meshlab.cli", "emulate", "up", str(spec)]
        environment = {**os.environ, "MESHLAB_STATE": str(tmp_path)}
        (tmp_path / "embedded").symlink_to(state)
        with lifecycle._starting(tmp_path / "embedded"):
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=120, check=False
            )
        assert (done.returncode, "is at work" in done.stderr) == (2, True), done.stderr
        with pytest.raises(MeshlabError, match="is at work"):
            lifecycle.up(spec, state=state)
    assert not state.exists()


@pytest.mark.parametrize("command", ["up", "down"])
def test_a_folder_that_up_did_not_make_is_left_as_it_is(spec: Path, tmp_path: Path, command: str) -> None:
    own = tmp_path / "embedded" / "src" / "important.c"
    own.parent.mkdir(parents=True)
    own.write_text("int main() {}")
    argv = [
        sys.executable,
        "-m",
        "meshlab.cli",
        "emulate",
        command,
        *([str(spec)] if command == "up" else []),
    ]
    environment = {**os.environ, "MESHLAB_STATE": str(tmp_path)}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, "was not made by" in done.stderr) == (2, True), done.stderr
    assert own.read_text() == "int main() {}"


def test_a_link_in_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / lifecycle.MADE_HERE).write_text("")
    (tmp_path / "state").symlink_to(tmp_path / "mine")
    with pytest.raises(MeshlabError, match="was not made by"):
        lifecycle.down(tmp_path / "state")
    assert (tmp_path / "mine" / lifecycle.MADE_HERE).exists()


def test_the_control_port_needs_its_token(control: Control) -> None:
    with pytest.raises(LiveError, match="token"):
        Control(control.url, "wrong").call("/status")


def test_a_world_that_cannot_start_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    spec, state = tmp_path / "wrong.yaml", tmp_path / "state"
    spec.write_text(SPEC.replace(f"{RACKS}.0", "192.168.7"))
    with pytest.raises(LiveError, match=r"10\.0\.0\.0/8"):
        lifecycle.up(spec, state=state)
    assert not state.exists()


def test_commands_without_a_cluster_say_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(NotUp, match="meshlab emulate up"):
        lifecycle.status(tmp_path)


def test_down_ends_every_process_and_removes_every_file(spec: Path, tmp_path: Path, world: Path) -> None:
    lifecycle.down(world)
    lifecycle.up(spec, state=tmp_path / "state")
    pid = lifecycle.supervisor_pid(tmp_path / "state")
    assert pid is not None
    started = [*children_of(pid), psutil.Process(pid)]
    assert len(started) > 1
    assert lifecycle.down(tmp_path / "state")
    assert not (tmp_path / "state").exists()
    _, alive = psutil.wait_procs(started, timeout=PATIENCE_S)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]


def test_after_kill_9_of_the_supervisor_a_later_up_cleans_up(spec: Path, tmp_path: Path, world: Path) -> None:
    lifecycle.down(world)
    state = tmp_path / "state"
    lifecycle.up(spec, state=state)
    pid = lifecycle.supervisor_pid(state)
    assert pid is not None
    started = children_of(pid)
    assert started
    supervisor = psutil.Process(pid)
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([supervisor], timeout=PATIENCE_S)
    with pytest.raises(NotRunning, match="not running"):
        Target.embedded(state)
    for words in (
        ["plan", str(spec)],
        ["observe", str(spec), "--for", "1s", "-o", str(tmp_path / "incident")],
    ):
        command = [sys.executable, "-m", "meshlab.cli", *words, "--target", str(state / "target.json")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert (done.returncode, "is not running" in done.stderr) == (3, True), done.stderr
    lifecycle.up(spec, state=state)
    _, alive = psutil.wait_procs(started, timeout=PATIENCE_S)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]
    assert lifecycle.supervisor_pid(state) not in (None, pid)
    lifecycle.down(state)
