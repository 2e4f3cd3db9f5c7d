"""Vault: what its steps do, its part of the plans, how long they take, what is proven of it."""

from __future__ import annotations

from typing import Any

from meshlab.provision.manifests.vault import pods
from meshlab.provision.plan.draft import Draft
from meshlab.provision.systems.interface import System
from meshlab.provision.systems.vault.claims import vault_budget, vault_group
from meshlab.provision.systems.vault.operations import (
    Audit,
    ConfigureAutopilot,
    Init,
    KeyValues,
    KubernetesAuth,
    Listening,
    Policy,
    RevokeRoot,
    Unseal,
    Voters,
)
from meshlab.provision.systems.vault.planned import vault_steps


def _claimed(draft: Draft) -> Any:
    """Gives the names of the pods."""
    workload = draft.vault()
    return pods(workload.replicas) if workload else []


SYSTEM = System(
    "vault",
    operations=(
        Listening,
        Init,
        Unseal,
        Voters,
        ConfigureAutopilot,
        Audit,
        Policy,
        KeyValues,
        KubernetesAuth,
        RevokeRoot,
    ),
    bring_up=vault_steps,
    claims=(
        vault_group,
        vault_budget,
    ),
    claimed=_claimed,
)
