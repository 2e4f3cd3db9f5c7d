"""AWS: what its steps do, its part of the plans, how long they take, what is proven of it."""

from __future__ import annotations

from typing import Any

from meshlab.provision.plan.draft import Draft
from meshlab.provision.systems.aws.claims import instances, not_public
from meshlab.provision.systems.aws.instances import (
    Instance,
    InstancesRunning,
    LaunchTemplate,
    NothingLeft,
    Preflight,
)
from meshlab.provision.systems.aws.network import (
    InternetGateway,
    RouteTable,
    SecurityGroup,
    Subnet,
    Vpc,
    VpcDns,
)
from meshlab.provision.systems.aws.planned import aws_gone, aws_removal, aws_steps
from meshlab.provision.systems.interface import System


def _claimed(draft: Draft) -> Any:
    """Gives the machines that are EC2 instances."""
    return [machine.name for machine in draft.cloud]


SYSTEM = System(
    "aws",
    operations=(
        Vpc,
        VpcDns,
        Subnet,
        InternetGateway,
        RouteTable,
        SecurityGroup,
        Preflight,
        LaunchTemplate,
        Instance,
        InstancesRunning,
        NothingLeft,
    ),
    bring_up=aws_steps,
    removal=aws_removal,
    gone=aws_gone,
    claims=(
        not_public,
        instances,
    ),
    claimed=_claimed,
)
