"""Instances change state over time, call back, and leave nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from awslab import Lab, refused

from meshlab.emulate.aws.instances import PowerHooks
from meshlab.emulate.aws.settings import AwsTimings
from own_time import HandClock

_SLOW = AwsTimings(10, 0, 10, 10, (0, 0), 0, 0)


def _state(lab: Lab, instance: str) -> str:
    rows = lab.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"]
    return str(rows[0]["State"]["Name"])


def test_every_state_is_seen_and_every_callback_called(make_lab: Callable[..., Lab]) -> None:
    calls: list[tuple[str, str]] = []

    def note(what: str) -> Any:
        async def callback(instance: Any) -> None:
            calls.append((what, instance.tags.get("Name", "")))

        return callback

    hooks = PowerHooks(note("running"), note("stopped"), note("terminated"), note("rebooted"))
    clock = HandClock()
    lab = make_lab(_SLOW, hooks, clock)
    net, ec2 = lab.net(), lab.ec2
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "master-1"}]}]
    instance = lab.launch(net, TagSpecifications=tags)
    assert _state(lab, instance) == "pending"
    assert refused(ec2.stop_instances, InstanceIds=[instance]) == "IncorrectInstanceState"
    clock.sleep(10)
    lab.until(instance, "running")
    ec2.reboot_instances(InstanceIds=[instance])
    ec2.stop_instances(InstanceIds=[instance])
    assert _state(lab, instance) == "stopping"
    assert refused(ec2.start_instances, InstanceIds=[instance]) == "IncorrectInstanceState"
    clock.sleep(10)
    lab.until(instance, "stopped")
    ec2.start_instances(InstanceIds=[instance])
    assert _state(lab, instance) == "pending"
    clock.sleep(10)
    lab.until(instance, "running")
    ec2.terminate_instances(InstanceIds=[instance])
    assert _state(lab, instance) == "shutting-down"
    clock.sleep(10)
    row = lab.until(instance, "terminated")
    assert row["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert calls == [(w, "master-1") for w in ("running", "rebooted", "stopped", "running", "terminated")]
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []
    assert ec2.describe_volumes()["Volumes"] == []


def test_terminating_twice_is_allowed_and_rebooting_the_dead_is_not(lab: Lab) -> None:
    instance = lab.launch(lab.net())
    lab.end(instance)
    answer = lab.ec2.terminate_instances(InstanceIds=[instance])["TerminatingInstances"][0]
    assert answer["CurrentState"]["Name"] == "terminated"
    assert refused(lab.ec2.reboot_instances, InstanceIds=[instance]) == "IncorrectInstanceState"


def test_states_can_be_filtered(make_lab: Callable[..., Lab]) -> None:
    clock = HandClock()
    lab = make_lab(_SLOW, clock=clock)
    instance = lab.launch(lab.net())

    def in_state(name: str) -> list[str]:
        found = lab.ec2.describe_instances(Filters=[{"Name": "instance-state-name", "Values": [name]}])
        return [row["InstanceId"] for r in found["Reservations"] for row in r["Instances"]]

    assert (in_state("pending"), in_state("running")) == ([instance], [])
    clock.sleep(10)
    lab.until(instance, "running")
    assert (in_state("pending"), in_state("running")) == ([], [instance])


def test_a_failed_zone_shows_impaired_instances_and_takes_no_new_ones(lab: Lab) -> None:
    net, ec2 = lab.net(), lab.ec2
    instance = lab.launch(net)
    lab.until(instance, "running")

    def status() -> str:
        return str(
            ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"][0]["SystemStatus"][
                "Status"
            ]
        )

    assert status() == "ok"
    assert lab.cloud.fail_zone("us-east-1a") == [instance]
    assert status() == "impaired"
    another = net.launch(PrivateIpAddress="10.20.1.12")
    assert refused(ec2.run_instances, **another) == "InsufficientInstanceCapacity"
    lab.cloud.restore_zone("us-east-1a")
    assert status() == "ok"
    lab.cloud.impair(instance)
    assert status() == "impaired"


def test_announced_events_are_described(lab: Lab) -> None:
    instance = lab.launch(lab.net())
    lab.until(instance, "running")
    lab.cloud.instances.schedule_event(instance, "instance-retirement", datetime(2027, 1, 2, tzinfo=UTC))
    found = lab.ec2.describe_instance_status(
        Filters=[{"Name": "event.code", "Values": ["instance-retirement"]}]
    )
    event = found["InstanceStatuses"][0]["Events"][0]
    assert (event["Code"], event["NotBefore"]) == ("instance-retirement", datetime(2027, 1, 2, tzinfo=UTC))


def test_a_callback_that_fails_is_shown_and_stops_nothing(make_lab: Callable[..., Lab]) -> None:
    async def broken(_: Any) -> None:
        raise RuntimeError("no power")

    lab = make_lab(hooks=PowerHooks(on_running=broken))
    instance = lab.launch(lab.net())
    lab.until(instance, "running")
    lab.end(instance)
    assert lab.cloud.instances.hook_errors == [f"{instance}: RuntimeError: no power"]
