"""Vault: what its steps do, its part of the plans, how long they take, what is proven of it."""

from __future__ import annotations

from typing import Any

from meshlab.provision.manifests.vault import pods
from meshlab.provision.plan.draft import Draft
from meshlab.provision.systems.interface import System
from meshlab.provision.systems.vault import claims, operations
from meshlab.provision.systems.vault.planned import vault_steps


def _claimed(draft: Draft) -> Any:
    """Gives the names of the pods."""
    workload = draft.vault()
    return pods(workload.replicas) if workload else []


SYSTEM = System(
    "vault",
    operations=operations.OPERATIONS,
    bring_up=vault_steps,
    claims=claims.CLAIMS,
    claimed=_claimed,
)
