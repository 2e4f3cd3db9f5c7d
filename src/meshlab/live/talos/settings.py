"""What a person decides about a Talos cluster and each of its machines; everything else has Talos' own default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["controlplane", "worker"]

TALOS_VERSION = "v1.13.9"
KUBERNETES_VERSION = "v1.36.3"
ETCD_VERSION = "v3.6.12"
DISCOVERY_ENDPOINT = "https://discovery.talos.dev/"


@dataclass(frozen=True)
class KubeSpanSettings:
    """The mesh. There is no subnet to choose: it is computed from the cluster's id (facts §3.1)."""

    mtu: int | None = None
    allow_down_peer_bypass: bool = False
    advertise_kubernetes_networks: bool = False
    harvest_extra_endpoints: bool = False
    endpoint_filters: tuple[str, ...] = ()
    exclude_advertised_networks: tuple[str, ...] = ()


@dataclass(frozen=True)
class UserVolume:
    """A volume on a local disk, mounted at ``/var/mnt/<name>``.

    Attributes
    ----------
    name
        1-34 letters, digits and dashes.
    disk_match
        CEL expression that selects the disk, e.g. ``disk.transport == "nvme" && !system_disk``.
    min_size, max_size
        Sizes as Talos writes them (``100GB``, ``2TiB``).
    """

    name: str
    disk_match: str = 'disk.transport == "nvme" && !system_disk'
    min_size: str | None = None
    max_size: str | None = None
    grow: bool | None = None
    filesystem: Literal["xfs", "ext4"] = "xfs"


@dataclass(frozen=True)
class ClusterSettings:
    """What all machines of a cluster have in common.

    Attributes
    ----------
    endpoint
        URL of the Kubernetes API as every machine reaches it, e.g. ``https://10.20.1.11:6443``.
    api_cert_sans
        More names and addresses for the API server's certificate.
    etcd_extra_args
        Flags for etcd (``heartbeat-interval``…).
    """

    name: str
    endpoint: str
    talos_version: str = TALOS_VERSION
    kubernetes_version: str = KUBERNETES_VERSION
    dns_domain: str = "cluster.local"
    pod_subnets: tuple[str, ...] = ("10.244.0.0/16",)
    service_subnets: tuple[str, ...] = ("10.96.0.0/12",)
    allow_scheduling_on_control_planes: bool = False
    discovery: bool = True
    discovery_endpoint: str | None = None
    kubespan: KubeSpanSettings | None = field(default_factory=KubeSpanSettings)
    api_cert_sans: tuple[str, ...] = ()
    cni: Literal["flannel", "custom", "none"] = "flannel"
    etcd_extra_args: Mapping[str, str] = field(default_factory=dict)
    etcd_advertised_subnets: tuple[str, ...] = ()


@dataclass(frozen=True)
class NodeSettings:
    """What one machine has of its own.

    Attributes
    ----------
    role
        ``controlplane`` or ``worker``.
    hostname
        None: Talos makes a stable one up.
    install_disk
        Device to install to; on a cloud image nothing is installed, but the field is harmless.
    cert_sans
        More names and addresses for the certificate of the Talos API.
    labels, annotations
        Of the Kubernetes node; ``topology.kubernetes.io/zone`` and ``/region`` belong here.
    extra_announced_endpoints
        ``ip:port`` at which peers outside can reach this machine's mesh port.
    """

    role: Role
    hostname: str | None = None
    install_disk: str = "/dev/xvda"
    install_image: str | None = None
    cert_sans: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    user_volumes: tuple[UserVolume, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    extra_announced_endpoints: tuple[str, ...] = ()
    extra_documents: tuple[Mapping[str, Any], ...] = ()
