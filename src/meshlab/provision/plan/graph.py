"""Shorthand for writing steps: the cluster and target that all share, and the settings made from the topology."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

from meshlab.live.target import Target
from meshlab.model import Firewall, Machine, MeshlabError, Topology, Workload
from meshlab.provision.plan.durations import duration
from meshlab.provision.plan.step import Step, System

MIB = 2**20
_ANYWHERE = ("0.0.0.0/0", "::/0")
_NEVER_PUBLIC = {6443: "the Kubernetes API", 50000: "the Talos API"}


class CannotPlan(MeshlabError):
    """The topology says too little, or something that must not be built; the text says which part and what to do."""


@dataclass
class Draft:
    """The steps of a plan while they are written down."""

    topology: Topology
    target: Target
    steps: list[Step] = field(default_factory=list)

    def add(self, id: str, operation: str, title: str, why: str, takes: str, *needs: str, **more: Any) -> str:
        """Adds a step and gives its id, for those that need it. Without a system, the id's first part is it."""
        system = cast(System, more.pop("system", None) or id.split("/")[0])
        self.steps.append(
            Step(
                id=id,
                system=system,
                title=title,
                why=why,
                operation=operation,
                needs=tuple(dict.fromkeys(needs)),
                duration=duration(takes, self.target),
                **more,
            )
        )
        return id

    @property
    def cloud(self) -> tuple[Machine, ...]:
        """The machines that are EC2 instances."""
        regions = {site.name for site in self.topology.sites if site.place == "aws-region"}
        return tuple(m for m in self.topology.machines if m.site in regions)

    @property
    def control_plane(self) -> list[str]:
        """The addresses of the control-plane machines, in the order of the spec."""
        return [machine.address for machine in self.topology.control_plane]

    def vault(self) -> Workload | None:
        return next((w for w in self.topology.workloads if w.role == "vault"), None)

    def chains(self) -> tuple[Workload, ...]:
        return tuple(w for w in self.topology.workloads if w.role != "vault")


def check(draft: Draft) -> None:
    """Lets a topology pass that can be built in direct mode.

    Raises
    ------
    CannotPlan
        It cannot; the text says why.
    """
    topology = draft.topology
    if not topology.control_plane:
        raise CannotPlan("the topology has no control-plane machine")
    without = [m.name for m in topology.machines if not m.address]
    if without:
        raise CannotPlan(f"{', '.join(without)}: no address in the spec; etcd and KubeSpan need fixed ones")
    kinds = {m.instance_type for m in draft.cloud}
    if draft.cloud and (len(kinds) != 1 or not all(kinds)):
        raise CannotPlan(f"the EC2 machines need one instance type, the spec names: {sorted(kinds)}")
    lost = [m.name for m in draft.cloud if not m.zone]
    if lost:
        raise CannotPlan(f"{', '.join(lost)}: no zone in the spec")


def security_rules(draft: Draft) -> list[dict[str, Any]]:
    """Gives the rules of the EC2 machines' firewall, in AWS's terms.

    Raises
    ------
    CannotPlan
        There is no firewall in the spec, or it opens 6443 or 50000 to the world.
    """
    names = {m.name for m in draft.cloud}
    firewall = next((f for f in draft.topology.of(Firewall) if names & set(f.machines)), None)
    if firewall is None:
        raise CannotPlan(
            "no firewall in the spec guards the EC2 machines: write one, so that what is open is said"
        )
    rules = []
    for rule in firewall.rules:
        peers = [_peer(draft.topology, firewall, source) for source in rule.sources]
        for port, what in _NEVER_PUBLIC.items():
            if (
                rule.ports[0] <= port <= rule.ports[1]
                and rule.protocol == "tcp"
                and set(peers) & set(_ANYWHERE)
            ):
                raise CannotPlan(
                    f"{firewall.name} opens {what} (tcp {port}) to the world; name the operators' ranges instead"
                )
        rules.append(
            {
                "protocol": rule.protocol,
                "first": rule.ports[0],
                "last": rule.ports[1],
                "peers": sorted(peers),
                "why": rule.reason,
            }
        )
    return rules


def _peer(topology: Topology, firewall: Firewall, source: str) -> str:
    if source == firewall.name:
        return "self"
    site = next((s for s in topology.sites if s.name == source), None)
    if site is not None:
        return site.network
    try:
        return str(ipaddress.ip_network(source))
    except ValueError:
        raise CannotPlan(
            f"{firewall.name}: {source!r} is neither a network, a site nor the firewall's own name"
        ) from None


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
