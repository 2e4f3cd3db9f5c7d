"""Client tokens, as facts/live-bringup §1.2 has them from EC2's "Ensuring idempotency"."""

from __future__ import annotations

from awslab import Lab, refused


def test_same_token_and_parameters_give_the_first_instance(lab: Lab) -> None:
    net = lab.net()
    assert lab.launch(net, ClientToken="run-1") == lab.launch(net, ClientToken="run-1")
    assert len(lab.cloud.log.committed("RunInstances")) == 1


def test_same_token_with_other_parameters_is_refused(lab: Lab) -> None:
    net = lab.net()
    lab.launch(net, ClientToken="run-1")
    assert (
        refused(lab.ec2.run_instances, **net.launch(ClientToken="run-1", UserData="x"))
        == "IdempotentParameterMismatch"
    )
    assert len(lab.cloud.instances.all()) == 1


def test_a_token_stays_bound_after_termination(lab: Lab) -> None:
    net = lab.net()
    lab.end(lab.launch(net, ClientToken="run-1"))
    again = net.launch(ClientToken="run-1")
    assert refused(lab.ec2.run_instances, **again) == "IdempotentInstanceTerminated"
    assert lab.launch(net, ClientToken="run-1.2") in lab.cloud.instances


def test_a_launch_token_counts_for_its_zone_only(lab: Lab) -> None:
    net, ec2 = lab.net(), lab.ec2
    other = ec2.create_subnet(VpcId=net.vpc, CidrBlock="10.20.2.0/24", AvailabilityZone="us-east-1b")
    first = lab.launch(net, ClientToken="run-1")
    second = lab.launch(
        net, ClientToken="run-1", SubnetId=other["Subnet"]["SubnetId"], PrivateIpAddress="10.20.2.11"
    )
    assert first != second


def test_a_failed_launch_does_not_bind_its_token(lab: Lab) -> None:
    net = lab.net()
    lab.cloud.faults.insufficient_capacity("us-east-1a")
    launch = net.launch(ClientToken="run-1")
    assert refused(lab.ec2.run_instances, **launch) == "InsufficientInstanceCapacity"
    lab.cloud.faults.enough_capacity("us-east-1a")
    assert lab.launch(net, ClientToken="run-1", InstanceType="m6i.xlarge")


def test_route_tables_and_templates_are_made_once_per_token(lab: Lab) -> None:
    net, ec2 = lab.net(), lab.ec2
    tables = {
        ec2.create_route_table(VpcId=net.vpc, ClientToken="t")["RouteTable"]["RouteTableId"] for _ in range(2)
    }
    template = {
        "LaunchTemplateName": "cp",
        "LaunchTemplateData": {"InstanceType": "m6i.large"},
        "ClientToken": "t",
    }
    made = {ec2.create_launch_template(**template)["LaunchTemplate"]["LaunchTemplateId"] for _ in range(2)}
    assert len(tables) == len(made) == 1
    assert refused(ec2.create_route_table, VpcId=net.vpc, ClientToken="t", DryRun=True) == "DryRunOperation"


def test_a_token_longer_than_64_characters_is_refused(lab: Lab) -> None:
    net = lab.net()
    lab.launch(net, ClientToken="t" * 64)
    assert refused(lab.ec2.run_instances, **net.launch(ClientToken="t" * 65)) == "InvalidParameterValue"


def test_an_instance_is_found_by_its_token(lab: Lab) -> None:
    net = lab.net()
    instance = lab.launch(net, ClientToken="run-1")
    lab.launch(net, ClientToken="run-2", PrivateIpAddress="10.20.1.12")
    found = lab.ec2.describe_instances(Filters=[{"Name": "client-token", "Values": ["run-1"]}])[
        "Reservations"
    ]
    assert [row["InstanceId"] for r in found for row in r["Instances"]] == [instance]
