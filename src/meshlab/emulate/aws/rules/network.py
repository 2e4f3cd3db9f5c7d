"""Rules for VPCs, subnets, gateways, routes and addresses."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

from meshlab.emulate.aws.rules.world import Rules, World
from meshlab.emulate.aws.wire import AwsFault, Call


async def vpc_range_is_usable(call: Call, world: World) -> None:
    """A VPC is between /16 and /28 and outside ranges that cannot work.

    Source: VPC user guide, "VPC CIDR blocks"; Talos machine config reference for the pod and service
    networks.
    """
    block = call.params.get("CidrBlock")
    if not block:
        return
    try:
        network = IPv4Network(block)
    except ValueError:
        raise AwsFault(
            "InvalidParameterValue", f"Value ({block}) for parameter cidrBlock is invalid."
        ) from None
    if not 16 <= network.prefixlen <= 28:
        raise AwsFault("InvalidVpc.Range", f"The CIDR '{block}' is invalid.")
    for refused, reason in world.settings.refused_networks:
        if network.overlaps(refused):
            raise AwsFault(
                "InvalidVpc.Range", f"The CIDR '{block}' is invalid: it overlaps {refused} ({reason})."
            )


async def subnet_in_use_stays(call: Call, world: World) -> None:
    """A subnet with a network interface in it is not deleted. Source: EC2 API errors, DependencyViolation."""
    subnet = call.params.get("SubnetId", "")
    if await world.listed("DescribeNetworkInterfaces", "NetworkInterfaces", subnet_id=subnet):
        raise AwsFault(
            "DependencyViolation", f"The subnet '{subnet}' has dependencies and cannot be deleted."
        )


async def group_in_use_stays(call: Call, world: World) -> None:
    """A security group on a network interface, or named by another group's rule, is not deleted.

    Source: EC2 user guide, "Delete your security group".
    """
    group = call.params.get("GroupId", "")
    if not group:
        return
    if await world.listed("DescribeNetworkInterfaces", "NetworkInterfaces", group_id=group):
        raise AwsFault("DependencyViolation", f"resource {group} has a dependent object")
    for other in await world.listed("DescribeSecurityGroups", "SecurityGroups"):
        if other["GroupId"] != group and group in _groups_named_by(other):
            raise AwsFault("DependencyViolation", f"resource {group} has a dependent object")


def _groups_named_by(group: dict[str, Any]) -> set[str]:
    permissions = group.get("IpPermissions", []) + group.get("IpPermissionsEgress", [])
    return {pair.get("GroupId", "") for p in permissions for pair in p.get("UserIdGroupPairs", [])}


async def _publicly_addressed(world: World, vpc: str) -> bool:
    interfaces = await world.listed("DescribeNetworkInterfaces", "NetworkInterfaces", vpc_id=vpc)
    if any(interface.get("Association", {}).get("PublicIp") for interface in interfaces):
        return True
    for reservation in await world.listed("DescribeInstances", "Reservations", vpc_id=vpc):
        for row in reservation["Instances"]:
            if row.get("PublicIpAddress") and world.instances.state(row["InstanceId"]) not in (
                "terminated",
                None,
            ):
                return True
    return False


async def gateway_with_mapped_addresses_stays(call: Call, world: World) -> None:
    """An internet gateway is not detached while public addresses are mapped.

    Source: DetachInternetGateway reference.
    """
    vpc = call.params.get("VpcId", "")
    if await _publicly_addressed(world, vpc):
        raise AwsFault(
            "DependencyViolation",
            f"Network {vpc} has some mapped public address(es). "
            "Please unmap those public address(es) before detaching the gateway.",
        )


async def attached_gateway_stays(call: Call, world: World) -> None:
    """An attached internet gateway is not deleted. Source: DeleteInternetGateway reference."""
    gateway = call.params.get("InternetGatewayId", "")
    found = await world.backend.ask("ec2", "DescribeInternetGateways", InternetGatewayIds=[gateway])
    if any(row.get("Attachments") for row in found["InternetGateways"]):
        raise AwsFault(
            "DependencyViolation",
            f"The internetGateway '{gateway}' has dependencies and cannot be deleted.",
        )


async def vpc_in_use_stays(call: Call, world: World) -> None:
    """A VPC that holds anything but its main route table, default ACL and default group is not deleted.

    Source: VPC user guide, "Delete your VPC".
    """
    vpc = call.params.get("VpcId", "")
    gateways = await world.listed(
        "DescribeInternetGateways", "InternetGateways", **{"attachment.vpc_id": vpc}
    )
    groups = await world.listed("DescribeSecurityGroups", "SecurityGroups", vpc_id=vpc)
    tables = await world.listed("DescribeRouteTables", "RouteTables", vpc_id=vpc)
    held = (
        bool(gateways)
        or any(group["GroupName"] != "default" for group in groups)
        or any(not any(a.get("Main") for a in table.get("Associations", [])) for table in tables)
        or bool(await world.listed("DescribeSubnets", "Subnets", vpc_id=vpc))
        or bool(await world.listed("DescribeNetworkInterfaces", "NetworkInterfaces", vpc_id=vpc))
    )
    if held:
        raise AwsFault("DependencyViolation", f"The vpc '{vpc}' has dependencies and cannot be deleted.")


async def used_route_table_stays(call: Call, world: World) -> None:
    """A route table with associations is not deleted. Source: DeleteRouteTable reference."""
    table = call.params.get("RouteTableId", "")
    found = await world.backend.ask("ec2", "DescribeRouteTables", RouteTableIds=[table])
    if any(row.get("Associations") for row in found["RouteTables"]):
        raise AwsFault(
            "DependencyViolation", f"The routeTable '{table}' has dependencies and cannot be deleted."
        )


async def route_stays_in_its_network(call: Call, world: World) -> None:
    """A route to an internet gateway needs it attached to the table's own VPC.

    Source: EC2 API errors, CreateRoute.
    """
    gateway, table = call.params.get("GatewayId", ""), call.params.get("RouteTableId", "")
    if not gateway.startswith("igw-"):
        return
    tables = (await world.backend.ask("ec2", "DescribeRouteTables", RouteTableIds=[table]))["RouteTables"]
    found = await world.backend.ask("ec2", "DescribeInternetGateways", InternetGatewayIds=[gateway])
    attached = {a.get("VpcId") for row in found["InternetGateways"] for a in row.get("Attachments", [])}
    if not attached & {row["VpcId"] for row in tables}:
        raise AwsFault(
            "InvalidParameterValue",
            f"route table {table} and network gateway {gateway} belong to different networks",
        )


async def used_interface_stays(call: Call, world: World) -> None:
    """A network interface in use is not deleted. Source: EC2 API errors, InvalidNetworkInterface.InUse."""
    interface = call.params.get("NetworkInterfaceId", "")
    found = await world.backend.ask("ec2", "DescribeNetworkInterfaces", NetworkInterfaceIds=[interface])
    if any(row.get("Attachment", {}).get("InstanceId") for row in found["NetworkInterfaces"]):
        raise AwsFault(
            "InvalidNetworkInterface.InUse", f"The network interface '{interface}' is currently in use."
        )


async def address_in_use_stays(call: Call, world: World) -> None:
    """An address that is associated, or belongs to a NAT gateway, is not released.

    Source: EC2 API errors, InvalidIPAddress.InUse; NAT gateway guide.
    """
    allocation = call.params.get("AllocationId", "")
    if not allocation:
        return
    found = await world.backend.ask("ec2", "DescribeAddresses", AllocationIds=[allocation])
    if any(row.get("AssociationId") for row in found["Addresses"]):
        raise AwsFault("InvalidIPAddress.InUse", f"The address with allocation id {allocation} is in use.")
    for nat in (await world.backend.ask("ec2", "DescribeNatGateways")).get("NatGateways", []):
        held = {address.get("AllocationId") for address in nat.get("NatGatewayAddresses", [])}
        if nat.get("State") != "deleted" and allocation in held:
            raise AwsFault(
                "InvalidIPAddress.InUse", f"The address with allocation id {allocation} is in use."
            )


async def address_needs_a_ready_instance(call: Call, world: World) -> None:
    """An address is not associated with a pending instance, nor in a VPC without an internet gateway.

    Source: EC2 API errors, InvalidInstanceID and Gateway.NotAttached.
    """
    instance = call.params.get("InstanceId", "")
    state = world.instances.state(instance) if instance else None
    if state is not None and state not in ("running", "stopped", "stopping"):
        raise AwsFault(
            "InvalidInstanceID",
            f"The {state} instance '{instance}' is not in a valid state for this operation.",
        )
    if state is not None:
        found = await world.backend.ask("ec2", "DescribeInstances", InstanceIds=[instance])
        vpc = found["Reservations"][0]["Instances"][0].get("VpcId", "")
        filters = {"attachment.vpc_id": vpc}
        if not await world.listed("DescribeInternetGateways", "InternetGateways", **filters):
            raise AwsFault("Gateway.NotAttached", f"Network {vpc} is not attached to any internet gateway")


async def same_association(call: Call, world: World) -> dict[str, Any] | None:
    """The association that is there already, when AssociateAddress asks for it again; moto makes another one.

    Source: AssociateAddress reference: "This is an idempotent operation."
    """
    allocation, instance = call.params.get("AllocationId", ""), call.params.get("InstanceId", "")
    if not allocation or not instance:
        return None
    found = await world.backend.ask("ec2", "DescribeAddresses", AllocationIds=[allocation])
    for row in found["Addresses"]:
        if row.get("AssociationId") and row.get("InstanceId") == instance:
            return {"AssociationId": row["AssociationId"]}
    return None


async def volume_stays_in_its_zone(call: Call, world: World) -> None:
    """A volume is attached only to an instance of its own zone.

    Source: EC2 API errors, InvalidVolume.ZoneMismatch.
    """
    volume, instance = call.params.get("VolumeId", ""), call.params.get("InstanceId", "")
    found = (await world.backend.ask("ec2", "DescribeVolumes", VolumeIds=[volume]))["Volumes"]
    zones = {i.zone for i in world.instances.all() if i.id == instance}
    if zones and found and found[0]["AvailabilityZone"] not in zones:
        raise AwsFault(
            "InvalidVolume.ZoneMismatch",
            f"The volume '{volume}' is not in the same availability zone as '{instance}'",
        )


async def attached_volume_stays(call: Call, world: World) -> None:
    """A volume in use is not deleted. Source: EC2 API errors, VolumeInUse."""
    volume = call.params.get("VolumeId", "")
    found = (await world.backend.ask("ec2", "DescribeVolumes", VolumeIds=[volume]))["Volumes"]
    if any(row.get("Attachments") for row in found):
        raise AwsFault("VolumeInUse", f"Volume {volume} is currently attached.")


NETWORK_RULES: Rules = {
    "CreateVpc": (vpc_range_is_usable,),
    "DeleteVpc": (vpc_in_use_stays,),
    "DeleteSubnet": (subnet_in_use_stays,),
    "DeleteSecurityGroup": (group_in_use_stays,),
    "DetachInternetGateway": (gateway_with_mapped_addresses_stays,),
    "DeleteInternetGateway": (attached_gateway_stays,),
    "CreateRoute": (route_stays_in_its_network,),
    "DeleteRouteTable": (used_route_table_stays,),
    "DeleteNetworkInterface": (used_interface_stays,),
    "ReleaseAddress": (address_in_use_stays,),
    "AssociateAddress": (address_needs_a_ready_instance,),
    "AttachVolume": (volume_stays_in_its_zone,),
    "DeleteVolume": (attached_volume_stays,),
}
