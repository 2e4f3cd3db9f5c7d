"""The typed components of one hybrid cluster. All are values: frozen, compared by content, named uniquely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from meshlab.model.distribution import Distribution


@dataclass(frozen=True)
class Reliability:
    """How often a component fails and how long it stays so.

    ``rate`` is in failures per second of operation (the spec says ``0.1/y``), ``repair`` in seconds, ``low``
    and ``high`` bound the rate (90 %); ``source`` says where the numbers come from.
    """

    rate: float
    repair: Distribution
    low: float = 0.0
    high: float = 0.0
    source: str = ""

    @property
    def unavailability(self) -> float:
        """Steady-state share of time down: rate x mean repair / (1 + rate x mean repair)."""
        load = self.rate * self.repair.mean
        return load / (1 + load)


@dataclass(frozen=True, kw_only=True)
class Component:
    """Anything that can fail, be failed in a scenario, or be taken out of a topology."""

    kind: ClassVar[str] = "component"
    name: str
    reliability: Reliability | None = None
    source: str = ""
    gaps: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Site(Component):
    """A place with one operator: a cloud region or a data centre."""

    kind: ClassVar[str] = "site"
    place: Literal["aws-region", "datacentre"] = "datacentre"
    region: str = ""
    network: str = ""


@dataclass(frozen=True, kw_only=True)
class Zone(Component):
    """An availability zone of a site: its own power, cooling and network."""

    kind: ClassVar[str] = "zone"
    site: str
    zone_id: str = ""
    subnet: str = ""


@dataclass(frozen=True)
class Disk:
    """A disk of a machine; `fsync` is the duration of one synchronous write in seconds, `size` in bytes."""

    name: str
    size: float
    medium: Literal["nvme", "ssd", "gp3", "io2"] = "nvme"
    system: bool = False
    endurance: float = 0.0
    fsync: Distribution = Distribution.lognormal(0.0007, 0.33)


@dataclass(frozen=True, kw_only=True)
class Machine(Component):
    """A Talos node. `address` is its private address, `zone` is empty where the site has no zones.

    `nat` is true where peers cannot reach its WireGuard port from outside its site.
    """

    kind: ClassVar[str] = "machine"
    role: Literal["control-plane", "worker"]
    site: str
    zone: str = ""
    address: str = ""
    nat: bool = False
    public_address: bool = False
    instance_type: str = ""
    cores: int = 0
    memory: float = 0.0
    network_rate: float = 0.0
    disks: tuple[Disk, ...] = ()
    boot: Distribution = Distribution.lognormal(90.0, 0.35)

    @property
    def place(self) -> str:
        """The zone, or the site where there are no zones: what its links are attached to."""
        return self.zone or self.site

    @property
    def fsync(self) -> Distribution:
        """How long a synchronous write takes on the system disk."""
        system = [disk for disk in self.disks if disk.system] or list(self.disks)
        return system[0].fsync if system else Distribution.lognormal(0.0007, 0.33)


@dataclass(frozen=True, kw_only=True)
class Link(Component):
    """The way between two places, or within one (`a == b`). `latency` is one way, in seconds."""

    kind: ClassVar[str] = "link"
    a: str
    b: str
    latency: Distribution
    loss: float = 0.0
    bandwidth: float = 0.0
    mtu: int = 1500


@dataclass(frozen=True, kw_only=True)
class Overlay(Component):
    """KubeSpan: a full WireGuard mesh between all machines. `claimed_prefix` is what a design says of it."""

    kind: ClassVar[str] = "overlay"
    technology: Literal["kubespan"] = "kubespan"
    mtu: int = 1420
    port: int = 51820
    discovery: str = ""
    claimed_prefix: int = 0
    advertise_kubernetes_networks: bool = False
    allow_down_peer_bypass: bool = False


@dataclass(frozen=True, kw_only=True)
class Discovery(Component):
    """The discovery service that introduces KubeSpan peers to each other; `within` names who embeds it."""

    kind: ClassVar[str] = "discovery"
    endpoint: str = "https://discovery.talos.dev/"
    within: str = ""


@dataclass(frozen=True, kw_only=True)
class Orchestrator(Component):
    """Omni: manages the machines' life cycle, and carries kubectl and talosctl of its users."""

    kind: ClassVar[str] = "orchestrator"
    endpoint: str = ""
    hosted: Literal["saas", "self"] = "saas"
    disk_encryption: bool = False
    monthly_cost: float = 0.0


