"""What machine configurations say, made from the topology."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from meshlab.model import Machine, Workload
from meshlab.provision.plan.draft import MIB, Draft


def cluster_settings(draft: Draft) -> dict[str, Any]:
    """Gives what all machine configurations have in common."""
    topology, overlay = draft.topology, draft.topology.overlay
    addresses = [machine.address for machine in topology.control_plane]
    endpoint = topology.networks.endpoint or f"https://{addresses[0]}:6443"
    names = [urlsplit(endpoint).hostname or "", *addresses, *(draft.target.dial(a) for a in addresses)]
    return {
        "name": topology.name,
        "endpoint": endpoint,
        "talos_version": topology.versions.talos,
        "kubernetes_version": topology.versions.kubernetes,
        "cni": topology.versions.cni if topology.versions.cni in ("flannel", "none") else "custom",
        "pod_subnets": [topology.networks.pods],
        "service_subnets": [topology.networks.services],
        "api_cert_sans": list(dict.fromkeys(names)),
        "discovery_endpoint": topology.discovery.endpoint if topology.discovery else None,
        "kubespan": {
            "mtu": overlay.mtu if overlay else None,
            "allow_down_peer_bypass": bool(overlay and overlay.allow_down_peer_bypass),
            "advertise_kubernetes_networks": bool(overlay and overlay.advertise_kubernetes_networks),
        },
    }


def node_settings(draft: Draft, machine: Machine) -> dict[str, Any]:
    """Gives what one machine's configuration has of its own: names, labels, disks for what runs on it."""
    sans = list(dict.fromkeys([machine.address, draft.target.dial(machine.address)]))
    site = next(s for s in draft.topology.sites if s.name == machine.site)
    labels = {
        "topology.kubernetes.io/region": site.region or site.name,
        "topology.kubernetes.io/zone": machine.zone or site.name,
    }
    volumes, documents = [], []
    system = next((disk for disk in machine.disks if disk.system), None)
    for workload in draft.topology.workloads:
        if machine.name not in workload.machines or workload.volume != "local":
            continue
        own = any(not disk.system for disk in machine.disks)
        match = 'disk.transport == "nvme" && !system_disk' if own else "system_disk"
        size = f"{max(1, int(workload.storage / MIB))}MiB"
        volumes.append(
            {
                "name": volume_name(workload),
                "disk_match": match,
                "min_size": size,
                "max_size": None if own else size,
            }
        )
        if not own and system and system.size:
            # What is left to the system's own data, so that the volume finds room on the one disk.
            rest = int((system.size - workload.storage) * 0.9 / MIB)
            documents.append(
                {
                    "apiVersion": "v1alpha1",
                    "kind": "VolumeConfig",
                    "name": "EPHEMERAL",
                    "provisioning": {"maxSize": f"{rest}MiB", "grow": False},
                }
            )
    sysctls = {}
    if any(w.role == "solana" and machine.name in w.machines for w in draft.topology.workloads):
        # facts live-bringup 2.4, the validator's documented minimum.
        sysctls = {
            "net.core.rmem_max": "134217728",
            "net.core.wmem_max": "134217728",
            "vm.max_map_count": "1000000",
            "fs.nr_open": "1000000",
        }
    return {
        "role": "controlplane" if machine.role == "control-plane" else "worker",
        "hostname": machine.name,
        "install_disk": f"/dev/{system.name if system else 'xvda'}",
        "cert_sans": sans,
        "labels": labels,
        "user_volumes": volumes,
        "sysctls": sysctls,
        "extra_documents": documents[:1],
    }


def volume_name(workload: Workload) -> str:
    """Gives the name of the user volume that holds a workload's data; it is mounted at ``/var/mnt/<name>``."""
    return workload.role
