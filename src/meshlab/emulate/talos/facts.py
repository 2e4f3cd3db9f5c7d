"""The resources in which a machine describes itself (facts: talos-omni-kubespan §2)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from meshlab.emulate.cosi.store import ResourceStore
from meshlab.emulate.kubespan.identity import KubeSpanIdentity
from meshlab.emulate.kubespan.service import prefix_message
from meshlab.emulate.talos.hardware import Hardware
from meshlab.emulate.talos.log import ServiceTable
from meshlab.live._generated import (
    talos_block_pb2,
    talos_cluster_pb2,
    talos_hardware_pb2,
    talos_k8s_pb2,
    talos_kubespan_pb2,
    talos_network_pb2,
    talos_runtime_pb2,
    talos_v1alpha1_pb2,
)
from meshlab.live.talos import resources as types
from meshlab.live.talos.config_view import ConfigView

if TYPE_CHECKING:
    from meshlab.emulate.talos.site import Host

block_pb: Any = talos_block_pb2
cluster_pb: Any = talos_cluster_pb2
hardware_pb: Any = talos_hardware_pb2
k8s_pb: Any = talos_k8s_pb2
kubespan_pb: Any = talos_kubespan_pb2
network_pb: Any = talos_network_pb2
runtime_pb: Any = talos_runtime_pb2
v1alpha1_pb: Any = talos_v1alpha1_pb2

VOLUME_READY = 6
REQUIRED_EVERYWHERE = ("apid", "machined", "kubelet")
REQUIRED_ON_CONTROL_PLANES = ("etcd", "trustd")


def publish(machine: Host) -> None:
    """Publish what follows from hardware and configuration."""
    store, hardware, config = machine.store, machine.hardware, machine.config
    store.put(types.HOSTNAME_STATUS, "hostname", network_pb.HostnameStatusSpec(hostname=machine.hostname))
    store.put(
        types.SYSTEM_INFORMATION,
        "systeminformation",
        hardware_pb.SystemInformationSpec(
            manufacturer="meshlab", product_name="emulated", uuid=hardware.uuid
        ),
    )
    store.put(
        types.PLATFORM_METADATA,
        "platformmetadata",
        runtime_pb.PlatformMetadataSpec(
            platform=hardware.platform,
            hostname=machine.hostname,
            region=hardware.region,
            zone=hardware.zone,
            instance_type=hardware.instance_type,
            instance_id=hardware.instance_id,
            provider_id=hardware.provider_id,
        ),
    )
    publish_addresses(store, hardware, None)
    _publish_disks(machine)
    if config is None:
        return
    store.put(types.NODENAME, "nodename", k8s_pb.NodenameSpec(nodename=machine.hostname))
    store.put(types.IDENTITY, "local", cluster_pb.IdentitySpec(node_id=machine.node_id))
    info = cluster_pb.InfoSpec(cluster_id=config.cluster_id, cluster_name=config.cluster_name)
    store.put(types.INFO, "current", info)


def _publish_disks(machine: Host) -> None:
    store = machine.store
    for disk in machine.hardware.disks:
        spec = block_pb.DiskSpec(
            size=disk.size,
            io_size=512,
            sector_size=512,
            model=disk.model,
            transport=disk.transport,
            dev_path=f"/dev/{disk.name}",
            pretty_size=f"{disk.size / 1e9:.0f} GB",
        )
        store.put(types.DISK, disk.name, spec)
    if not machine.installed or not machine.hardware.disks:
        return
    first = machine.hardware.disks[0].name
    store.put(
        types.SYSTEM_DISK, "system-disk", block_pb.SystemDiskSpec(disk_id=first, dev_path=f"/dev/{first}")
    )
    volumes = {"STATE": "/system/state", "EPHEMERAL": "/var"}
    if machine.config is not None:
        for document in machine.config.documents_of("UserVolumeConfig"):
            volumes[f"u-{document['name']}"] = f"/var/mnt/{document['name']}"
    for name, mount in volumes.items():
        spec = block_pb.VolumeStatusSpec(
            phase=VOLUME_READY, location=f"/dev/{first}", mount_location=mount, filesystem=1
        )
        store.put(types.VOLUME_STATUS, name, spec)


def publish_addresses(store: ResourceStore, hardware: Hardware, identity: KubeSpanIdentity | None) -> None:
    """Publish NodeAddresses: ``routed`` keeps the machine's own mesh address, ``current`` also has the external one."""
    length = ipaddress.ip_network(hardware.network).prefixlen
    own = f"{hardware.address}/{length}"
    mesh = [f"{identity.address}/128"] if identity is not None else []
    external = [f"{hardware.external_address}/32"] if hardware.external_address else []
    for name, addresses in (
        ("default", [own]),
        ("current", [own, *external, *mesh]),
        ("routed", [own, *mesh]),
        ("accumulative", [own, *external, *mesh]),
    ):
        spec = network_pb.NodeAddressSpec(addresses=[prefix_message(address) for address in addresses])
        store.put(types.NODE_ADDRESS, name, spec)
        if name != "default":
            store.put(types.NODE_ADDRESS, f"{name}-no-k8s", spec)


