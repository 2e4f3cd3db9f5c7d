"""Whether the workloads fit on their machines as they are: cores, memory, storage asked for, pods."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network

from meshlab.model import Machine, Topology
from meshlab.model.units import size

SYSTEM_PODS = {"control-plane": 7, "worker": 3}
"""Static pods, flannel, kube-proxy and a CoreDNS pod, as Talos runs them; three for a worker [E]."""

SYSTEM_CORES = 0.5
MOST_NODES = 5_000.0
NODE_MASK = 24


@dataclass(frozen=True)
class Fit:
    """Whether one machine (or the cluster) has enough of one resource; `reason` says why not, with both numbers."""

    machine: str
    resource: str
    used: float
    available: float
    fits: bool
    reason: str


def fits(topology: Topology) -> tuple[Fit, ...]:
    """Gives, for every machine with workloads, whether cores, memory, data disk and pods suffice.

    Talos and the kubelet keep 512 MiB (worker 384 MiB) and half a core for themselves [S T.talos
    kubelet_reserved_memory; the half core is an estimate]. A node runs at most min(110, 10 x cores) pods
    [S D.k8s limit_pods_per_node]. The cluster has at most 5,000 nodes [S D.k8s limit_nodes], and one pod network
    of /24 for each of them in its pod range [S kube-controller-manager --node-cidr-mask-size-ipv4 24].
    """
    found = []
    for machine in topology.machines:
        loads = [w for w in topology.workloads if machine.name in w.machines]
        if not loads:
            continue
        pods = len(loads) + SYSTEM_PODS[machine.role]
        demands = (
            (
                "cores",
                sum(w.cores for w in loads) + SYSTEM_CORES,
                float(machine.cores),
                lambda cores: f"{cores:g}",
            ),
            ("memory", sum(w.memory for w in loads) + reserved_memory(machine), machine.memory, size),
            ("storage", sum(w.storage for w in loads), data_disk(machine), size),
            ("pods", float(pods), float(min(110, 10 * machine.cores)), lambda count: f"{count:g}"),
        )
        names = ", ".join(w.name for w in loads)
        for resource, used, available, show in demands:
            enough = used <= available
            short = f"{names} need {show(used)} of {resource}, {machine.name} has {show(available)}"
            found.append(Fit(machine.name, resource, used, available, enough, "" if enough else short))
    return (*found, *_nodes(topology))


def _nodes(topology: Topology) -> tuple[Fit, ...]:
    """Whether the cluster may have so many nodes: Kubernetes' threshold, and pod networks left in the range."""
    if not topology.machines:
        return ()
    networks = 2.0 ** max(0, NODE_MASK - ip_network(topology.networks.pods).prefixlen)
    count, most = float(len(topology.machines)), min(MOST_NODES, networks)
    what = f"{topology.networks.pods} has pod networks for" if networks <= MOST_NODES else "Kubernetes allows"
    reason = "" if count <= most else f"{count:g} machines are to be nodes, {what} {most:g}"
    return (Fit(topology.name, "nodes", count, most, count <= most, reason),)


def reserved_memory(machine: Machine) -> float:
    """Gives the bytes that Talos and the kubelet keep for themselves."""
    return (512 if machine.role == "control-plane" else 384) * 2.0**20


def data_disk(machine: Machine) -> float:
    """Gives the bytes of the disk that workloads use: the largest one that is not the system's, else the system's."""
    data = [disk.size for disk in machine.disks if not disk.system] or [disk.size for disk in machine.disks]
    return max(data, default=0.0)
