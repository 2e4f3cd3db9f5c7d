"""Talos: what its steps do, its part of the plans, how long they take, what is proven of it."""

from __future__ import annotations

from meshlab.provision.systems.interface import System
from meshlab.provision.systems.talos.claims import etcd_quorum, mesh, talos_api
from meshlab.provision.systems.talos.configuration import ApplyConfiguration, WaitsForConfig
from meshlab.provision.systems.talos.group import (
    Bootstrap,
    EtcdVoters,
    Kubeconfig,
    Mesh,
    ReadyToBootstrap,
    Reboot,
)
from meshlab.provision.systems.talos.planned import talos_removal, talos_steps

SYSTEM = System(
    "talos",
    operations=(
        WaitsForConfig,
        ApplyConfiguration,
        ReadyToBootstrap,
        Bootstrap,
        EtcdVoters,
        Kubeconfig,
        Mesh,
        Reboot,
    ),
    bring_up=talos_steps,
    removal=talos_removal,
    claims=(
        etcd_quorum,
        talos_api,
        mesh,
    ),
)
