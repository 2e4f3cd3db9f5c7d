"""Strict reading of a machine configuration: what Talos v1.13 would refuse is refused (facts: §4.5)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from meshlab.live import yaml_text
from meshlab.live.secret import Secret
from meshlab.live.talos import config_schema
from meshlab.live.talos.config_view import ConfigView
from meshlab.model.errors import MeshlabError

Mode = Literal["metal", "cloud"]

KNOWN_ROLES = {
    "os:admin",
    "os:operator",
    "os:reader",
    "os:etcd:backup",
    "os:meta:writer",
    "os:image:verifier",
    "os:impersonator",
}


class ConfigError(MeshlabError, ValueError):
    """A machine configuration is refused; ``problems`` has every reason, none of which shows a secret."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("machine configuration: " + "; ".join(problems))
        self.problems = problems


def validate(text: str | Secret[str], *, mode: Mode = "metal") -> ConfigView:
    """Read a configuration strictly and give its view.

    Parameters
    ----------
    mode
        ``metal`` needs a disk to install to; on ``cloud`` the machine boots from an installed image.

    Raises
    ------
    ConfigError
        With every problem found, each with the path of the key.
    """
    try:
        loaded = yaml_text.load_all(text.reveal() if isinstance(text, Secret) else text)
    except ValueError as error:
        raise ConfigError([str(error)]) from None
    documents = [document for document in loaded if document is not None]
    problems = list(_shape(documents))
    if problems:
        raise ConfigError(problems)
    view = ConfigView(documents)
    problems = list(_rules(view, mode))
    if problems:
        raise ConfigError(problems)
    return view


def _shape(documents: list[Any]) -> Iterator[str]:
    seen: set[tuple[str, str, str]] = set()
    for number, document in enumerate(documents, 1):
        if not isinstance(document, Mapping):
            yield f"document {number}: not a mapping"
            continue
        version = str(document.get("apiVersion") or document.get("version") or "")
        kind = str(document.get("kind") or "")
        if document.get("version") == "v1alpha1" and not kind:
            identity = ("v1alpha1", "", "")
            yield from _unknown_keys(document, config_schema.V1ALPHA1, "")
        elif not kind or not version:
            yield f"document {number}: has neither `version: v1alpha1` nor `apiVersion` and `kind`"
            continue
        else:
            identity = (version, kind, str(document.get("name") or ""))
            yield from _kind(document, version, kind)
        if identity in seen:
            yield f"document {number}: a second {' '.join(part for part in identity if part)}"
        seen.add(identity)
    if ("v1alpha1", "", "") not in seen:
        yield "no v1alpha1 document (`version: v1alpha1`)"


def _kind(document: Mapping[str, Any], version: str, kind: str) -> Iterator[str]:
    if version != "v1alpha1" or (kind not in config_schema.KINDS and kind not in config_schema.OTHER_KINDS):
        yield f"{kind!r} {version!r}: not registered{_suggestion(kind, config_schema.KINDS)}"
        return
    table = config_schema.KINDS.get(kind)
    if table is not None:
        yield from _unknown_keys(document, {"apiVersion": None, "kind": None} | table, kind)


def _unknown_keys(value: Any, table: Any, path: str) -> Iterator[str]:
    if table is None or value is None:
        return
    if isinstance(table, list):
        if not isinstance(value, list):
            yield f"{path}: a list is expected"
            return
        for index, element in enumerate(value):
            yield from _unknown_keys(element, table[0], f"{path}[{index}]")
        return
    if not isinstance(value, Mapping):
        yield f"{path}: a mapping is expected"
        return
    for key, below in value.items():
        where = f"{path}.{key}" if path else str(key)
        if key not in table:
            yield f"unknown key {where}{_suggestion(str(key), table)}"
        else:
            yield from _unknown_keys(below, table[key], where)


