"""Finding what carries our tags, and the proof that nothing of a cluster is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meshlab.live.aws import keys
from meshlab.live.aws.compute import instance_of, launch_template_of
from meshlab.live.aws.network import (
    address_of,
    gateway_of,
    route_table_of,
    security_group_of,
    subnet_of,
    vpc_of,
)
from meshlab.live.aws.session import AwsSession

DESTROY_ORDER = (
    "instance",
    "elastic-ip",
    "launch-template",
    "security-group",
    "route-table",
    "internet-gateway",
    "subnet",
    "vpc",
    "instance-profile",
    "role",
    "key-alias",
    "key",
)
"""In which order kinds are removed (facts/live-bringup §1.10); instances are waited for before the next kind."""


@dataclass(frozen=True)
class _Kind:
    operation: str
    key: str
    id_key: str
    read: Callable[[Mapping[str, Any]], Any]


def _raw(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return row


_KINDS = {
    "vpc": _Kind("describe_vpcs", "Vpcs", "VpcId", vpc_of),
    "subnet": _Kind("describe_subnets", "Subnets", "SubnetId", subnet_of),
    "internet-gateway": _Kind(
        "describe_internet_gateways", "InternetGateways", "InternetGatewayId", gateway_of
    ),
    "route-table": _Kind("describe_route_tables", "RouteTables", "RouteTableId", route_table_of),
    "security-group": _Kind("describe_security_groups", "SecurityGroups", "GroupId", security_group_of),
    "launch-template": _Kind(
        "describe_launch_templates", "LaunchTemplates", "LaunchTemplateId", launch_template_of
    ),
    "elastic-ip": _Kind("describe_addresses", "Addresses", "AllocationId", address_of),
    "volume": _Kind("describe_volumes", "Volumes", "VolumeId", _raw),
    "network-interface": _Kind(
        "describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId", _raw
    ),
    "instance": _Kind("describe_instances", "Reservations", "InstanceId", instance_of),
}


def find_by_tag(aws: AwsSession, kind: str, tags: Mapping[str, str]) -> list[Any]:
    """The objects of a kind that carry all these tags, by id (the probe of creates without token or natural key).

    Kinds are named as EC2's resource types: vpc, subnet, internet-gateway, route-table, security-group,
    launch-template, elastic-ip, volume, network-interface, instance. Terminated instances are left out.
    """
    return _described(aws, kind, [{"Name": f"tag:{k}", "Values": [v]} for k, v in sorted(tags.items())])


def find_by(aws: AwsSession, kind: str, **filters: str) -> list[Any]:
    """The objects of a kind under EC2's own filters (``vpc_id="…"`` is the filter vpc-id), by id."""
    chosen = [{"Name": k.replace("_", "-"), "Values": [v]} for k, v in sorted(filters.items())]
    return _described(aws, kind, chosen)


def read(aws: AwsSession, kind: str, object_id: str) -> Any:
    """One object by its id; None when it is not there, or not visible."""
    id_filter = {
        "vpc": "vpc_id",
        "subnet": "subnet_id",
        "internet-gateway": "internet_gateway_id",
        "route-table": "route_table_id",
        "security-group": "group_id",
        "elastic-ip": "allocation_id",
        "volume": "volume_id",
        "network-interface": "network_interface_id",
        "instance": "instance_id",
    }
    if kind == "launch-template":
        rows = [t for t in find_by(aws, kind) if t.id == object_id]
    else:
        rows = find_by(aws, kind, **{id_filter[kind]: object_id})
    return rows[0] if rows else None


def _described(aws: AwsSession, kind: str, filters: list[dict[str, Any]]) -> list[Any]:
    if kind not in _KINDS:
        raise ValueError(f"unknown kind {kind!r}; one of {', '.join(sorted(_KINDS))}")
    how = _KINDS[kind]
    rows = aws.rows("ec2", how.operation, how.key, **({"Filters": filters} if filters else {}))
    if kind == "instance":
        rows = [row for reservation in rows for row in reservation["Instances"]]
        rows = [row for row in rows if row["State"]["Name"] != "terminated"]
    return [how.read(row) for row in sorted(rows, key=lambda row: str(row[how.id_key]))]


@dataclass(frozen=True)
class Leftovers:
    """What a destroy left behind. Empty (false) is the proof; both lists are printed in the report.

    ``pending_keys`` are KMS keys that are on their way out: no leftover, but named because they still exist.
    """

    resources: tuple[str, ...]
    interfaces: tuple[str, ...]
    roles: tuple[str, ...] = ()
    pending_keys: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.resources or self.interfaces or self.roles)


def _ids(aws: AwsSession, kind: str, tags: Mapping[str, str]) -> set[str]:
    id_key = _KINDS[kind].id_key
    return {item[id_key] if isinstance(item, Mapping) else item.id for item in find_by_tag(aws, kind, tags)}


def leftovers(
    aws: AwsSession, tag: tuple[str, str], *, vpcs: Sequence[str] = (), roles: Sequence[str] = ()
) -> Leftovers:
    """What still carries a cluster's tag, and which network interfaces are still in its VPCs.

    Two reads that do not depend on each other: the tagging API over all services, and EC2 by VPC (things that
    Kubernetes made carry no tag of ours). IAM is not in the tagging API: roles and instance profiles of the given
    names are read themselves. The tagging API goes on listing what was deleted a while ago, so EC2 is asked for each.
    """
    name, value = tag
    rows = aws.rows(
        "resourcegroupstaggingapi",
        "get_resources",
        "ResourceTagMappingList",
        TagFilters=[{"Key": name, "Values": [value]}],
    )
    arns = sorted(row["ResourceARN"] for row in rows)
    kinds = {arn.split(":", 5)[5].partition("/")[0] for arn in arns if ":ec2:" in arn} & set(_KINDS)
    there = {kind: _ids(aws, kind, {name: value}) for kind in sorted(kinds)}
    resources, pending = [], []
    for arn in arns:
        kind, _, object_id = arn.split(":", 5)[5].partition("/")
        if ":ec2:" in arn and object_id not in there.get(kind, {object_id}):
            continue
        if ":kms:" in arn:
            found = keys.key(aws, object_id)
            if found is None:
                continue
            if found.state == "PendingDeletion":
                pending.append(arn)
                continue
        resources.append(arn)
    interfaces = [
        row["NetworkInterfaceId"] for vpc in vpcs for row in find_by(aws, "network-interface", vpc_id=vpc)
    ]
    left = [r for r in roles if keys.role_exists(aws, r) or keys.instance_profile_exists(aws, r)]
    return Leftovers(tuple(resources), tuple(sorted(interfaces)), tuple(sorted(left)), tuple(pending))
