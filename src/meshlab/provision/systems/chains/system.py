"""The chain nodes: what its steps do, its part of the plans, how long they take, what is proven of it."""

from __future__ import annotations

from typing import Any

from meshlab.provision.plan.draft import Draft
from meshlab.provision.systems.chains import claims, operations
from meshlab.provision.systems.chains.planned import chain_steps
from meshlab.provision.systems.interface import System


def _claimed(draft: Draft) -> Any:
    """Gives every chain node with its pod and its machine."""
    return [
        {
            "role": w.role,
            "pod": f"{w.name if len(w.machines) == 1 else f'{w.name}-{n}'}-0",
            "machine": machine,
        }
        for w in draft.chains()
        for n, machine in enumerate(w.machines)
    ]


SYSTEM = System(
    "chains",
    operations=operations.OPERATIONS,
    bring_up=chain_steps,
    claims=claims.CLAIMS,
    claimed=_claimed,
)
