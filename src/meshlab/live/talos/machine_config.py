"""The configuration of one machine, as ``talosctl gen config`` writes it for contract 1.13 (facts: §4.1-§4.5)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from meshlab.live import yaml_text
from meshlab.live.secret import Secret
from meshlab.live.talos.secrets_bundle import SecretsBundle, encode, pair
from meshlab.live.talos.settings import ClusterSettings, KubeSpanSettings, NodeSettings, UserVolume

EXCLUDE_FROM_LOAD_BALANCERS = "node.kubernetes.io/exclude-from-external-load-balancers"
KUBEPRISM_PORT = 7445

Document = dict[str, Any]


def machine_config(bundle: SecretsBundle, cluster: ClusterSettings, node: NodeSettings) -> Secret[str]:
    """Write the multi-document configuration of one machine.

    A worker's configuration holds no CA key and nothing of etcd; a control plane's holds them all. The text is
    checked with :func:`meshlab.live.talos.validation.validate` before it is given out.

    Raises
    ------
    meshlab.live.talos.validation.ConfigError
        The settings make no valid configuration; says which setting.
    """
    from meshlab.live.talos.validation import validate

    text = yaml_text.dump_all(documents(bundle, cluster, node))
    validate(text)
    return Secret(text, name=f"machine configuration of {node.hostname or node.role}")


def documents(bundle: SecretsBundle, cluster: ClusterSettings, node: NodeSettings) -> list[Document]:
    """Give the documents of one machine's configuration as plain data (with secrets in clear)."""
    main: Document = {
        "version": "v1alpha1",
        "debug": False,
        "persist": True,
        "machine": _machine(bundle, cluster, node),
        "cluster": _cluster(bundle, cluster, node),
    }
    hostname = {"auto": "stable"} if node.hostname is None else {"auto": "off", "hostname": node.hostname}
    result = [main, _document("HostnameConfig", **hostname)]
    if cluster.kubespan is not None:
        result.append(_kubespan(cluster.kubespan))
    if node.extra_announced_endpoints:
        announced = list(node.extra_announced_endpoints)
        result.append(_document("KubeSpanEndpointsConfig", extraAnnouncedEndpoints=announced))
    result += [_user_volume(volume) for volume in node.user_volumes]
    result += [dict(document) for document in node.extra_documents]
    return result


def _document(kind: str, **content: Any) -> Document:
    return {"apiVersion": "v1alpha1", "kind": kind, **content}


def _machine(bundle: SecretsBundle, cluster: ClusterSettings, node: NodeSettings) -> Document:
    is_control_plane = node.role == "controlplane"
    labels = {EXCLUDE_FROM_LOAD_BALANCERS: ""} if is_control_plane else {}
    machine: Document = {
        "type": node.role,
        "token": bundle.machine_token.reveal(),
        "ca": pair(bundle.os) if is_control_plane else {"crt": encode(bundle.os.certificate)},
        "certSANs": list(node.cert_sans),
        "kubelet": {
            "image": f"ghcr.io/siderolabs/kubelet:{cluster.kubernetes_version}",
            "defaultRuntimeSeccompProfileEnabled": True,
            "disableManifestsDirectory": True,
        },
        "network": {},
        "install": {
            "disk": node.install_disk,
            "image": node.install_image or f"ghcr.io/siderolabs/installer:{cluster.talos_version}",
            "wipe": False,
            "grubUseUKICmdline": True,
        },
        "features": {
            "rbac": True,
            "apidCheckExtKeyUsage": True,
            "diskQuotaSupport": True,
            "kubePrism": {"enabled": True, "port": KUBEPRISM_PORT},
            "hostDNS": {"enabled": True, "forwardKubeDNSToHost": True},
        },
    }
    if node.sysctls:
        machine["sysctls"] = dict(node.sysctls)
    if labels or node.labels:
        machine["nodeLabels"] = labels | dict(node.labels)
    if node.annotations:
        machine["nodeAnnotations"] = dict(node.annotations)
    return machine


