"""The COSI resource types of Talos that meshlab reads, with their namespace and typed spec (facts: §2)."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from meshlab.live import yaml_text


@dataclass(frozen=True)
class ResourceType:
    """One type of resource.

    Attributes
    ----------
    name
        Full type, ``KubeSpanPeerStatuses.kubespan.talos.dev``.
    namespace
        Where it usually is.
    module, message
        The generated module (without ``_pb2``) and the message of its spec; empty when only YAML is read.
    aliases
        Short names that ``talosctl get`` takes too.
    columns
        What ``talosctl get`` prints: heading and JSON path.
    sensitive
        Only the role os:admin may read it.
    """

    name: str
    namespace: str
    module: str
    message: str
    aliases: tuple[str, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()
    sensitive: bool = False

    @property
    def spec_class(self) -> Any:
        """The class of the spec's message."""
        module = importlib.import_module(f"meshlab.live._generated.{self.module}_pb2")
        return getattr(module, self.message)

    @property
    def plural(self) -> str:
        """The part before the first dot."""
        return self.name.split(".", 1)[0]


KUBESPAN_CONFIG = ResourceType(
    "KubeSpanConfigs.kubespan.talos.dev", "config", "talos_kubespan", "ConfigSpec", sensitive=True
)
KUBESPAN_IDENTITY = ResourceType(
    "KubeSpanIdentities.kubespan.talos.dev",
    "kubespan",
    "talos_kubespan",
    "IdentitySpec",
    columns=(("Address", "{.address}"), ("PublicKey", "{.publicKey}")),
    sensitive=True,
)
KUBESPAN_PEER_SPEC = ResourceType(
    "KubeSpanPeerSpecs.kubespan.talos.dev",
    "kubespan",
    "talos_kubespan",
    "PeerSpecSpec",
    columns=(("Label", "{.label}"), ("Endpoints", "{.endpoints}")),
)
KUBESPAN_PEER_STATUS = ResourceType(
    "KubeSpanPeerStatuses.kubespan.talos.dev",
    "kubespan",
    "talos_kubespan",
    "PeerStatusSpec",
    columns=(
        ("Label", "{.label}"),
        ("Endpoint", "{.endpoint}"),
        ("State", "{.state}"),
        ("Rx", "{.receiveBytes}"),
        ("Tx", "{.transmitBytes}"),
    ),
)
KUBESPAN_ENDPOINT = ResourceType(
    "KubeSpanEndpoints.kubespan.talos.dev",
    "kubespan",
    "talos_kubespan",
    "EndpointSpec",
    columns=(("Endpoint", "{.endpoint}"), ("Affiliate ID", "{.affiliateID}")),
)
MEMBER = ResourceType(
    "Members.cluster.talos.dev",
    "cluster",
    "talos_cluster",
    "MemberSpec",
    columns=(
        ("Hostname", "{.hostname}"),
        ("Machine Type", "{.machineType}"),
        ("OS", "{.operatingSystem}"),
        ("Addresses", "{.addresses}"),
    ),
)
AFFILIATE = ResourceType(
    "Affiliates.cluster.talos.dev",
    "cluster",
    "talos_cluster",
    "AffiliateSpec",
    columns=(("Hostname", "{.hostname}"), ("Machine Type", "{.machineType}"), ("Addresses", "{.addresses}")),
)
IDENTITY = ResourceType(
    "Identities.cluster.talos.dev", "cluster", "talos_cluster", "IdentitySpec", columns=(("ID", "{.nodeId}"),)
)
INFO = ResourceType(
    "Infos.cluster.talos.dev",
    "cluster",
    "talos_cluster",
    "InfoSpec",
    columns=(("Cluster ID", "{.clusterId}"), ("Cluster Name", "{.clusterName}")),
)
ETCD_MEMBER = ResourceType(
    "EtcdMembers.etcd.talos.dev", "etcd", "talos_etcd", "MemberSpec", columns=(("Member ID", "{.memberID}"),)
)
NODE_ADDRESS = ResourceType(
    "NodeAddresses.net.talos.dev",
    "network",
    "talos_network",
    "NodeAddressSpec",
    aliases=("address",),
    columns=(("Addresses", "{.addresses}"),),
)
HOSTNAME_STATUS = ResourceType(
    "HostnameStatuses.net.talos.dev",
    "network",
    "talos_network",
    "HostnameStatusSpec",
    aliases=("hostname",),
    columns=(("Hostname", "{.hostname}"), ("Domainname", "{.domainname}")),
)
MACHINE_STATUS = ResourceType(
    "MachineStatuses.runtime.talos.dev",
    "runtime",
    "talos_runtime",
    "MachineStatusSpec",
    columns=(("Stage", "{.stage}"), ("Ready", "{.status.ready}")),
)
SERVICE = ResourceType(
    "Services.v1alpha1.talos.dev",
    "runtime",
    "talos_v1alpha1",
    "ServiceSpec",
    aliases=("svc",),
    columns=(("Running", "{.running}"), ("Healthy", "{.healthy}"), ("Health Unknown", "{.unknown}")),
)
PLATFORM_METADATA = ResourceType(
    "PlatformMetadatas.talos.dev",
    "runtime",
    "talos_runtime",
    "PlatformMetadataSpec",
    columns=(
        ("Platform", "{.platform}"),
        ("Type", "{.instanceType}"),
        ("Region", "{.region}"),
        ("Zone", "{.zone}"),
    ),
)
SYSTEM_INFORMATION = ResourceType(
    "SystemInformations.hardware.talos.dev",
    "hardware",
    "talos_hardware",
    "SystemInformationSpec",
    aliases=("systeminformation",),
    columns=(("Manufacturer", "{.manufacturer}"), ("UUID", "{.uuid}")),
)
NODENAME = ResourceType(
    "Nodenames.kubernetes.talos.dev",
    "k8s",
    "talos_k8s",
    "NodenameSpec",
    columns=(("Nodename", "{.nodename}"),),
)
SIDEROLINK_STATUS = ResourceType(
    "SiderolinkStatuses.siderolink.talos.dev",
    "runtime",
    "talos_siderolink",
    "StatusSpec",
    columns=(("Host", "{.host}"), ("Status", "{.connected}")),
)
DISK = ResourceType(
    "Disks.block.talos.dev",
    "runtime",
    "talos_block",
    "DiskSpec",
    columns=(("Size", "{.pretty_size}"), ("Transport", "{.transport}"), ("Model", "{.model}")),
)
SYSTEM_DISK = ResourceType(
    "SystemDisks.block.talos.dev",
    "runtime",
    "talos_block",
    "SystemDiskSpec",
    columns=(("Disk", "{.diskID}"),),
)
VOLUME_STATUS = ResourceType(
    "VolumeStatuses.block.talos.dev",
    "runtime",
    "talos_block",
    "VolumeStatusSpec",
    columns=(("Phase", "{.phase}"), ("Location", "{.location}"), ("Size", "{.prettySize}")),
)

