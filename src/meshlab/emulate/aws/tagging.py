"""GetResources of the tagging API, for EC2 built from every tag there is (moto leaves most kinds out)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from meshlab.emulate.aws.log import ACCOUNT
from meshlab.emulate.aws.rules.world import World


async def get_resources(
    params: Mapping[str, Any], world: World, hidden: Callable[[str], bool]
) -> dict[str, Any]:
    """What GetResources answers: tagged resources of every kind but IAM's, selected by tags and by type.

    Source: Resource Groups Tagging API reference. Terminated instances stay listed for a while, as on AWS.
    """
    found: dict[str, dict[str, str]] = {}
    rows = (await world.backend.ask("ec2", "DescribeTags")).get("Tags", [])
    there = await _there(world, {row["ResourceType"] for row in rows})
    for row in rows:
        if row["ResourceId"] in there.get(row["ResourceType"], {row["ResourceId"]}) and not hidden(
            row["ResourceId"]
        ):
            arn = f"arn:aws:ec2:{world.settings.region}:{ACCOUNT}:{row['ResourceType']}/{row['ResourceId']}"
            found.setdefault(arn, {})[row["Key"]] = row["Value"]
    others = await world.backend.ask("resourcegroupstaggingapi", "GetResources")
    for mapping in others.get("ResourceTagMappingList", []):
        arn = mapping["ResourceARN"]
        if not arn.startswith("arn:aws:ec2:"):
            found[arn] = {tag["Key"]: tag["Value"] for tag in mapping["Tags"]}
    listed = [
        {"ResourceARN": arn, "Tags": [{"Key": k, "Value": v} for k, v in sorted(tags.items())]}
        for arn, tags in sorted(found.items())
        if _chosen(tags, params.get("TagFilters") or [])
        and _of_type(arn, params.get("ResourceTypeFilters") or [])
    ]
    return {"ResourceTagMappingList": listed, "PaginationToken": ""}


_LISTINGS = {
    "vpc": ("DescribeVpcs", "Vpcs", "VpcId"),
    "subnet": ("DescribeSubnets", "Subnets", "SubnetId"),
    "security-group": ("DescribeSecurityGroups", "SecurityGroups", "GroupId"),
    "internet-gateway": ("DescribeInternetGateways", "InternetGateways", "InternetGatewayId"),
    "route-table": ("DescribeRouteTables", "RouteTables", "RouteTableId"),
    "network-interface": ("DescribeNetworkInterfaces", "NetworkInterfaces", "NetworkInterfaceId"),
    "volume": ("DescribeVolumes", "Volumes", "VolumeId"),
    "elastic-ip": ("DescribeAddresses", "Addresses", "AllocationId"),
    "launch-template": ("DescribeLaunchTemplates", "LaunchTemplates", "LaunchTemplateId"),
}


async def _there(world: World, kinds: set[str]) -> dict[str, set[str]]:
    """The ids of the objects that exist, for each kind: moto keeps the tags of deleted ones."""
    existing = {}
    for kind in sorted(kinds & set(_LISTINGS)):
        operation, key, id_key = _LISTINGS[kind]
        existing[kind] = {row.get(id_key, "") for row in await world.listed(operation, key)}
    return existing


def _chosen(tags: Mapping[str, str], filters: list[dict[str, Any]]) -> bool:
    return all(f["Key"] in tags and (not f.get("Values") or tags[f["Key"]] in f["Values"]) for f in filters)


def _of_type(arn: str, types: list[str]) -> bool:
    parts = arn.split(":", 5)
    service, kind = parts[2], parts[5].partition("/")[0]
    return not types or any(wanted in (service, f"{service}:{kind}") for wanted in types)
