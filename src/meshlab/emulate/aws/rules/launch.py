"""Rules for launching, starting and ending instances."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from meshlab.emulate.aws.rules.world import Rules, World
from meshlab.emulate.aws.settings import STANDARD_VCPU_QUOTA, USER_DATA_LIMIT
from meshlab.emulate.aws.wire import AwsFault, Call

_STANDARD_FAMILIES = "acdhimrtz"


def first_interface(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """The specification of network interface 0, empty when there is none."""
    for interface in params.get("NetworkInterfaces") or []:
        if interface.get("DeviceIndex", 0) == 0:
            chosen: Mapping[str, Any] = interface
            return chosen
    return {}


def subnet_of(params: Mapping[str, Any]) -> str | None:
    """The subnet a launch asks for, wherever it says so."""
    return params.get("SubnetId") or first_interface(params).get("SubnetId")


def groups_of(params: Mapping[str, Any]) -> list[str]:
    """The security groups a launch asks for."""
    return list(params.get("SecurityGroupIds") or first_interface(params).get("Groups") or [])


def private_address_of(params: Mapping[str, Any]) -> str | None:
    """The fixed private address a launch asks for."""
    return params.get("PrivateIpAddress") or first_interface(params).get("PrivateIpAddress")


async def the_subnet(call: Call, world: World) -> dict[str, Any] | None:
    """The subnet of a launch as EC2 describes it.

    Raises
    ------
    AwsFault
        There is no such subnet.
    """
    subnet = subnet_of(call.params)
    if subnet is None:
        return None
    found: dict[str, Any] = (await world.backend.ask("ec2", "DescribeSubnets", SubnetIds=[subnet]))[
        "Subnets"
    ][0]
    return found


async def zone_of(call: Call, world: World) -> str | None:
    """The zone a launch names, by its subnet or by placement."""
    subnet = await the_subnet(call, world)
    zone = (
        subnet["AvailabilityZone"] if subnet else (call.params.get("Placement") or {}).get("AvailabilityZone")
    )
    return str(zone) if zone else None


async def count_is_given(call: Call, world: World) -> None:
    """MinCount and MaxCount are required and ordered. Source: RunInstances reference."""
    least, most = call.params.get("MinCount"), call.params.get("MaxCount")
    if least is None or most is None:
        raise AwsFault("MissingParameter", "The request must contain the parameters MinCount and MaxCount")
    if not 1 <= least <= most:
        raise AwsFault("InvalidParameterValue", f"Value ({most}) for parameter maxCount is invalid.")
    if most > 1 and private_address_of(call.params):
        raise AwsFault("InvalidParameterCombination", "A fixed private address needs MaxCount 1.")


async def _the_image(call: Call, world: World) -> dict[str, Any]:
    image = call.params.get("ImageId")
    if not image:
        raise AwsFault("MissingParameter", "The request must contain the parameter ImageId")
    images = (await world.backend.ask("ec2", "DescribeImages")).get("Images", [])
    for row in images:
        if row["ImageId"] == image:
            chosen: dict[str, Any] = row
            return chosen
    raise AwsFault("InvalidAMIID.NotFound", f"The image id '[{image}]' does not exist")


async def image_exists(call: Call, world: World) -> None:
    """The image must exist. Source: EC2 API errors, InvalidAMIID.NotFound."""
    await _the_image(call, world)


async def type_is_offered_in_the_zone(call: Call, world: World) -> None:
    """The type must exist, and be offered in the zone.

    Source: EC2 API errors, InvalidParameterValue, Unsupported.
    """
    kind = call.params.get("InstanceType", "m1.small")
    filters = [{"Name": "instance-type", "Values": [kind]}]
    offered = await world.backend.ask(
        "ec2", "DescribeInstanceTypeOfferings", LocationType="availability-zone", Filters=filters
    )
    zones = sorted(row["Location"] for row in offered.get("InstanceTypeOfferings", []))
    if not zones:
        raise AwsFault("InvalidParameterValue", f"Invalid value '{kind}' for InstanceType.")
    zone = await zone_of(call, world)
    if zone is not None and zone not in zones:
        raise AwsFault(
            "Unsupported",
            f"Your requested instance type ({kind}) is not supported in your requested Availability Zone "
            f"({zone}). "
            "Please retry your request by not specifying an Availability Zone or choosing "
            f"{', '.join(zones)}.",
        )


async def image_fits_the_type(call: Call, world: World) -> None:
    """Processor and boot mode of image and type must agree; T2 (Xen, no UEFI) does not run Talos.

    Source: EC2 user guide, "Instance type boot modes"; Talos' AWS guide: "t2 instances are not supported".
    """
    kind = call.params.get("InstanceType", "m1.small")
    image = await _the_image(call, world)
    if kind.startswith("t2."):
        raise AwsFault(
            "InvalidParameterCombination",
            f"The image '{image['ImageId']}' boots by UEFI, which instance type {kind} does not support.",
        )
    described = await world.backend.ask("ec2", "DescribeInstanceTypes", InstanceTypes=[kind])
    machines = described["InstanceTypes"][0]["ProcessorInfo"]["SupportedArchitectures"]
    if image["Architecture"] not in machines:
        raise AwsFault(
            "InvalidParameterValue",
            f"The architecture '{','.join(machines)}' of the specified instance type does not match the "
            "architecture "
            f"'{image['Architecture']}' of the specified AMI.",
        )


def decoded_user_data(params: Mapping[str, Any]) -> bytes:
    """The user data of a launch, decoded.

    Raises
    ------
    AwsFault
        It is not base64.
    """
    raw = params.get("UserData") or ""
    try:
        return base64.b64decode(raw, validate=True)
    except (binascii.Error, ValueError):
        raise AwsFault("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.") from None


async def user_data_fits(call: Call, world: World) -> None:
    """User data is base64 of at most 16 KiB; boto3 encodes it in RunInstances, not inside LaunchTemplateData.

    Source: EC2 user guide, "Instance user data".
    """
    if len(decoded_user_data(call.params)) > USER_DATA_LIMIT:
        raise AwsFault("InvalidParameterValue", f"User data is limited to {USER_DATA_LIMIT} bytes")


async def template_user_data_fits(call: Call, world: World) -> None:
    """The same for the data of a launch template, which boto3 does not encode."""
    if len(decoded_user_data(call.params.get("LaunchTemplateData") or {})) > USER_DATA_LIMIT:
        raise AwsFault("InvalidParameterValue", f"User data is limited to {USER_DATA_LIMIT} bytes")


async def groups_are_of_the_network(call: Call, world: World) -> None:
    """Security groups and subnet belong to one VPC. Source: EC2 API errors, InvalidParameter."""
    subnet, groups = await the_subnet(call, world), groups_of(call.params)
    if subnet is None or not groups:
        return
    found = (await world.backend.ask("ec2", "DescribeSecurityGroups", GroupIds=groups))["SecurityGroups"]
    for group in found:
        if group.get("VpcId") != subnet["VpcId"]:
            raise AwsFault(
                "InvalidParameter",
                f"Security group {group['GroupId']} and subnet {subnet['SubnetId']} belong to different "
                "networks.",
            )


async def private_address_is_free(call: Call, world: World) -> None:
    """A fixed address is inside the subnet, not one of its five reserved ones, and free.

    Source: VPC user guide, "Subnet sizing"; EC2 API errors, InvalidIPAddress.InUse.
    """
    subnet, wanted = await the_subnet(call, world), private_address_of(call.params)
    if subnet is None or wanted is None:
        return
    network, address = IPv4Network(subnet["CidrBlock"]), IPv4Address(wanted)
    if address not in network:
        raise AwsFault(
            "InvalidParameterValue", f"Address {wanted} does not fall within the subnet's address range"
        )
    reserved = {network[0], network[1], network[2], network[3], network[-1]}
    if address in reserved:
        raise AwsFault("InvalidParameterValue", f"Address {wanted} is in subnet's reserved address range")
    for interface in await world.listed(
        "DescribeNetworkInterfaces", "NetworkInterfaces", subnet_id=subnet["SubnetId"]
    ):
        if interface.get("PrivateIpAddress") == wanted:
            raise AwsFault("InvalidIPAddress.InUse", f"Address {wanted} is in use.")


async def profile_is_known_and_has_a_role(call: Call, world: World) -> None:
    """The instance profile exists, holds a role, and EC2 has heard of it.

    Source: IAM user guide, "Troubleshooting: eventual consistency"; EC2's InvalidParameterValue messages.
    """
    asked = call.params.get("IamInstanceProfile") or {}
    name = asked.get("Name") or str(asked.get("Arn", "")).rpartition("/")[2]
    if not name:
        return
    unknown = AwsFault(
        "InvalidParameterValue",
        f"Value ({name}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
    )
    try:
        profile = (await world.backend.ask("iam", "GetInstanceProfile", InstanceProfileName=name))[
            "InstanceProfile"
        ]
    except AwsFault:
        raise unknown from None
    if not profile.get("Roles"):
        raise AwsFault(
            "InvalidParameterValue", f'IAM Instance Profile "{profile["Arn"]}" has no associated IAM Roles'
        )
    if world.profile_known_from.get(name, 0.0) > world.clock():
        raise unknown


async def zone_has_capacity(call: Call, world: World) -> None:
    """A zone that is full launches nothing. Source: EC2 API errors, InsufficientInstanceCapacity."""
    zone = await zone_of(call, world)
    if zone in world.faults.full_zones:
        _refuse_for_capacity(str(call.params.get("InstanceType")), str(zone))


def _refuse_for_capacity(kind: str, zone: str) -> None:
    raise AwsFault(
        "InsufficientInstanceCapacity",
        f"We currently do not have sufficient {kind} capacity in the Availability Zone you requested "
        f"({zone}). "
        "Our system will be working on provisioning additional capacity.",
        500,
    )


async def started_zone_has_capacity(call: Call, world: World) -> None:
    """Starting a stopped instance needs capacity like a launch. Source: EC2 user guide, "Stop and start"."""
    for instance in world.instances.all():
        if instance.id in call.params.get("InstanceIds", []) and instance.zone in world.faults.full_zones:
            _refuse_for_capacity("", instance.zone)


async def vcpus_are_within_the_quota(call: Call, world: World) -> None:
    """On-demand standard instances share one vCPU quota.

    Source: EC2 user guide, "On-Demand Instance quotas".
    """
    kind = call.params.get("InstanceType", "m1.small")
    if kind[0] not in _STANDARD_FAMILIES:
        return
    described = await world.backend.ask("ec2", "DescribeInstanceTypes", InstanceTypes=[kind])
    asked = described["InstanceTypes"][0]["VCpuInfo"]["DefaultVCpus"] * call.params["MaxCount"]
    limit = world.settings.standard_vcpus
    if world.instances.vcpus_in_use() + asked > limit:
        raise AwsFault(
            "VcpuLimitExceeded",
            f"You have requested more vCPU capacity than your current vCPU limit of {limit} allows for "
            "the instance "
            f"bucket that the specified instance type belongs to ({STANDARD_VCPU_QUOTA}).",
        )


async def protected_instance_stays(call: Call, world: World) -> None:
    """DisableApiTermination is honoured, all or nothing for the call.

    Source: TerminateInstances reference.
    """
    await _refuse_if_set(call, world, "disableApiTermination", "DisableApiTermination", "terminated")


async def stop_protected_instance_stays(call: Call, world: World) -> None:
    """DisableApiStop is honoured. Source: StopInstances reference."""
    await _refuse_if_set(call, world, "disableApiStop", "DisableApiStop", "stopped")


async def _refuse_if_set(call: Call, world: World, attribute: str, key: str, verb: str) -> None:
    for instance in call.params.get("InstanceIds", []):
        if world.instances.state(instance) in (None, "shutting-down", "terminated"):
            continue
        read = await world.backend.ask(
            "ec2", "DescribeInstanceAttribute", InstanceId=instance, Attribute=attribute
        )
        if read.get(key, {}).get("Value"):
            raise AwsFault(
                "OperationNotPermitted",
                f"The instance '{instance}' may not be {verb}. Modify its '{attribute}' instance "
                "attribute and try again.",
            )


LAUNCH_RULES: Rules = {
    "RunInstances": (
        count_is_given,
        image_exists,
        type_is_offered_in_the_zone,
        image_fits_the_type,
        user_data_fits,
        groups_are_of_the_network,
        private_address_is_free,
        profile_is_known_and_has_a_role,
        vcpus_are_within_the_quota,
        zone_has_capacity,
    ),
    "CreateLaunchTemplate": (template_user_data_fits,),
    "CreateLaunchTemplateVersion": (template_user_data_fits,),
    "StartInstances": (started_zone_has_capacity,),
    "TerminateInstances": (protected_instance_stays,),
    "StopInstances": (stop_protected_instance_stays,),
}