def _cluster(bundle: SecretsBundle, cluster: ClusterSettings, node: NodeSettings) -> Document:
    is_control_plane = node.role == "controlplane"
    service: Document = {"endpoint": cluster.discovery_endpoint} if cluster.discovery_endpoint else {}
    common: Document = {
        "id": bundle.cluster_id,
        "secret": bundle.cluster_secret.reveal(),
        "controlPlane": {"endpoint": cluster.endpoint},
        "clusterName": cluster.name,
        "network": {
            "cni": {"name": cluster.cni},
            "dnsDomain": cluster.dns_domain,
            "podSubnets": list(cluster.pod_subnets),
            "serviceSubnets": list(cluster.service_subnets),
        },
        "token": bundle.bootstrap_token.reveal(),
        "ca": pair(bundle.kubernetes) if is_control_plane else {"crt": encode(bundle.kubernetes.certificate)},
        "discovery": {
            "enabled": cluster.discovery,
            "registries": {"kubernetes": {"disabled": True}, "service": service},
        },
    }
    if not is_control_plane:
        return common
    host = urlsplit(cluster.endpoint).hostname
    etcd: Document = {"ca": pair(bundle.etcd)}
    if cluster.etcd_extra_args:
        etcd["extraArgs"] = dict(cluster.etcd_extra_args)
    if cluster.etcd_advertised_subnets:
        etcd["advertisedSubnets"] = list(cluster.etcd_advertised_subnets)
    version = cluster.kubernetes_version
    return common | {
        "secretboxEncryptionSecret": bundle.secretbox_secret.reveal(),
        "aggregatorCA": pair(bundle.aggregator),
        "serviceAccount": {"key": encode(bundle.service_account_key)},
        "apiServer": {
            "image": f"registry.k8s.io/kube-apiserver:{version}",
            "certSANs": list(dict.fromkeys([*([host] if host else []), *cluster.api_cert_sans])),
            "disablePodSecurityPolicy": True,
            "admissionControl": [_pod_security()],
            "auditPolicy": {
                "apiVersion": "audit.k8s.io/v1",
                "kind": "Policy",
                "rules": [{"level": "Metadata"}],
            },
        },
        "controllerManager": {"image": f"registry.k8s.io/kube-controller-manager:{version}"},
        "proxy": {"image": f"registry.k8s.io/kube-proxy:{version}"},
        "scheduler": {"image": f"registry.k8s.io/kube-scheduler:{version}"},
        "etcd": etcd,
        "allowSchedulingOnControlPlanes": cluster.allow_scheduling_on_control_planes,
    }


def _pod_security() -> Document:
    return {
        "name": "PodSecurity",
        "configuration": {
            "apiVersion": "pod-security.admission.config.k8s.io/v1alpha1",
            "kind": "PodSecurityConfiguration",
            "defaults": {
                "enforce": "baseline",
                "enforce-version": "latest",
                "audit": "restricted",
                "audit-version": "latest",
                "warn": "restricted",
                "warn-version": "latest",
            },
            "exemptions": {"namespaces": ["kube-system"], "runtimeClasses": [], "usernames": []},
        },
    }


def _kubespan(settings: KubeSpanSettings) -> Document:
    content: Document = {"enabled": True}
    if settings.advertise_kubernetes_networks:
        content["advertiseKubernetesNetworks"] = True
    if settings.allow_down_peer_bypass:
        content["allowDownPeerBypass"] = True
    if settings.harvest_extra_endpoints:
        content["harvestExtraEndpoints"] = True
    if settings.mtu is not None:
        content["mtu"] = settings.mtu
    filters: Document = {}
    if settings.endpoint_filters:
        filters["endpoints"] = list(settings.endpoint_filters)
    if settings.exclude_advertised_networks:
        filters["excludeAdvertisedNetworks"] = list(settings.exclude_advertised_networks)
    if filters:
        content["filters"] = filters
    return _document("KubeSpanConfig", **content)


def _user_volume(volume: UserVolume) -> Document:
    provisioning: Document = {"diskSelector": {"match": volume.disk_match}}
    for key, value in (("grow", volume.grow), ("minSize", volume.min_size), ("maxSize", volume.max_size)):
        if value is not None:
            provisioning[key] = value
    return _document(
        "UserVolumeConfig",
        name=volume.name,
        provisioning=provisioning,
        filesystem={"type": volume.filesystem},
    )
