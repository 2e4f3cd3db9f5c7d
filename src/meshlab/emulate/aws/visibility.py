"""Read lag: for a moment after its creation an object is not there for other calls.

Source: EC2 API reference, "Eventual consistency": a describe right after a create may answer
``Invalid*ID.NotFound`` or leave the object out.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from typing import Any

from meshlab.emulate.aws.wire import AwsFault, Call

_ID = re.compile(r"^([a-z]+(?:-assoc)?)-[0-9a-f]{8,17}$")

NOT_FOUND = {
    "vpc": ("InvalidVpcID.NotFound", "The vpc ID '{}' does not exist"),
    "subnet": ("InvalidSubnetID.NotFound", "The subnet ID '{}' does not exist"),
    "sg": ("InvalidGroup.NotFound", "The security group '{}' does not exist"),
    "igw": ("InvalidInternetGatewayID.NotFound", "The internetGateway ID '{}' does not exist"),
    "rtb": ("InvalidRouteTableID.NotFound", "The routeTable ID '{}' does not exist"),
    "i": ("InvalidInstanceID.NotFound", "The instance ID '{}' does not exist"),
    "eni": ("InvalidNetworkInterfaceID.NotFound", "The networkInterface ID '{}' does not exist"),
    "vol": ("InvalidVolume.NotFound", "The volume '{}' does not exist."),
    "eipalloc": ("InvalidAllocationID.NotFound", "The allocation ID '{}' does not exist"),
    "lt": (
        "InvalidLaunchTemplateId.NotFound",
        "The specified launch template, with template ID {}, does not exist.",
    ),
    "nat": ("NatGatewayNotFound", "The Nat Gateway {} was not found"),
    "vpce": ("InvalidVpcEndpointId.NotFound", "The Vpc Endpoint Id '{}' does not exist"),
}

_LISTED = {
    "DescribeVpcs": ("Vpcs", "VpcId"),
    "DescribeSubnets": ("Subnets", "SubnetId"),
    "DescribeSecurityGroups": ("SecurityGroups", "GroupId"),
    "DescribeInternetGateways": ("InternetGateways", "InternetGatewayId"),
    "DescribeRouteTables": ("RouteTables", "RouteTableId"),
    "DescribeNetworkInterfaces": ("NetworkInterfaces", "NetworkInterfaceId"),
    "DescribeVolumes": ("Volumes", "VolumeId"),
    "DescribeAddresses": ("Addresses", "AllocationId"),
    "DescribeLaunchTemplates": ("LaunchTemplates", "LaunchTemplateId"),
    "DescribeNatGateways": ("NatGateways", "NatGatewayId"),
    "DescribeVpcEndpoints": ("VpcEndpoints", "VpcEndpointId"),
}


def texts(value: Any) -> Iterator[str]:
    """Every string inside a nested value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def ids(value: Any) -> list[str]:
    """Every EC2 object id inside a nested value, each once, in order."""
    found = (text for text in texts(value) if (m := _ID.match(text)) and m[1] in NOT_FOUND)
    return list(dict.fromkeys(found))


class Visibility:
    """From when each new object can be seen.

    Parameters
    ----------
    clock
        Monotonic seconds.
    lag_s
        The least and the greatest lag; drawn from ``seed`` for each object.
    """

    def __init__(self, clock: Callable[[], float], lag_s: tuple[float, float], seed: int) -> None:
        self._clock = clock
        self._lag_s = lag_s
        self._random = random.Random(seed)
        self._from: dict[str, float] = {}

    def created(self, object_ids: list[str]) -> None:
        """Notes that objects have just been created."""
        now = self._clock()
        for object_id in object_ids:
            self._from.setdefault(object_id, now + self._random.uniform(*self._lag_s))

    def hidden(self, object_id: str) -> bool:
        """Whether other calls do not see it yet."""
        return self._from.get(object_id, 0.0) > self._clock()

    def check(self, call: Call) -> None:
        """Raises NotFound when the call names an object that cannot be seen yet; filters never raise."""
        named = {key: value for key, value in call.params.items() if key != "Filters"}
        for object_id in ids(named):
            if self.hidden(object_id):
                code, message = NOT_FOUND[object_id.partition("-")[0]]
                raise AwsFault(code, message.format(object_id))

    def lists(self, operation: str) -> bool:
        """Whether the operation lists objects that may have to be left out."""
        return operation in _LISTED

    def leave_out(self, operation: str, result: dict[str, Any]) -> bool:
        """Takes objects that cannot be seen yet out of a listing; says whether any was taken out."""
        key, id_key = _LISTED[operation]
        rows = result.get(key, [])
        seen = [row for row in rows if not self.hidden(row.get(id_key, ""))]
        result[key] = seen
        return len(seen) < len(rows)
