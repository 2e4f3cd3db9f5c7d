"""What the kubelet of an emulated machine says of its node, and where the machine's paths are on this disk."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from meshlab.emulate.kubernetes.node.kubelet import NodeFacts

if TYPE_CHECKING:
    from meshlab.emulate.talos.site import Host

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"


def node_facts(machine: Host, cores: int, kubernetes: str) -> NodeFacts:
    """Gives the node as the machine's configuration and hardware make it.

    Talos labels control planes, taints them unless scheduling is allowed there, and passes `machine.nodeLabels` on;
    a cloud's zone labels come from its platform metadata.
    """
    config = machine.config
    assert config is not None
    hardware = machine.hardware
    labels = {
        "kubernetes.io/hostname": machine.hostname,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
    }
    if hardware.instance_type:
        labels["node.kubernetes.io/instance-type"] = hardware.instance_type
    labels |= {str(k): str(v) for k, v in (config.at("machine.nodeLabels") or {}).items()}
    taints: tuple[tuple[str, str], ...] = ()
    if config.is_control_plane:
        labels[CONTROL_PLANE] = ""
        if not config.at("cluster.allowSchedulingOnControlPlanes"):
            taints = ((CONTROL_PLANE, "NoSchedule"),)
    disk = max((disk.size for disk in hardware.disks), default=100 * 10**9)
    return NodeFacts(
        machine.hostname,
        hardware.address,
        labels=labels,
        taints=taints,
        capacity={
            "cpu": str(cores),
            "memory": f"{hardware.memory_bytes // 1024}Ki",
            "ephemeral-storage": f"{disk // 1024}Ki",
            "pods": "110",
        },
        provider_id=hardware.provider_id,
        boot_id=machine.boot_id,
        kubelet_version=kubernetes,
        os_image=f"Talos ({machine.talos_version})",
    )


def folder_of(machine: Host, path: str) -> Path:
    """Gives the directory on this disk for a path of the machine: user volumes, ``/var``, else below EPHEMERAL.

    Raises
    ------
    ValueError
        The path has ``..`` in it: a machine's disk is not left.
    """
    parts = PurePosixPath(path).parts
    if ".." in parts:
        raise ValueError(f"{path} must not contain '..'")
    if parts[:3] == ("/", "var", "mnt") and len(parts) > 3:
        return machine.user_volume(parts[3]).joinpath(*parts[4:])
    rest = parts[2:] if parts[:2] == ("/", "var") else parts[1:]
    return machine.ephemeral.joinpath(*rest)
