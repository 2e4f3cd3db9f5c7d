"""The whole road on an embedded cluster: bring up, killed on the way, verified, planned empty, destroyed to nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshlab.emulate import lifecycle
from meshlab.live.target import Target
from meshlab.model import Topology
from meshlab.model.spec import data_file, load
from meshlab.provision.approval import approve, phrase
from meshlab.provision.attach import Attached, start_or_attach
from meshlab.provision.bringup import destroy, drift, plan_bringup
from meshlab.provision.journal import Journal
from meshlab.provision.plan import Plan
from meshlab.provision.records import Kind, Outcome
from meshlab.provision.session import opened
from meshlab.provision.steps_vault import INIT_REPLY, keys
from meshlab.provision.workspace import Workspace
from own_addresses import network

pytestmark = [pytest.mark.embedded, pytest.mark.timeout(420)]

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
    assert drift(moved, embedded) == ()


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


def test_destroy_leaves_nothing(moved: Topology, embedded: Target) -> None:
    run = start(destroy(moved, embedded), moved, embedded)
    assert run.wait() is Outcome.DONE, run.text
    assert "nothing with our tag is left" in str(run.results()["verify/nothing-left"]["said"])
