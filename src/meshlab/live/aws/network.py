"""The network of a cluster: VPC, subnets, gateway, routes, security groups, addresses; made, read and removed.

Each create says how a lost reply is resolved: by its token, by its natural key, or by its tags.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from meshlab.live.aws.objects import (
    Address,
    Gateway,
    GroupRule,
    RouteTable,
    SecurityGroup,
    Subnet,
    Vpc,
    Zone,
    tagged,
    tags_of,
)
from meshlab.live.aws.session import AwsSession


def zones(aws: AwsSession) -> list[Zone]:
    """The zones that are available, by name."""
    filters = [{"Name": "state", "Values": ["available"]}]
    rows = aws.rows("ec2", "describe_availability_zones", "AvailabilityZones", Filters=filters)
    return sorted((Zone(r["ZoneName"], r["ZoneId"], r["State"]) for r in rows), key=lambda zone: zone.name)


def create_vpc(aws: AwsSession, cidr: str, tags: Mapping[str, str]) -> Vpc:
    """Makes a VPC. It has neither token nor natural key: after a lost reply find it by its tags."""
    row = aws.call("ec2", "create_vpc", CidrBlock=cidr, TagSpecifications=tagged("vpc", tags))["Vpc"]
    return vpc_of(row)


def enable_vpc_dns(aws: AwsSession, vpc: str) -> None:
    """Turns name resolution and host names on; may be repeated."""
    aws.call("ec2", "modify_vpc_attribute", VpcId=vpc, EnableDnsSupport={"Value": True})
    aws.call("ec2", "modify_vpc_attribute", VpcId=vpc, EnableDnsHostnames={"Value": True})


def create_subnet(aws: AwsSession, vpc: str, zone: str, cidr: str, tags: Mapping[str, str]) -> Subnet:
    """Makes a subnet. Natural key: a second one of the same range in the VPC is refused (EXISTS)."""
    row = aws.call(
        "ec2",
        "create_subnet",
        VpcId=vpc,
        AvailabilityZone=zone,
        CidrBlock=cidr,
        TagSpecifications=tagged("subnet", tags),
    )["Subnet"]
    return subnet_of(row)


def set_public_addresses(aws: AwsSession, subnet: str, on: bool) -> None:
    """Whether instances launched into the subnet get a public address; may be repeated."""
    aws.call("ec2", "modify_subnet_attribute", SubnetId=subnet, MapPublicIpOnLaunch={"Value": on})


def create_internet_gateway(aws: AwsSession, tags: Mapping[str, str]) -> Gateway:
    """Makes an internet gateway. Neither token nor natural key: after a lost reply find it by its tags."""
    made = aws.call("ec2", "create_internet_gateway", TagSpecifications=tagged("internet-gateway", tags))
    return gateway_of(made["InternetGateway"])


def attach_internet_gateway(aws: AwsSession, gateway: str, vpc: str) -> None:
    """Attaches a gateway to a VPC; a second one is refused (EXISTS)."""
    aws.call("ec2", "attach_internet_gateway", InternetGatewayId=gateway, VpcId=vpc)


def create_route_table(aws: AwsSession, vpc: str, tags: Mapping[str, str], *, token: str) -> RouteTable:
    """Makes a route table, once per token."""
    row = aws.call(
        "ec2",
        "create_route_table",
        VpcId=vpc,
        ClientToken=token,
        TagSpecifications=tagged("route-table", tags),
    )["RouteTable"]
    return route_table_of(row)


def create_route(aws: AwsSession, table: str, destination: str, gateway: str) -> None:
    """Adds a route to an internet gateway; a second one to the same destination is refused (EXISTS)."""
    aws.call("ec2", "create_route", RouteTableId=table, DestinationCidrBlock=destination, GatewayId=gateway)


def associate_route_table(aws: AwsSession, table: str, subnet: str) -> str:
    """Gives a subnet this route table; gives the association's id. A second one is refused (EXISTS)."""
    return str(aws.call("ec2", "associate_route_table", RouteTableId=table, SubnetId=subnet)["AssociationId"])


