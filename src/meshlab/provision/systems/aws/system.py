"""AWS: what its steps do, its part of the plans, how long they take, what is proven of it."""

from __future__ import annotations

from typing import Any

from meshlab.provision.plan.draft import Draft
from meshlab.provision.systems.aws import claims, instances, network
from meshlab.provision.systems.aws.planned import aws_gone, aws_removal, aws_steps
from meshlab.provision.systems.interface import System


def _claimed(draft: Draft) -> Any:
    """Gives the machines that are EC2 instances."""
    return [machine.name for machine in draft.cloud]


SYSTEM = System(
    "aws",
    operations=(
        *network.OPERATIONS,
        *instances.OPERATIONS,
    ),
    bring_up=aws_steps,
    removal=aws_removal,
    gone=aws_gone,
    claims=claims.CLAIMS,
    claimed=_claimed,
)