@dataclass(frozen=True, kw_only=True)
class RaftGroup(Component):
    """A raft group: etcd (etcd-io/raft) or Vault (hashicorp/raft). Times in seconds.

    `voters` are machines. `election` is the base of the randomised timeout. For hashicorp/raft `heartbeat`
    and `election` are the effective values (base x performance multiplier) and `lease` the leader's lease.
    """

    kind: ClassVar[str] = "raft-group"
    engine: Literal["etcd", "hashicorp"]
    voters: tuple[str, ...]
    heartbeat: float = 0.1
    election: float = 1.0
    lease: float = 0.0
    prevote: bool = True
    check_quorum: bool = True

    @property
    def quorum(self) -> int:
        """How many voters decide: more than half."""
        return len(self.voters) // 2 + 1

    @property
    def tolerance(self) -> int:
        """How many voters may be lost without losing the quorum."""
        return len(self.voters) - self.quorum


@dataclass(frozen=True, kw_only=True)
class Service(Component):
    """Something that clients use. `members` are the machines that serve it (any of them will do)."""

    kind: ClassVar[str] = "service"
    role: Literal["api", "controller", "mesh", "management"] = "api"
    members: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Workload(Component):
    """Pods of one kind. A chain workload keeps its data on a disk of one machine and never moves by itself.

    `machines` are where the replicas are placed (in order), `seal` is Vault's, `storage` in bytes each.
    """

    kind: ClassVar[str] = "workload"
    role: Literal["vault", "solana", "ethereum", "tron"]
    machines: tuple[str, ...]
    replicas: int = 1
    storage: float = 0.0
    volume: Literal["local", "network"] = "local"
    seal: Literal["shamir", "awskms", ""] = ""
    group: str = ""
    image: str = ""
    cores: float = 0.0
    memory: float = 0.0


@dataclass(frozen=True, kw_only=True)
class MachineGroup(Component):
    """A named set of machines that something treats as one: an Auto Scaling group, a pool, a switch."""

    kind: ClassVar[str] = "group"
    technology: Literal["autoscaling-group", "pool", "switch"] = "pool"
    machines: tuple[str, ...] = ()


@dataclass(frozen=True)
class FirewallRule:
    """What a site lets in: protocol, port range and the sources in CIDR notation (or a name in the spec)."""

    protocol: Literal["tcp", "udp"]
    ports: tuple[int, int]
    sources: tuple[str, ...]
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Firewall(Component):
    """The inbound rules around a set of machines (an EC2 security group)."""

    kind: ClassVar[str] = "firewall"
    machines: tuple[str, ...] = ()
    rules: tuple[FirewallRule, ...] = ()


@dataclass(frozen=True)
class DrawnEdge:
    """An arrow in somebody's drawing, kept as drawn: what the design review reads."""

    source: str
    target: str
    label: str = ""
    both: bool = False


@dataclass(frozen=True)
class Versions:
    """The software the design names; where it is silent, Talos' reference release."""

    talos: str = "v1.13.9"
    kubernetes: str = "v1.36.3"
    cni: str = "flannel"
    vault: str = "openbao"


@dataclass(frozen=True)
class Networks:
    """Address ranges and the name of the endpoint; `operators` are the ranges people come from."""

    pods: str = "10.244.0.0/16"
    services: str = "10.96.0.0/12"
    operators: tuple[str, ...] = ()
    endpoint: str = ""
    pod_mtu: int = 0


KINDS: dict[str, type[Component]] = {
    cls.kind: cls
    for cls in (
        Site,
        Zone,
        Machine,
        Link,
        Overlay,
        Discovery,
        Orchestrator,
        RaftGroup,
        Service,
        Workload,
        MachineGroup,
        Firewall,
    )
}

__all__ = [
    "KINDS",
    "Component",
    "Discovery",
    "Disk",
    "DrawnEdge",
    "Firewall",
    "FirewallRule",
    "Link",
    "Machine",
    "MachineGroup",
    "Networks",
    "Orchestrator",
    "Overlay",
    "RaftGroup",
    "Reliability",
    "Service",
    "Site",
    "Versions",
    "Workload",
    "Zone",
]