def create_security_group(
    aws: AwsSession, vpc: str, name: str, description: str, tags: Mapping[str, str]
) -> str:
    """Makes a security group and gives its id. Natural key: VPC and name (EXISTS)."""
    made = aws.call(
        "ec2",
        "create_security_group",
        VpcId=vpc,
        GroupName=name,
        Description=description,
        TagSpecifications=tagged("security-group", tags),
    )
    return str(made["GroupId"])


def authorize(aws: AwsSession, group: str, rule: GroupRule) -> None:
    """Lets in what a rule says; the same rule twice is refused (EXISTS)."""
    aws.call(
        "ec2", "authorize_security_group_ingress", GroupId=group, IpPermissions=[_permission(group, rule)]
    )


def revoke(aws: AwsSession, group: str, rule: GroupRule) -> None:
    """Takes a rule back."""
    aws.call("ec2", "revoke_security_group_ingress", GroupId=group, IpPermissions=[_permission(group, rule)])


def control_plane_rules(
    *,
    operators: Sequence[str],
    workers: Sequence[str] = (),
    mesh_peers: Sequence[str] = ("0.0.0.0/0", "::/0"),
) -> tuple[GroupRule, ...]:
    """What the control plane lets in (facts/live-bringup §1.5). 6443 is open to the group itself only.

    Parameters
    ----------
    operators
        Networks from which the Talos API is reached while bringing up.
    workers
        Networks of workers that fetch their first certificates before KubeSpan is up.
    mesh_peers
        Who may send WireGuard packets; by default anyone, as KubeSpan authenticates each packet.
    """
    own = ("self",)
    return (
        GroupRule("udp", 51820, 51820, tuple(mesh_peers), "KubeSpan (WireGuard)"),
        GroupRule("tcp", 50000, 50000, (*operators, "self"), "Talos API"),
        GroupRule("tcp", 50001, 50001, (*workers, "self"), "Talos trustd: certificates of workers"),
        GroupRule("tcp", 6443, 6443, own, "Kubernetes API, never public"),
        GroupRule("tcp", 2379, 2380, own, "etcd clients and peers"),
        GroupRule("tcp", 10250, 10250, own, "kubelet"),
        GroupRule("udp", 4789, 4789, own, "pod overlay (VXLAN)"),
    )


def allocate_address(aws: AwsSession, tags: Mapping[str, str]) -> Address:
    """Reserves a public address. Neither token nor natural key: after a lost reply find it by its tags."""
    row = aws.call("ec2", "allocate_address", Domain="vpc", TagSpecifications=tagged("elastic-ip", tags))
    return address_of(row)


def associate_address(aws: AwsSession, address: str, instance: str) -> str:
    """Gives an instance a reserved address; may be repeated. Gives the association's id."""
    return str(
        aws.call("ec2", "associate_address", AllocationId=address, InstanceId=instance)["AssociationId"]
    )


def disassociate_address(aws: AwsSession, association: str) -> None:
    """Takes an address from its instance."""
    aws.call("ec2", "disassociate_address", AssociationId=association)


def release_address(aws: AwsSession, address: str) -> None:
    """Gives a reserved address back."""
    aws.call("ec2", "release_address", AllocationId=address)


def delete_security_group(aws: AwsSession, group: str) -> None:
    """Removes a group; DEPENDENCY while an interface or another group's rule uses it."""
    aws.call("ec2", "delete_security_group", GroupId=group)


def disassociate_route_table(aws: AwsSession, association: str) -> None:
    """Takes a route table from its subnet."""
    aws.call("ec2", "disassociate_route_table", AssociationId=association)


def delete_route_table(aws: AwsSession, table: str) -> None:
    """Removes a route table; DEPENDENCY while a subnet uses it."""
    aws.call("ec2", "delete_route_table", RouteTableId=table)


def detach_internet_gateway(aws: AwsSession, gateway: str, vpc: str) -> None:
    """Takes a gateway from its VPC; DEPENDENCY while public addresses are mapped."""
    aws.call("ec2", "detach_internet_gateway", InternetGatewayId=gateway, VpcId=vpc)


def delete_internet_gateway(aws: AwsSession, gateway: str) -> None:
    """Removes a detached gateway."""
    aws.call("ec2", "delete_internet_gateway", InternetGatewayId=gateway)


def delete_subnet(aws: AwsSession, subnet: str) -> None:
    """Removes a subnet; DEPENDENCY while an interface is in it."""
    aws.call("ec2", "delete_subnet", SubnetId=subnet)


