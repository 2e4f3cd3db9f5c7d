"""The shape of a spec file, as pydantic models; `json_schema` publishes it for editors."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from meshlab.model.components import Reliability
from meshlab.model.distribution import Distribution
from meshlab.model.spec.values import Address, Duration, Frequency, Ports, Prefix, Rate, Share, Size, Spread

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=63)]


class Part(BaseModel):
    """What every part of a spec has: strict keys, written with dashes."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=False,
        alias_generator=lambda name: name.replace("_", "-"),
        arbitrary_types_allowed=True,
    )


class Named(Part):
    """A part with a name, how it fails and where that is known from."""

    name: Name
    fails: Frequency | None = Field(None, description="failures per time of operation, for example 0.1/y")
    fails_between: tuple[Frequency, Frequency] | None = Field(None, description="90 % interval of `fails`")
    repair: Spread | None = Field(None, description="how long a failure lasts")
    source: str = Field("", description="where the numbers come from")
    gaps: tuple[str, ...] = Field((), description="what is not known of this part yet, in words")

    def reliability(self) -> Reliability | None:
        if self.fails is None:
            return None
        low, high = self.fails_between or (self.fails, self.fails)
        return Reliability(self.fails, self.repair or Distribution.constant(3600.0), low, high, self.source)


class ZoneSpec(Named):
    zone_id: str = ""
    subnet: Prefix | Literal[""] = ""


class SiteSpec(Named):
    place: Literal["aws-region", "datacentre"] = "datacentre"
    region: str = ""
    network: Prefix | Literal[""] = ""
    zones: tuple[ZoneSpec, ...] = ()


class DiskSpec(Part):
    name: Name
    size: Size
    medium: Literal["nvme", "ssd", "gp3", "io2"] = "nvme"
    system: bool = False
    endurance: Size = Field(0.0, description="total bytes that may be written in its life")
    fsync: Spread = Distribution.lognormal(0.0007, 0.33)


class MachineSpec(Named):
    role: Literal["control-plane", "worker"]
    site: Name | None = None
    zone: Name | None = None
    address: Address | Literal[""] = ""
    nat: bool = Field(False, description="peers cannot reach UDP 51820 from outside its site")
    public_address: bool = False
    instance_type: str = ""
    cores: int = Field(0, ge=0)
    memory: Size = 0.0
    network_rate: Rate = 0.0
    disks: tuple[DiskSpec, ...] = ()
    boot: Spread = Distribution.lognormal(90.0, 0.35)


class LinkSpec(Named):
    name: Name | None = None  # type: ignore[assignment]
    between: tuple[Name, Name]
    latency: Spread = Field(description="one way")
    loss: Share = 0.0
    bandwidth: Rate = 0.0
    mtu: int = Field(1500, ge=576, le=9216)


class OverlaySpec(Named):
    name: Name = "kubespan"
    technology: Literal["kubespan"] = "kubespan"
    mtu: int = Field(1420, ge=1280, le=9216)
    port: int = Field(51820, gt=0, lt=65536)
    discovery: Name | None = None
    claimed_prefix: int = Field(0, ge=0, le=128, description="the prefix length that a design claims for it")
    advertise_kubernetes_networks: bool = False
    allow_down_peer_bypass: bool = False


class DiscoverySpec(Named):
    name: Name = "discovery"
    endpoint: str = "https://discovery.talos.dev/"
    within: Name | None = Field(None, description="the orchestrator that embeds it")


class OrchestratorSpec(Named):
    name: Name = "omni"
    endpoint: str = ""
    hosted: Literal["saas", "self"] = "saas"
    disk_encryption: bool = False
    monthly_cost: float = Field(0.0, ge=0)


class RaftGroupSpec(Named):
    engine: Literal["etcd", "hashicorp"]
    voters: tuple[Name, ...] = Field(min_length=1)
    heartbeat: Duration | None = None
    election: Duration | None = None
    lease: Duration | None = None
    prevote: bool = True
    check_quorum: bool = True


class ServiceSpec(Named):
    role: Literal["api", "controller", "mesh", "management"] = "api"
    members: tuple[Name, ...] = ()
    needs: tuple[Name, ...] = ()


class WorkloadSpec(Named):
    role: Literal["vault", "solana", "ethereum", "tron"]
    machines: tuple[Name, ...] = Field(min_length=1)
    replicas: int = Field(1, ge=1)
    storage: Size = 0.0
    volume: Literal["local", "network"] = "local"
    seal: Literal["shamir", "awskms", ""] = ""
    group: Name | None = None
    image: str = ""
    cores: float = Field(0.0, ge=0)
    memory: Size = 0.0


class GroupSpec(Named):
    technology: Literal["autoscaling-group", "pool", "switch"] = "pool"
    machines: tuple[Name, ...] = Field(min_length=1)


class FirewallRuleSpec(Part):
    protocol: Literal["tcp", "udp"]
    ports: Ports
    sources: tuple[Prefix | Name, ...] = Field(min_length=1)
    reason: str = ""


class FirewallSpec(Named):
    machines: tuple[Name, ...] = ()
    rules: tuple[FirewallRuleSpec, ...] = ()


class DrawnEdgeSpec(Part):
    source: Name
    target: Name
    label: str = ""
    both: bool = False


class VersionsSpec(Part):
    talos: str = "v1.13.9"
    kubernetes: str = "v1.36.3"
    cni: Literal["flannel", "cilium", "none"] = "flannel"
    vault: Literal["openbao", "vault"] = "openbao"


class NetworksSpec(Part):
    pods: Prefix = "10.244.0.0/16"
    services: Prefix = "10.96.0.0/12"
    operators: tuple[Prefix, ...] = ()
    endpoint: str = ""
    pod_mtu: int = Field(default=0, ge=0, le=9216, description="0: what the CNI chooses by itself")


class Spec(Part):
    """One hybrid cluster."""

    meshlab: Literal["v1"] = Field(description="the version of this format")
    name: Name
    versions: VersionsSpec = VersionsSpec()
    networks: NetworksSpec = NetworksSpec()
    sites: tuple[SiteSpec, ...] = Field(min_length=1)
    machines: tuple[MachineSpec, ...] = Field(min_length=1)
    links: tuple[LinkSpec, ...] = ()
    overlay: OverlaySpec | None = None
    discovery: DiscoverySpec | None = None
    orchestrator: OrchestratorSpec | None = None
    raft_groups: tuple[RaftGroupSpec, ...] = ()
    services: tuple[ServiceSpec, ...] = ()
    workloads: tuple[WorkloadSpec, ...] = ()
    groups: tuple[GroupSpec, ...] = ()
    firewalls: tuple[FirewallSpec, ...] = ()
    drawn: tuple[DrawnEdgeSpec, ...] = Field(
        (), description="arrows of a drawing, kept for the design review"
    )


def json_schema() -> dict[str, Any]:
    """Gives the JSON Schema of the format, for editors (``docs/spec.schema.json`` is this)."""
    schema = Spec.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "meshlab spec"
    return schema


if __name__ == "__main__":
    import json

    print(json.dumps(json_schema(), indent=2))
