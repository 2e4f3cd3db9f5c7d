"""The resource types of Omni that meshlab reads and writes (facts: talos-omni-kubespan §6.5)."""

from __future__ import annotations

from collections.abc import Mapping

from meshlab.live.talos.resources import ResourceType

PREFIX = "omni.sidero.dev/"
LABEL_CLUSTER = f"{PREFIX}cluster"
LABEL_MACHINE_SET = f"{PREFIX}machine-set"
LABEL_MACHINE = f"{PREFIX}cluster-machine"
LABEL_CONTROL_PLANE = f"{PREFIX}role-controlplane"
LABEL_WORKER = f"{PREFIX}role-worker"


def _kind(plural: str, message: str, namespace: str = "default") -> ResourceType:
    return ResourceType(f"{plural}.omni.sidero.dev", namespace, "omni_specs", message)


CLUSTER = _kind("Clusters", "ClusterSpec")
MACHINE_SET = _kind("MachineSets", "MachineSetSpec")
MACHINE_SET_NODE = _kind("MachineSetNodes", "MachineSetNodeSpec")
CONFIG_PATCH = _kind("ConfigPatches", "ConfigPatchSpec")
MACHINE = _kind("Machines", "MachineSpec")
MACHINE_STATUS = _kind("MachineStatuses", "MachineStatusSpec")
CLUSTER_STATUS = _kind("ClusterStatuses", "ClusterStatusSpec")
CLUSTER_MACHINE_STATUS = _kind("ClusterMachineStatuses", "ClusterMachineStatusSpec")
CLUSTER_BOOTSTRAP_STATUS = _kind("ClusterBootstrapStatuses", "ClusterBootstrapStatusSpec")
JOIN_TOKEN = _kind("JoinTokens", "JoinTokenSpec")
SYS_VERSION = ResourceType("SysVersions.system.sidero.dev", "ephemeral", "omni_specs", "SysVersionSpec")

OMNI_TYPES: Mapping[str, ResourceType] = {
    kind.name: kind
    for kind in (
        CLUSTER,
        MACHINE_SET,
        MACHINE_SET_NODE,
        CONFIG_PATCH,
        MACHINE,
        MACHINE_STATUS,
        CLUSTER_STATUS,
        CLUSTER_MACHINE_STATUS,
        CLUSTER_BOOTSTRAP_STATUS,
        JOIN_TOKEN,
        SYS_VERSION,
    )
}