def publish_kubespan(store: ResourceStore, config: ConfigView, identity: KubeSpanIdentity) -> None:
    """Publish the mesh's settings and this machine's identity in it."""
    settings = config.kubespan
    filters = settings.get("filters") or {}
    secret = config.secret("cluster.secret")
    store.put(
        types.KUBESPAN_CONFIG,
        "kubespan",
        kubespan_pb.ConfigSpec(
            enabled=True,
            cluster_id=config.cluster_id,
            shared_secret=secret.reveal() if secret else "",
            force_routing=not settings.get("allowDownPeerBypass", False),
            advertise_kubernetes_networks=bool(settings.get("advertiseKubernetesNetworks", False)),
            mtu=settings.get("mtu") or 1420,
            endpoint_filters=[str(entry) for entry in filters.get("endpoints") or []],
            harvest_extra_endpoints=bool(settings.get("harvestExtraEndpoints", False)),
        ),
    )
    store.put(
        types.KUBESPAN_IDENTITY,
        "local",
        kubespan_pb.IdentitySpec(
            address=prefix_message(f"{identity.address}/128"),
            subnet={"ip": identity.subnet.network_address.packed, "prefix_length": 64},
            private_key=identity.private_key.reveal(),
            public_key=identity.public_key,
        ),
    )


def filtered(endpoints: Sequence[str], filters: Sequence[str]) -> list[str]:
    """Keep the endpoints that the filters let through: CIDRs, a leading ``!`` excludes."""
    if not filters:
        return list(endpoints)
    wanted = [ipaddress.ip_network(entry) for entry in filters if not entry.startswith("!")]
    refused = [ipaddress.ip_network(entry[1:]) for entry in filters if entry.startswith("!")]
    kept = []
    for endpoint in endpoints:
        address = ipaddress.ip_address(endpoint.rpartition(":")[0].strip("[]"))
        if any(address in network for network in refused):
            continue
        if not wanted or any(address in network for network in wanted):
            kept.append(endpoint)
    return kept


def unmet_conditions(machine: Host) -> list[tuple[str, str]]:
    """Give what keeps a machine from being ready: condition and reason."""
    if machine.config is None:
        return []
    names = REQUIRED_EVERYWHERE + (REQUIRED_ON_CONTROL_PLANES if machine.config.is_control_plane else ())
    waiting = []
    for name in names:
        service = machine.services.get(name)
        if service is None or service.state != "Running" or service.healthy is False:
            waiting.append(
                f"{name} {'not ' + 'healthy' if service and service.state == 'Running' else 'not running'}"
            )
        elif service.healthy is None:
            waiting.append(f"{name} health unknown")
    return [("services", ", ".join(waiting))] if waiting else []


def publish_status(
    store: ResourceStore, stage: str, number: int, ready: bool, unmet: list[tuple[str, str]]
) -> bool:
    """Publish MachineStatus; True when it changed."""
    before = store.get(types.MACHINE_STATUS, "machine")
    conditions = [{"name": name, "reason": reason} for name, reason in unmet]
    spec = runtime_pb.MachineStatusSpec(stage=number, status={"ready": ready, "unmet_conditions": conditions})
    after = store.put(types.MACHINE_STATUS, "machine", spec)
    return before is not after


def publish_services(store: ResourceStore, services: ServiceTable) -> None:
    """Publish each service that runs."""
    specs = {
        service.id: v1alpha1_pb.ServiceSpec(
            running=service.state == "Running", healthy=bool(service.healthy), unknown=service.healthy is None
        )
        for service in services
    }
    store.replace(types.SERVICE, specs)
