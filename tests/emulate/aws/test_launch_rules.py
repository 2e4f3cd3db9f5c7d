"""What RunInstances refuses on AWS, and what it does that moto does not."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from awslab import IMAGE_ARM, Lab, refused

from meshlab.emulate.aws.instances import PowerHooks
from meshlab.emulate.aws.settings import INSTANT

_REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "unknown image": ({"ImageId": "ami-00000000000000000"}, "InvalidAMIID.NotFound"),
    "unknown type": ({"InstanceType": "m99.large"}, "InvalidParameterValue"),
    "t2 does not boot Talos": ({"InstanceType": "t2.medium"}, "InvalidParameterCombination"),
    "image for another processor": ({"ImageId": IMAGE_ARM}, "InvalidParameterValue"),
    "user data over 16 KiB": ({"UserData": "x" * (16 * 1024 + 1)}, "InvalidParameterValue"),
    "address outside the subnet": ({"PrivateIpAddress": "10.20.9.11"}, "InvalidParameterValue"),
    "reserved address": ({"PrivateIpAddress": "10.20.1.2"}, "InvalidParameterValue"),
    "two with one address": ({"MaxCount": 2}, "InvalidParameterCombination"),
    "unknown profile": ({"IamInstanceProfile": {"Name": "nobody"}}, "InvalidParameterValue"),
    "over the vCPU quota": ({"InstanceType": "m6i.24xlarge"}, "VcpuLimitExceeded"),
}


@pytest.mark.parametrize("case", sorted(_REFUSED))
def test_a_launch_is_refused_for(lab: Lab, case: str) -> None:
    changes, code = _REFUSED[case]
    assert refused(lab.ec2.run_instances, **lab.net().launch(**changes)) == code
    assert lab.cloud.instances.all() == []


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"UserData": "x" * 16 * 1024},
        {"ImageId": IMAGE_ARM, "InstanceType": "m7g.large"},
        {"PrivateIpAddress": "10.20.1.4"},
        {"PrivateIpAddress": None},
        {"InstanceType": "m6i.16xlarge"},
    ],
    ids=["plain", "16 KiB", "arm64", "lowest address", "any address", "the whole quota"],
)
def test_a_launch_is_carried_out_for(lab: Lab, changes: dict[str, Any]) -> None:
    assert lab.launch(lab.net(), **changes) in lab.cloud.instances


def test_a_type_that_the_zone_does_not_offer_is_refused(lab: Lab) -> None:
    net, ec2 = lab.net(), lab.ec2
    subnet = ec2.create_subnet(VpcId=net.vpc, CidrBlock="10.20.5.0/24", AvailabilityZone="us-east-1e")
    launch = net.launch(SubnetId=subnet["Subnet"]["SubnetId"], PrivateIpAddress=None)
    assert refused(ec2.run_instances, **launch) == "Unsupported"


def test_a_taken_address_is_refused_and_free_after_the_end(lab: Lab) -> None:
    net = lab.net()
    first = lab.launch(net)
    assert refused(lab.ec2.run_instances, **net.launch()) == "InvalidIPAddress.InUse"
    lab.end(first)
    assert lab.launch(net) != first


def test_a_group_of_another_network_is_refused(lab: Lab) -> None:
    net, ec2 = lab.net(), lab.ec2
    other = ec2.create_vpc(CidrBlock="10.30.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="cp", Description="d", VpcId=other)["GroupId"]
    assert refused(ec2.run_instances, **net.launch(SecurityGroupIds=[group])) == "InvalidParameter"


def test_a_full_zone_launches_and_starts_nothing(lab: Lab) -> None:
    net, ec2 = lab.net(), lab.ec2
    instance = lab.launch(net)
    lab.until(instance, "running")
    ec2.stop_instances(InstanceIds=[instance])
    lab.until(instance, "stopped")
    lab.cloud.faults.insufficient_capacity("us-east-1a")
    another = net.launch(PrivateIpAddress="10.20.1.12")
    assert refused(ec2.run_instances, **another) == "InsufficientInstanceCapacity"
    assert refused(ec2.start_instances, InstanceIds=[instance]) == "InsufficientInstanceCapacity"
    lab.cloud.faults.enough_capacity("us-east-1a")
    ec2.start_instances(InstanceIds=[instance])
    lab.until(instance, "running")


def test_protection_set_at_launch_is_honoured(lab: Lab) -> None:
    net, ec2 = lab.net(), lab.ec2
    instance = lab.launch(net, DisableApiTermination=True, DisableApiStop=True)
    lab.until(instance, "running")
    assert refused(ec2.terminate_instances, InstanceIds=[instance]) == "OperationNotPermitted"
    assert refused(ec2.stop_instances, InstanceIds=[instance]) == "OperationNotPermitted"
    ec2.modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": False})
    lab.end(instance)


def test_the_template_fills_what_the_call_leaves_open(make_lab: Callable[..., Lab]) -> None:
    seen: list[Any] = []

    async def on_running(instance: Any) -> None:
        seen.append(instance)

    lab = make_lab(INSTANT, PowerHooks(on_running=on_running))
    net, ec2 = lab.net(), lab.ec2
    data = {
        **{k: v for k, v in net.launch().items() if k in ("ImageId", "InstanceType", "SecurityGroupIds")},
        "DisableApiTermination": True,
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 50, "Encrypted": True}}],
        "TagSpecifications": [
            {"ResourceType": "instance", "Tags": [{"Key": "role", "Value": "control-plane"}]}
        ],
        "UserData": base64.b64encode(b"machine config").decode(),
    }
    template = ec2.create_launch_template(LaunchTemplateName="cp", LaunchTemplateData=data)["LaunchTemplate"]
    tags = [
        {"ResourceType": kind, "Tags": [{"Key": "Name", "Value": "master-1"}]}
        for kind in ("instance", "volume", "network-interface")
    ]
    made = ec2.run_instances(
        MinCount=1,
        MaxCount=1,
        LaunchTemplate={"LaunchTemplateId": template["LaunchTemplateId"]},
        SubnetId=net.subnet,
        PrivateIpAddress="10.20.1.11",
        TagSpecifications=tags,
    )["Instances"][0]
    row = lab.until(made["InstanceId"], "running")
    assert row["MetadataOptions"]["HttpTokens"] == "required"
    assert {tag["Key"] for tag in row["Tags"]} >= {"Name", "role", "aws:ec2launchtemplate:id"}
    volume = ec2.describe_volumes()["Volumes"][0]
    interface = ec2.describe_network_interfaces()["NetworkInterfaces"][0]
    assert (volume["Size"], volume["Encrypted"]) == (50, True)
    assert volume["Tags"] == interface["TagSet"] == [{"Key": "Name", "Value": "master-1"}]
    assert [group["GroupId"] for group in interface["Groups"]] == [net.group]
    assert refused(ec2.terminate_instances, InstanceIds=[made["InstanceId"]]) == "OperationNotPermitted"
    assert [(i.private_ip, i.zone, i.user_data) for i in seen] == [
        ("10.20.1.11", "us-east-1a", b"machine config")
    ]


def test_template_user_data_that_is_not_base64_is_refused(lab: Lab) -> None:
    """boto3 encodes user data in RunInstances but not inside LaunchTemplateData."""
    data = {"InstanceType": "m6i.large", "UserData": "#!machine: config"}
    code = refused(lab.ec2.create_launch_template, LaunchTemplateName="cp", LaunchTemplateData=data)
    assert code == "InvalidUserData.Malformed"


def test_an_unknown_template_is_refused(lab: Lab) -> None:
    launch = lab.net().launch(LaunchTemplate={"LaunchTemplateId": "lt-00000000000000000"})
    assert refused(lab.ec2.run_instances, **launch) == "InvalidLaunchTemplateId.NotFound"
