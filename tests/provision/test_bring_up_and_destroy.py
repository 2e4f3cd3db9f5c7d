"""The whole road on an embedded cluster: bring up, killed on the way, verified, planned empty, destroyed to nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshlab.emulate import lifecycle
from meshlab.emulate.control import Control
from meshlab.live import yaml_text
from meshlab.live.target import Target
from meshlab.model import State, Topology
from meshlab.model.spec import data_file, load
from meshlab.provision.bringup import Difference, Drift, destroy, drift, plan_bringup
from meshlab.provision.cluster.approval import approve, phrase
from meshlab.provision.cluster.journal import Journal
from meshlab.provision.cluster.records import Kind, Outcome
from meshlab.provision.cluster.workspace import Workspace
from meshlab.provision.maintenance import plan_reboot
from meshlab.provision.plan.plan import Plan
from meshlab.provision.run.attach import Attached, start_or_attach
from meshlab.provision.systems.session import opened
from meshlab.provision.systems.talos.configuration import CONFIG
from meshlab.provision.systems.vault.operations import INIT_REPLY, keys
from own_addresses import network
from own_time import PATIENCE_S

pytestmark = pytest.mark.embedded

# Addresses of its own, so that another embedded cluster on this machine is not disturbed.
_MOVED = {f"10.{old}.": f"{network(new)}." for old, new in ((20, 6), (40, 7), (244, 8))}


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Topology:
    text = data_file("reference.yaml").read_text()
    for old, new in _MOVED.items():
        text = text.replace(old, new)
    path = tmp_path_factory.mktemp("spec") / "moved.yaml"
    path.write_text(text)
    return load(path)


@pytest.fixture(scope="module")
def embedded(moved: Topology, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    state = tmp_path_factory.mktemp("embedded") / "state"
    yield lifecycle.up(Path(moved.origin), state=state)
    lifecycle.down(state)


def start(plan: Plan, topology: Topology, target: Target) -> Attached:
    with Journal(Workspace.of(target, plan.cluster).journal) as journal:
        approval = approve(plan, phrase(plan), journal) if plan.changes else None
    return start_or_attach(plan, topology, target, approval)


def kill_runner_at(run: Attached, step: str) -> None:
    """Kills the run's runner with SIGKILL as soon as a step was begun."""
    for progress in run.follow():
        if (progress.step, progress.kind) == (step, Kind.INTENT):
            assert run.runner_pid is not None
            os.kill(run.runner_pid, signal.SIGKILL)
            break
    for _ in run.follow():
        pass


def test_the_reference_cluster_comes_up_although_its_runner_is_killed_twice(
    moved: Topology, embedded: Target
) -> None:
    plan = plan_bringup(moved, embedded)
    kill_runner_at(start(plan, moved, embedded), "aws/master-2")
    assert plan_bringup(moved, embedded).hash == plan.hash
    kill_runner_at(start_or_attach(plan, moved, embedded), "talos/bootstrap")
    run = start_or_attach(plan, moved, embedded)
    assert run.wait() is Outcome.DONE, run.text
    claims = run.results()["verify/claims"]["claims"]
    assert isinstance(claims, list) and len(claims) >= 20
    assert all(claim["holds"] for claim in claims)


def test_the_plan_after_apply_is_empty_and_nothing_has_drifted(moved: Topology, embedded: Target) -> None:
    assert plan_bringup(moved, embedded).empty
    assert drift(moved, embedded) == Drift((), ())


def test_no_secret_is_in_any_file_but_the_strongbox(moved: Topology, embedded: Target) -> None:
    with opened(embedded, moved.name) as context:
        found = keys(context)
        canaries = [key.reveal_bytes() for key in found.unseal_keys] + [found.root_token.reveal_bytes()]
        assert INIT_REPLY in context.strongbox
    for path in embedded.cluster_directory(moved.name).rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(canary in content for canary in canaries), path
            assert b"PRIVATE KEY" not in content, path


def meshlab(target: Target, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs the command line on the cluster of this module."""
    command = [sys.executable, "-m", "meshlab.cli", *words, "--target", str(target.directory / "target.json")]
    return subprocess.run(command, capture_output=True, text=True, timeout=4 * PATIENCE_S, check=False)


def test_a_changed_machine_configuration_is_a_drift(moved: Topology, embedded: Target) -> None:
    address = moved.machine("worker-2").address
    with opened(embedded, moved.name) as context, context.connections.talos(address) as client:
        before = client.read(CONFIG).decode()
        documents = yaml_text.load_all(before)
        documents[0]["machine"]["sysctls"] = {"vm.swappiness": "1"}
        client.apply_configuration(yaml_text.dump_all(documents))
        deadline = time.monotonic() + PATIENCE_S
        configs: list[Difference] = []
        # A machine that takes a configuration may be away for a moment, and what waits for it with it.
        while not configs and time.monotonic() < deadline:
            found = drift(moved, embedded)
            configs = [
                d for d in found.differences if d.step.startswith("talos/") and d.step.endswith("-config")
            ]
        client.apply_configuration(before)
    assert len(configs) == 1, found
    (difference,) = configs
    assert difference.step == "talos/worker-2-config"
    assert "machine.sysctls is set, which the plan does not do" in difference.text


def test_a_master_is_rebooted_and_its_vault_pod_unsealed(moved: Topology, embedded: Target) -> None:
    run = start(plan_reboot(moved, embedded, ["master-2"]), moved, embedded)
    assert run.wait() is Outcome.DONE, run.text
    states = [interval.state for interval in run.timeline().of("master-2")]
    assert State.BOOTING in states and states[-1] is State.UP
    assert run.results()["vault/voters-after-master-2"]["voters"]


def test_with_a_master_dark_another_is_not_rebooted_and_silence_is_not_absence(
    moved: Topology, embedded: Target
) -> None:
    control = Control.of(embedded.directory)
    spec, reboot = moved.origin, ("--reboot", "master-2")
    control.call("/fault", {"fault": "fail", "component": "master-1"})

    looked = meshlab(embedded, "drift", spec, "--json")
    silent = json.loads(looked.stdout)
    address = moved.machine("master-1").address
    # Vault's other members soon say that their group is not whole: that was seen, so it is a drift.
    assert {row["step"] for row in silent["drift"]} <= {"vault/voters"}, looked.stdout
    assert looked.returncode == (1 if silent["drift"] else 3), looked.stdout
    config = next(row for row in silent["unseen"] if row["step"] == "talos/master-1-config")
    assert config["reason"] == f"not looked at (no answer from {address})"

    plan = plan_reboot(moved, embedded, ["master-2"])
    refused = meshlab(embedded, "apply", spec, *reboot, "--approve", phrase(plan))
    assert refused.returncode == 2
    assert "it takes master-2 down while master-1 is down already" in refused.stderr
    assert f"override {plan.short}" in refused.stderr
    control.call("/fault", {"fault": "heal", "component": "master-1"})


def test_destroy_leaves_nothing(moved: Topology, embedded: Target) -> None:
    run = start(destroy(moved, embedded), moved, embedded)
    assert run.wait() is Outcome.DONE, run.text
    assert "nothing with our tag is left" in str(run.results()["verify/nothing-left"]["said"])