def delete_vpc(aws: AwsSession, vpc: str) -> None:
    """Removes an empty VPC."""
    aws.call("ec2", "delete_vpc", VpcId=vpc)


def vpc_of(row: Mapping[str, Any]) -> Vpc:
    """A described VPC."""
    return Vpc(row["VpcId"], row["CidrBlock"], row.get("State", ""), tags_of(row))


def subnet_of(row: Mapping[str, Any]) -> Subnet:
    """A described subnet."""
    return Subnet(
        row["SubnetId"],
        row["VpcId"],
        row["AvailabilityZone"],
        row["CidrBlock"],
        bool(row.get("MapPublicIpOnLaunch")),
        tags_of(row),
    )


def gateway_of(row: Mapping[str, Any]) -> Gateway:
    """A described internet gateway."""
    attached = [a["VpcId"] for a in row.get("Attachments", []) if a.get("State") in ("available", "attached")]
    return Gateway(row["InternetGatewayId"], attached[0] if attached else "", tags_of(row))


def route_table_of(row: Mapping[str, Any]) -> RouteTable:
    """A described route table."""
    routes = tuple(
        sorted((r.get("DestinationCidrBlock", ""), r.get("GatewayId", "")) for r in row.get("Routes", []))
    )
    associations = row.get("Associations", [])
    pairs = tuple(
        sorted((a["RouteTableAssociationId"], a["SubnetId"]) for a in associations if "SubnetId" in a)
    )
    main = any(a.get("Main") for a in associations)
    return RouteTable(row["RouteTableId"], row["VpcId"], routes, pairs, main, tags_of(row))


def security_group_of(row: Mapping[str, Any]) -> SecurityGroup:
    """A described security group."""
    group = row["GroupId"]
    ingress = tuple(_rule_of(group, p) for p in row.get("IpPermissions", []))
    egress = tuple(_rule_of(group, p) for p in row.get("IpPermissionsEgress", []))
    order = sorted
    return SecurityGroup(
        group,
        row.get("VpcId", ""),
        row["GroupName"],
        tuple(order(ingress, key=_rule_key)),
        tuple(order(egress, key=_rule_key)),
        tags_of(row),
    )


def address_of(row: Mapping[str, Any]) -> Address:
    """A described address."""
    return Address(
        row["AllocationId"],
        row.get("PublicIp", ""),
        row.get("AssociationId", "") or "",
        row.get("InstanceId", "") or "",
        tags_of(row),
    )


def _rule_key(rule: GroupRule) -> tuple[str, int, int, tuple[str, ...]]:
    return (rule.protocol, rule.first_port, rule.last_port, rule.peers)


def _rule_of(group: str, permission: Mapping[str, Any]) -> GroupRule:
    peers = [r["CidrIp"] for r in permission.get("IpRanges", [])]
    peers += [r["CidrIpv6"] for r in permission.get("Ipv6Ranges", [])]
    peers += [
        "self" if p["GroupId"] == group else p["GroupId"] for p in permission.get("UserIdGroupPairs", [])
    ]
    return GroupRule(
        permission["IpProtocol"],
        int(permission.get("FromPort", -1)),
        int(permission.get("ToPort", -1)),
        tuple(sorted(peers)),
    )


def _permission(group: str, rule: GroupRule) -> dict[str, Any]:
    """A rule in the form of the API. The description is kept within what EC2 accepts."""
    why = (
        {"Description": "".join(c if c.isalnum() or c in " ._-:/()#,@" else " " for c in rule.why)}
        if rule.why
        else {}
    )
    permission: dict[str, Any] = {
        "IpProtocol": rule.protocol,
        "FromPort": rule.first_port,
        "ToPort": rule.last_port,
    }
    for peer in rule.peers:
        if peer == "self" or peer.startswith("sg-"):
            named = group if peer == "self" else peer
            permission.setdefault("UserIdGroupPairs", []).append({"GroupId": named, **why})
        elif ":" in peer:
            permission.setdefault("Ipv6Ranges", []).append({"CidrIpv6": peer, **why})
        else:
            permission.setdefault("IpRanges", []).append({"CidrIp": peer, **why})
    return permission
