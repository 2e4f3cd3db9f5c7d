"""Load balancers: making the same one twice gives the first one, another one under the same name is refused."""

from __future__ import annotations

from typing import Any

from meshlab.emulate.aws.rules.world import World
from meshlab.emulate.aws.wire import AwsFault, Call


async def same_load_balancer(call: Call, world: World) -> dict[str, Any] | None:
    """The existing load balancer when CreateLoadBalancer asks for it again.

    Source: elbv2 API reference, CreateLoadBalancer: "This operation is idempotent".
    """
    found = await _named(world, "DescribeLoadBalancers", "LoadBalancers", call.params.get("Name", ""))
    if found is None:
        return None
    wanted = {
        "Type": call.params.get("Type", "application"),
        "Scheme": call.params.get("Scheme", "internet-facing"),
        "zones": sorted(
            call.params.get("Subnets") or [m["SubnetId"] for m in call.params.get("SubnetMappings", [])]
        ),
    }
    there = {
        "Type": found.get("Type"),
        "Scheme": found.get("Scheme"),
        "zones": sorted(zone["SubnetId"] for zone in found.get("AvailabilityZones", [])),
    }
    if wanted != there:
        raise AwsFault(
            "DuplicateLoadBalancerName",
            f"A load balancer with the same name '{call.params['Name']}' exists, but with different settings",
        )
    return {"LoadBalancers": [found]}


async def same_target_group(call: Call, world: World) -> dict[str, Any] | None:
    """The existing target group when CreateTargetGroup asks for it again. Source: elbv2 API reference."""
    found = await _named(world, "DescribeTargetGroups", "TargetGroups", call.params.get("Name", ""))
    if found is None:
        return None
    keys = ("Protocol", "Port", "VpcId", "TargetType")
    wanted = {key: call.params.get(key, "instance" if key == "TargetType" else None) for key in keys}
    if wanted != {key: found.get(key) for key in keys}:
        raise AwsFault(
            "DuplicateTargetGroupName",
            f"A target group with the same name '{call.params['Name']}' exists, but with different settings",
        )
    return {"TargetGroups": [found]}


async def _named(world: World, operation: str, key: str, name: str) -> dict[str, Any] | None:
    try:
        found = await world.backend.ask("elbv2", operation, Names=[name])
    except AwsFault:
        return None
    rows: list[dict[str, Any]] = found.get(key, [])
    return rows[0] if rows else None