TALOS_TYPES: Mapping[str, ResourceType] = {
    kind.name: kind
    for kind in (
        KUBESPAN_CONFIG,
        KUBESPAN_IDENTITY,
        KUBESPAN_PEER_SPEC,
        KUBESPAN_PEER_STATUS,
        KUBESPAN_ENDPOINT,
        MEMBER,
        AFFILIATE,
        IDENTITY,
        INFO,
        ETCD_MEMBER,
        NODE_ADDRESS,
        HOSTNAME_STATUS,
        MACHINE_STATUS,
        SERVICE,
        PLATFORM_METADATA,
        SYSTEM_INFORMATION,
        NODENAME,
        SIDEROLINK_STATUS,
        DISK,
        SYSTEM_DISK,
        VOLUME_STATUS,
    )
}


def known_type(name: str) -> ResourceType | None:
    """Find a type by its full name, its plural, or a short name, whatever the case."""
    wanted = name.lower()
    for kind in TALOS_TYPES.values():
        if wanted in (kind.name.lower(), kind.plural.lower(), *kind.aliases):
            return kind
    return None


@dataclass(frozen=True)
class Resource:
    """One resource as a machine (or Omni) gave it.

    Attributes
    ----------
    spec
        The typed protobuf message, None when the type is not known here or the resource is a tombstone.
    yaml
        The spec as text, as ``talosctl get -o yaml`` shows it.
    """

    namespace: str
    type: str
    id: str
    version: str
    phase: str
    owner: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    created: datetime | None = None
    updated: datetime | None = None
    spec: Any = None
    yaml: str = ""

    @property
    def data(self) -> Any:
        """The spec as plain data, read from its YAML."""
        return yaml_text.load(self.yaml)


def from_message(message: Any, kinds: Mapping[str, ResourceType] = TALOS_TYPES) -> Resource:
    """Read a ``cosi.resource.Resource``."""
    metadata = message.metadata
    kind = kinds.get(metadata.type)
    spec = kind.spec_class.FromString(message.spec.proto_spec) if kind and message.spec.yaml_spec else None
    return Resource(
        namespace=metadata.namespace,
        type=metadata.type,
        id=metadata.id,
        version=metadata.version,
        phase=metadata.phase,
        owner=metadata.owner,
        labels=dict(metadata.labels),
        annotations=dict(metadata.annotations),
        created=_time(metadata, "created"),
        updated=_time(metadata, "updated"),
        spec=spec,
        yaml=message.spec.yaml_spec,
    )


def _time(metadata: Any, name: str) -> datetime | None:
    return getattr(metadata, name).ToDatetime(tzinfo=UTC) if metadata.HasField(name) else None
