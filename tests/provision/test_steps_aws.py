"""The AWS steps against the emulated cloud, through boto3: exactly once whatever is lost, and nothing left after."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from meshlab.emulate.aws.cloud import AwsCloud
from meshlab.emulate.aws.faults import Faults
from meshlab.emulate.aws.moto.backend import MotoBackend
from meshlab.live.aws.sweep import find_by_tag
from meshlab.live.target import Target
from meshlab.model import Firewall, FirewallRule, Topology
from meshlab.provision.cluster.connections import Connections
from meshlab.provision.cluster.lease import Lease
from meshlab.provision.cluster.records import Kind, Outcome
from meshlab.provision.cluster.strongbox import Strongbox
from meshlab.provision.cluster.workspace import Workspace
from meshlab.provision.compare import compare
from meshlab.provision.plan.draft import CannotPlan, Draft
from meshlab.provision.plan.plan import Action, Plan
from meshlab.provision.run.executor import Executor
from meshlab.provision.systems.aws.calls import TAG
from meshlab.provision.systems.aws.planned import aws_removal, aws_steps
from meshlab.provision.systems.context import Context
from own_time import PATIENCE_S


@dataclass
class Account:
    """An emulated account, and a target that points at it."""

    cloud: AwsCloud
    target: Target

    def plan(self, cluster: Topology, purpose: str = "bring-up", **more: Any) -> Plan:
        draft = Draft(cluster, self.target)
        (aws_steps if purpose == "bring-up" else aws_removal)(draft)
        return Plan("test", purpose, "hybrid", "embedded", "direct", tuple(draft.steps), **more)  # type: ignore[arg-type]

    def carry(self, plan: Plan) -> Outcome:
        workspace = Workspace.of(self.target, "hybrid")
        box = Strongbox(workspace.strongbox, workspace.strongbox_key)
        with Lease(workspace) as journal, Connections(self.target, "hybrid", box) as connections:
            if journal.run(plan.run) is None:
                journal.begin(plan.run, plan.hash, plan.purpose, plan.serial)
            context = Context(self.target, "hybrid", box, connections, journal)
            return Executor(plan, context, journal).run()

    def compared(self, plan: Plan) -> Plan:
        workspace = Workspace.of(self.target, "hybrid")
        box = Strongbox(workspace.strongbox, workspace.strongbox_key)
        with Lease(workspace) as journal, Connections(self.target, "hybrid", box) as connections:
            return compare(plan, Context(self.target, "hybrid", box, connections, journal), journal)

    def ours(self, kind: str) -> list[Any]:
        workspace = Workspace.of(self.target, "hybrid")
        with Connections(self.target, "hybrid", Strongbox(workspace.strongbox, workspace.strongbox_key)) as c:
            return find_by_tag(c.aws, kind, {TAG: "hybrid"})


Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop).result(120)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(scope="module")
def moto(run: Run) -> Iterator[MotoBackend]:
    """One moto process for all tests here: its start is slow, emptying it is not."""
    backend = MotoBackend()
    run(backend.start())
    yield backend
    run(backend.stop())


@pytest.fixture
def account(tmp_path: Path, run: Run, moto: MotoBackend) -> Iterator[Account]:
    run(moto.reset())
    cloud = AwsCloud(backend=moto, state_dir=tmp_path)
    run(cloud.start())
    (tmp_path / "state").mkdir()
    cloud.credentials.save(tmp_path / "state")
    yield Account(cloud, Target.for_loopback(tmp_path / "state", aws_endpoint=cloud.endpoint))
    run(cloud.stop())


def test_from_nothing_to_three_machines_and_back_to_nothing(account: Account, cluster: Topology) -> None:
    plan = account.plan(cluster)

    assert account.carry(plan) is Outcome.DONE

    machines = account.ours("instance")
    assert sorted((m.private_ip, m.zone) for m in machines) == [
        ("10.20.1.11", "us-east-1a"),
        ("10.20.2.11", "us-east-1b"),
        ("10.20.3.11", "us-east-1c"),
    ]
    again = account.compared(account.plan(cluster, serial=1))
    assert again.empty, again.reasons
    assert account.carry(account.plan(cluster, "destroy", serial=1)) is Outcome.DONE
    assert [
        kind
        for kind in ("instance", "vpc", "subnet", "security-group", "launch-template")
        if account.ours(kind)
    ] == []


@pytest.mark.parametrize(
    ("operation", "kind", "count"),
    [
        ("CreateVpc", "vpc", 1),
        ("CreateInternetGateway", "internet-gateway", 1),
        ("CreateSubnet", "subnet", 3),
        ("CreateSecurityGroup", "security-group", 1),
        ("RunInstances", "instance", 3),
    ],
)
@pytest.mark.parametrize("fault", [Faults.lose_reply, Faults.error_after_commit])
def test_a_create_whose_reply_is_lost_is_done_once(
    account: Account,
    cluster: Topology,
    operation: str,
    kind: str,
    count: int,
    fault: Callable[[Faults, str], None],
) -> None:
    fault(account.cloud.faults, operation)
    assert account.carry(account.plan(cluster)) is Outcome.DONE
    assert len(account.ours(kind)) == count


def test_a_zone_without_capacity_stops_the_run_and_it_goes_on_later(
    account: Account, cluster: Topology
) -> None:
    account.cloud.faults.insufficient_capacity("us-east-1b")
    plan = account.plan(cluster)
    assert account.carry(plan) is Outcome.FAILED
    account.cloud.faults.clear()
    assert account.carry(plan) is Outcome.DONE
    assert len(account.ours("instance")) == 3


def test_a_rule_that_somebody_added_is_drift_and_is_taken_back(account: Account, cluster: Topology) -> None:
    from meshlab.live.aws.network import authorize
    from meshlab.live.aws.objects import GroupRule

    account.carry(account.plan(cluster))
    (group,) = account.ours("security-group")
    workspace = Workspace.of(account.target, "hybrid")
    with Connections(account.target, "hybrid", Strongbox(workspace.strongbox, workspace.strongbox_key)) as c:
        authorize(c.aws, group.id, GroupRule("tcp", 6443, 6443, ("0.0.0.0/0",)))

    found = account.compared(account.plan(cluster, serial=1))

    assert [step.id for step in found.changes] == ["aws/security-group"]
    assert "lets in tcp 6443 from 0.0.0.0/0" in found.reasons["aws/security-group"]
    assert account.carry(found) is Outcome.DONE
    assert account.compared(account.plan(cluster, serial=2)).empty


def test_the_journal_joins_with_the_clouds_own_log(account: Account, cluster: Topology) -> None:
    """A request id in a journal row names one request of the cloud (facts: live-bringup 4.5)."""
    plan = account.plan(cluster)
    account.carry(plan)
    with Lease(Workspace.of(account.target, "hybrid")) as journal:
        ids = {i for r in journal.records() if r.kind is Kind.RESULT for i in r.request_id.split()}
    known = {row.request_id for row in account.cloud.log}
    assert len(ids) >= 13
    assert ids <= known


def test_an_api_port_open_to_the_world_is_not_planned(account: Account, cluster: Topology) -> None:
    (firewall,) = cluster.of(Firewall)
    opened = replace(firewall, rules=(*firewall.rules, FirewallRule("tcp", (6443, 6443), ("0.0.0.0/0",))))
    with pytest.raises(CannotPlan, match=r"Kubernetes API .* to the world"):
        account.plan(cluster.with_component(opened))


def test_two_of_one_thing_are_left_to_a_person(account: Account, cluster: Topology) -> None:
    from meshlab.live.aws.network import create_vpc
    from meshlab.provision.systems.aws.calls import PART

    workspace = Workspace.of(account.target, "hybrid")
    with Connections(account.target, "hybrid", Strongbox(workspace.strongbox, workspace.strongbox_key)) as c:
        for _ in range(2):
            create_vpc(c.aws, "10.20.0.0/16", {TAG: "hybrid", PART: "vpc"})
    deadline = time.monotonic() + PATIENCE_S
    while len(account.ours("vpc")) < 2:  # a describe right after a create may leave it out
        assert time.monotonic() < deadline, "the cloud does not show what was made"
        time.sleep(0.05)
    assert account.carry(account.plan(cluster)) is Outcome.NEEDS_YOU


def test_the_steps_of_a_plan_say_what_they_would_do(account: Account, cluster: Topology) -> None:
    plan = account.compared(account.plan(cluster))
    assert set(plan.actions.values()) == {Action.CREATE, Action.UNCHANGED}
    assert plan.actions["aws/preflight"] is Action.UNCHANGED
    assert 400 < plan.monthly_cost < 500