def _suggestion(word: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _rules(view: ConfigView, mode: Mode) -> Iterator[str]:
    if view.main.get("persist") is False:
        yield "persist: must not be false"
    if view.role not in ("controlplane", "worker"):
        yield f"machine.type: {view.role!r} is neither controlplane nor worker"
    yield from _machine_rules(view, mode)
    yield from _cluster_rules(view)
    yield from _role_rules(view)
    yield from _document_rules(view)


def _machine_rules(view: ConfigView, mode: Mode) -> Iterator[str]:
    if not view.at("machine.token"):
        yield "machine.token: is missing"
    if not view.at("machine.ca.crt"):
        yield "machine.ca.crt: is missing"
    install = view.at("machine.install") or {}
    if mode == "metal" and not (install.get("disk") or install.get("diskSelector")):
        yield "machine.install.disk: is missing (or give machine.install.diskSelector)"
    if install.get("extraKernelArgs") and install.get("grubUseUKICmdline"):
        yield "machine.install.extraKernelArgs: cannot be used with grubUseUKICmdline: true"
    host_dns = view.at("machine.features.hostDNS") or {}
    if host_dns.get("forwardKubeDNSToHost") and not host_dns.get("enabled"):
        yield "machine.features.hostDNS.forwardKubeDNSToHost: needs hostDNS.enabled"
    for label in view.at("machine.nodeLabels") or {}:
        if str(label).split("/")[0].endswith("node-role.kubernetes.io"):
            yield f"machine.nodeLabels: {label} is refused by the API server (NodeRestriction)"


def _cluster_rules(view: ConfigView) -> Iterator[str]:
    endpoint = view.at("cluster.controlPlane.endpoint")
    if not isinstance(endpoint, str) or not urlsplit(endpoint).hostname:
        yield "cluster.controlPlane.endpoint: is not a URL with a host"
    cni = view.at("cluster.network.cni") or {}
    name = cni.get("name", "flannel")
    if name not in ("flannel", "custom", "none"):
        yield f"cluster.network.cni.name: {name!r} is none of flannel, custom, none"
    if cni.get("urls") and name != "custom":
        yield "cluster.network.cni.urls: only with name custom"
    if cni.get("flannel") and name != "flannel":
        yield "cluster.network.cni.flannel: only with name flannel"
    if view.discovery_enabled:
        for key in ("cluster.id", "cluster.secret"):
            if not view.at(key):
                yield f"{key}: is needed for discovery"
        service = view.at("cluster.discovery.registries.service.endpoint")
        if service and urlsplit(str(service)).path not in ("", "/"):
            yield "cluster.discovery.registries.service.endpoint: the URL must have no path"


def _role_rules(view: ConfigView) -> Iterator[str]:
    if view.role == "controlplane":
        for key in ("machine.ca.key", "cluster.ca.key", "cluster.etcd.ca.key", "cluster.serviceAccount.key"):
            if not view.at(key):
                yield f"{key}: is needed on a control plane"
    if view.role == "worker":
        for key in ("machine.ca.key", "cluster.ca.key", "cluster.etcd", "cluster.aggregatorCA.key"):
            if view.at(key):
                yield f"{key}: must not be on a worker"
    access = view.at("machine.features.kubernetesTalosAPIAccess") or {}
    if access.get("enabled"):
        if view.role != "controlplane":
            yield "machine.features.kubernetesTalosAPIAccess: only on a control plane"
        for role in set(access.get("allowedRoles") or ()) - KNOWN_ROLES:
            yield f"machine.features.kubernetesTalosAPIAccess.allowedRoles: unknown role {role}"


def _document_rules(view: ConfigView) -> Iterator[str]:
    kubespan = view.kubespan
    if view.document("KubeSpanConfig") and view.at("machine.network.kubespan"):
        yield "KubeSpanConfig: machine.network.kubespan is there too; keep one of them"
    if kubespan.get("enabled"):
        if not view.discovery_enabled:
            yield "KubeSpanConfig: needs cluster.discovery.enabled"
        for key in ("cluster.id", "cluster.secret"):
            if not view.at(key):
                yield f"KubeSpanConfig: needs {key}"
    mtu = kubespan.get("mtu")
    if mtu is not None and (not isinstance(mtu, int) or mtu < 1280):
        yield f"KubeSpanConfig.mtu: {mtu} is below 1280"
    hostname = view.document("HostnameConfig") or {}
    if hostname.get("hostname") and hostname.get("auto") == "stable":
        yield "HostnameConfig: give either hostname or auto: stable"
    if hostname.get("hostname") and view.at("machine.network.hostname"):
        yield "HostnameConfig: machine.network.hostname is there too; keep one of them"
    for volume in view.documents_of("UserVolumeConfig"):
        yield from _volume_rules(volume)
    for volume in view.documents_of("VolumeConfig"):
        if volume.get("name") not in ("STATE", "EPHEMERAL", "IMAGECACHE"):
            yield f"VolumeConfig {volume.get('name')!r}: the name must be STATE, EPHEMERAL or IMAGECACHE"


def _volume_rules(volume: Mapping[str, Any]) -> Iterator[str]:
    name = str(volume.get("name") or "")
    if not re.fullmatch(r"[A-Za-z0-9-]{1,34}", name):
        yield f"UserVolumeConfig {name!r}: the name must be 1-34 letters, digits and dashes"
    kind = volume.get("volumeType", "partition")
    if kind not in ("partition", "disk", "directory"):
        yield f"UserVolumeConfig {name}: volumeType {kind!r} is none of partition, disk, directory"
    provisioning = volume.get("provisioning") or {}
    if kind == "directory":
        for key in ("provisioning", "encryption", "filesystem", "mount"):
            if volume.get(key):
                yield f"UserVolumeConfig {name}: a directory takes no {key}"
    elif not (provisioning.get("diskSelector") or {}).get("match"):
        yield f"UserVolumeConfig {name}: provisioning.diskSelector.match is missing"
    elif kind == "partition" and not (provisioning.get("minSize") or provisioning.get("maxSize")):
        yield f"UserVolumeConfig {name}: provisioning needs minSize or maxSize"
    if (volume.get("filesystem") or {}).get("type", "xfs") not in ("xfs", "ext4"):
        yield f"UserVolumeConfig {name}: filesystem.type is neither xfs nor ext4"
