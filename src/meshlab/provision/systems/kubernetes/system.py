"""Kubernetes: what its steps do, its part of the plans, how long they take, what is proven of it."""

from __future__ import annotations

from meshlab.provision.systems.interface import System
from meshlab.provision.systems.kubernetes import claims, load_balancers, objects, secrets, waits
from meshlab.provision.systems.kubernetes.planned import kubernetes_removal, kubernetes_steps

SYSTEM = System(
    "kubernetes",
    operations=(
        *waits.OPERATIONS,
        *objects.OPERATIONS,
        *secrets.OPERATIONS,
        *load_balancers.OPERATIONS,
    ),
    bring_up=kubernetes_steps,
    removal=kubernetes_removal,
    claims=claims.CLAIMS,
)
