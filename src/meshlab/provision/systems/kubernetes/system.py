"""Kubernetes: what its steps do, its part of the plans, how long they take, what is proven of it."""

from __future__ import annotations

from meshlab.provision.systems.interface import System
from meshlab.provision.systems.kubernetes.claims import api_servers, nodes
from meshlab.provision.systems.kubernetes.load_balancers import LoadBalancers
from meshlab.provision.systems.kubernetes.objects import Apply
from meshlab.provision.systems.kubernetes.planned import kubernetes_removal, kubernetes_steps
from meshlab.provision.systems.kubernetes.secrets import EngineJwt, VaultTls
from meshlab.provision.systems.kubernetes.waits import ApiReady, NodesReady, PodsRunning

SYSTEM = System(
    "kubernetes",
    operations=(
        ApiReady,
        NodesReady,
        PodsRunning,
        Apply,
        VaultTls,
        EngineJwt,
        LoadBalancers,
    ),
    bring_up=kubernetes_steps,
    removal=kubernetes_removal,
    claims=(
        api_servers,
        nodes,
    ),
)
