"""The same calls against moto alone and against the layer: the difference is real, and this is the table of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from awslab import IMAGE, Lab, Loop, client
from botocore.exceptions import ClientError

from meshlab.emulate.aws.moto.backend import MotoBackend
from meshlab.emulate.network.hidden import Front


def _net(ec2: Any) -> dict[str, str]:
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.1.0/24", AvailabilityZone="us-east-1a")["Subnet"]
    group = ec2.create_security_group(GroupName="cp", Description="d", VpcId=vpc)["GroupId"]
    return {"vpc": vpc, "subnet": subnet["SubnetId"], "group": group}


def _launch(ec2: Any, net: dict[str, str], **changes: Any) -> str:
    params = {
        "ImageId": IMAGE,
        "InstanceType": "m6i.large",
        "MinCount": 1,
        "MaxCount": 1,
        "SubnetId": net["subnet"],
    }
    made = ec2.run_instances(**{**params, "SecurityGroupIds": [net["group"]], **changes})
    return str(made["Instances"][0]["InstanceId"])


def _outcome(call: Callable[[], Any]) -> str:
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "done"


def _launch_token(ec2: Any) -> str:
    net = _net(ec2)
    return "one" if _launch(ec2, net, ClientToken="t") == _launch(ec2, net, ClientToken="t") else "two"


def _table_token(ec2: Any) -> str:
    vpc = _net(ec2)["vpc"]
    made = {
        ec2.create_route_table(VpcId=vpc, ClientToken="t")["RouteTable"]["RouteTableId"] for _ in range(2)
    }
    return "one" if len(made) == 1 else "two"


def _vpc_dry_run(ec2: Any) -> str:
    before = len(ec2.describe_vpcs()["Vpcs"])
    _outcome(lambda: ec2.create_vpc(CidrBlock="10.20.0.0/16", DryRun=True))
    return f"{len(ec2.describe_vpcs()['Vpcs']) - before} made"


def _protection(ec2: Any) -> str:
    instance = _launch(ec2, _net(ec2), DisableApiTermination=True)
    return _outcome(lambda: ec2.terminate_instances(InstanceIds=[instance]))


def _group_in_use(ec2: Any) -> str:
    net = _net(ec2)
    _launch(ec2, net)
    return _outcome(lambda: ec2.delete_security_group(GroupId=net["group"]))


def _subnet_in_use(ec2: Any) -> str:
    net = _net(ec2)
    _launch(ec2, net)
    return _outcome(lambda: ec2.delete_subnet(SubnetId=net["subnet"]))


def _launch_with(**changes: Any) -> Callable[[Any], str]:
    return lambda ec2: _outcome(lambda: _launch(ec2, _net(ec2), **changes))


_TABLE: dict[str, tuple[Callable[[Any], str], str, str]] = {
    # what: (how, moto alone, the layer)
    "RunInstances twice with one token": (_launch_token, "two", "one"),
    "CreateRouteTable twice with one token": (_table_token, "two", "one"),
    "CreateVpc with DryRun": (_vpc_dry_run, "1 made", "0 made"),
    "terminate what was protected at launch": (_protection, "done", "OperationNotPermitted"),
    "delete a group in use": (_group_in_use, "done", "DependencyViolation"),
    "delete a subnet in use": (_subnet_in_use, "done", "DependencyViolation"),
    "launch an unknown image": (
        _launch_with(ImageId="ami-00000000000000000"),
        "done",
        "InvalidAMIID.NotFound",
    ),
    "launch an unknown type": (_launch_with(InstanceType="m99.large"), "done", "InvalidParameterValue"),
    "launch with 20 KB of user data": (_launch_with(UserData="x" * 20_000), "done", "InvalidParameterValue"),
}


@pytest.fixture(scope="module")
def bare_endpoint(loop: Loop, moto: MotoBackend) -> Iterator[str]:
    """moto's socket, served at a port of its own: it takes any key."""
    front = Front(server=moto.socket)

    async def start() -> int:
        return front.start("127.0.0.1", 0)

    yield f"http://127.0.0.1:{loop.run(start())}"
    loop.run(front.stop())


@pytest.mark.parametrize("what", sorted(_TABLE))
def test_the_layer_is_stricter_than_moto(
    lab: Lab, loop: Loop, moto: MotoBackend, bare_endpoint: str, what: str
) -> None:
    how, alone, layered = _TABLE[what]
    bare = client(bare_endpoint, "ec2")
    with_moto = how(bare)
    bare.close()
    loop.run(moto.reset())
    assert (with_moto, how(lab.ec2)) == (alone, layered)
