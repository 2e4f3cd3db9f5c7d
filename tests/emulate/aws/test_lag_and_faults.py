"""Read lag, DryRun and injected faults: what a careful client must survive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from awslab import Lab, refused
from botocore.exceptions import ClientError, ConnectionClosedError

from meshlab.emulate.aws.settings import AwsTimings
from own_time import HandClock

_LAG_S = 0.4


def test_a_new_object_is_not_found_then_found(make_lab: Callable[..., Lab]) -> None:
    clock = HandClock()
    ec2 = make_lab(AwsTimings(0, 0, 0, 0, (_LAG_S, _LAG_S), 0, 0), clock=clock).ec2
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    clock.sleep(0.99 * _LAG_S)
    assert refused(ec2.describe_vpcs, VpcIds=[vpc]) == "InvalidVpcID.NotFound"
    assert vpc not in [row["VpcId"] for row in ec2.describe_vpcs()["Vpcs"]]
    assert refused(ec2.create_subnet, VpcId=vpc, CidrBlock="10.20.1.0/24") == "InvalidVpcID.NotFound"
    clock.sleep(0.01 * _LAG_S)
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["VpcId"] == vpc


def test_a_new_profile_is_unknown_to_ec2_for_a_while(make_lab: Callable[..., Lab]) -> None:
    clock = HandClock()
    lab = make_lab(AwsTimings(0, 0, 0, 0, (0, 0), 3.0, 0), clock=clock)
    net, iam = lab.net(), lab.client("iam")
    iam.create_role(RoleName="cp", AssumeRolePolicyDocument="{}")
    iam.create_instance_profile(InstanceProfileName="cp")
    launch = net.launch(IamInstanceProfile={"Name": "cp"})
    with pytest.raises(ClientError, match="no associated IAM Roles"):
        lab.ec2.run_instances(**launch)
    iam.add_role_to_instance_profile(InstanceProfileName="cp", RoleName="cp")
    clock.sleep(2.9)
    with pytest.raises(ClientError, match="Invalid IAM Instance Profile name"):
        lab.ec2.run_instances(**launch)
    clock.sleep(0.2)
    assert lab.ec2.run_instances(**launch)["Instances"]


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("create_vpc", {"CidrBlock": "10.20.0.0/16"}),
        ("create_internet_gateway", {}),
        ("allocate_address", {"Domain": "vpc"}),
    ],
)
def test_dry_run_says_yes_and_makes_nothing(lab: Lab, operation: str, params: dict[str, Any]) -> None:
    assert refused(getattr(lab.ec2, operation), DryRun=True, **params) == "DryRunOperation"
    lab.cloud.faults.deny("*")
    assert refused(getattr(lab.ec2, operation), DryRun=True, **params) == "UnauthorizedOperation"
    assert [entry for entry in lab.cloud.log if entry.committed] == []


def test_throttling_refuses_and_commits_nothing(lab: Lab) -> None:
    lab.cloud.faults.throttle("CreateVpc", 1)
    assert refused(lab.ec2.create_vpc, CidrBlock="10.20.0.0/16") == "RequestLimitExceeded"
    assert lab.cloud.log.committed("CreateVpc") == []
    lab.cloud.faults.throttle("CreateKey", 1)
    assert refused(lab.client("kms").create_key) == "Throttling"
    assert lab.ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]


def test_an_error_after_commit_has_committed(lab: Lab) -> None:
    lab.cloud.faults.error_after_commit("CreateVpc")
    assert refused(lab.ec2.create_vpc, CidrBlock="10.20.0.0/16") == "InternalError"
    assert [e.code for e in lab.cloud.log.committed("CreateVpc")] == ["InternalError"]
    assert "10.20.0.0/16" in [row["CidrBlock"] for row in lab.ec2.describe_vpcs()["Vpcs"]]


def test_an_error_before_commit_has_not(lab: Lab) -> None:
    lab.cloud.faults.error_before_commit("CreateVpc")
    assert refused(lab.ec2.create_vpc, CidrBlock="10.20.0.0/16") == "InternalError"
    assert "10.20.0.0/16" not in [row["CidrBlock"] for row in lab.ec2.describe_vpcs()["Vpcs"]]


def test_a_lost_reply_breaks_the_connection_after_the_commit(lab: Lab) -> None:
    lab.cloud.faults.lose_reply("CreateVpc")
    with pytest.raises(ConnectionClosedError):
        lab.ec2.create_vpc(CidrBlock="10.20.0.0/16")
    assert [e.code for e in lab.cloud.log.committed("CreateVpc")] == ["lost-reply"]


def test_the_sdk_alone_makes_two_vpcs_of_one_lost_reply(lab: Lab) -> None:
    """Why our own client never repeats a create that has no token."""
    lab.cloud.faults.lose_reply("CreateVpc")
    lab.client("ec2", attempts=3).create_vpc(CidrBlock="10.20.0.0/16")
    assert len(lab.cloud.log.committed("CreateVpc")) == 2


def test_an_unsigned_request_is_refused(lab: Lab) -> None:
    import urllib.error
    import urllib.request

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(urllib.error.HTTPError) as caught:
        opener.open(lab.cloud.endpoint, data=b"Action=DescribeVpcs&Version=2016-11-15")
    assert caught.value.code == 403
    caught.value.close()
