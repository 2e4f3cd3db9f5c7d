"""What a pod's specification means on this machine: its address, environment, mounted files and kind of container."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Mapping
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Any

from meshlab.emulate.pods.vault import expand

Spec = dict[str, Any]
"""A Kubernetes object or a part of one, as JSON."""


class Kind(Enum):
    """What stands in for a container."""

    VAULT = "vault"
    SOLANA = "solana"
    ETHEREUM = "ethereum"
    BEACON = "beacon"
    TRON = "tron"
    PLACEHOLDER = "placeholder"


_IMAGES = (
    (Kind.VAULT, ("vault", "vault-enterprise", "openbao", "openbao-ubi", "bao")),
    (Kind.SOLANA, ("agave", "solana", "firedancer")),
    (Kind.ETHEREUM, ("client-go", "geth", "besu", "nethermind", "reth", "erigon")),
    (Kind.BEACON, ("lighthouse", "prysm", "teku", "nimbus", "lodestar")),
    (Kind.TRON, ("java-tron", "tron")),
)
RPC_PORTS = {Kind.SOLANA: 8899, Kind.ETHEREUM: 8545, Kind.BEACON: 5052, Kind.TRON: 8090}
"""Port of each chain's calls when the container declares none."""


def kind_of(image: str) -> Kind:
    """What stands in for an image, by the last part of its name."""
    name = image.rpartition("/")[2].partition("@")[0].partition(":")[0].lower()
    for kind, names in _IMAGES:
        if name in names:
            return kind
    return Kind.PLACEHOLDER


def pod_key(pod: Spec) -> str:
    """The pod's "namespace/name"."""
    metadata = pod["metadata"]
    return f"{metadata.get('namespace', 'default')}/{metadata['name']}"


class PodAddresses:
    """A cluster address per pod name, the same each time the pod starts, whatever the order of starting.

    Parameters
    ----------
    network
        The pod network; addresses ending in .0 and .255 are not given.
    """

    def __init__(self, network: str = "10.244.0.0/16") -> None:
        self._network = ipaddress.IPv4Network(network)
        self._given: dict[str, str] = {}

    def of(self, key: str) -> str:
        """The address of a pod by "namespace/name"."""
        if key not in self._given:
            taken = set(self._given.values())
            start = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big")
            self._given[key] = next(a for a in self._candidates(start) if a not in taken)
        return self._given[key]

    def _candidates(self, start: int) -> list[str]:
        size = self._network.num_addresses
        tries = (self._network[(start + i) % size] for i in range(min(size, 1024)))
        return [str(address) for address in tries if address.packed[3] not in (0, 255)]


def environment(
    pod: Spec, container: Spec, *, address: str, host_address: str, config: Mapping[str, Mapping[str, bytes]]
) -> dict[str, str]:
    """The container's variables, with ``$(NAME)`` put in, in order, as the kubelet does.

    Raises
    ------
    ValueError
        A variable comes from a ConfigMap or Secret that is not at hand.
    """
    fields = {
        "metadata.name": pod["metadata"]["name"],
        "metadata.namespace": pod["metadata"].get("namespace", "default"),
        "metadata.uid": pod["metadata"].get("uid", ""),
        "spec.nodeName": pod["spec"].get("nodeName", ""),
        "spec.serviceAccountName": pod["spec"].get("serviceAccountName", "default"),
        "status.podIP": address,
        "status.hostIP": host_address,
    }
    variables = {"HOSTNAME": str(pod["spec"].get("hostname") or pod["metadata"]["name"])}
    for entry in container.get("env", []):
        name = entry["name"]
        source = entry.get("valueFrom")
        if source is None:
            variables[name] = expand(str(entry.get("value", "")), variables)
        elif "fieldRef" in source:
            variables[name] = str(fields.get(source["fieldRef"]["fieldPath"], ""))
        else:
            found = _reference(source, config)
            if found is not None:
                variables[name] = found
            elif not _optional(source):
                raise ValueError(f"variable {name} of container {container['name']} has no value: {source}")
    return variables


def _reference(source: Spec, config: Mapping[str, Mapping[str, bytes]]) -> str | None:
    for kind in ("secretKeyRef", "configMapKeyRef"):
        if kind in source:
            value = config.get(source[kind].get("name", ""), {}).get(source[kind].get("key", ""))
            return None if value is None else value.decode()
    return None


def _optional(source: Spec) -> bool:
    return any(isinstance(reference, dict) and reference.get("optional") for reference in source.values())


def below(folder: Path, path: str) -> Path:
    """Gives a place below a folder by the path that a pod names for it.

    Raises
    ------
    ValueError
        The path leads out of the folder.
    """
    parts = PurePosixPath(path).parts
    if not parts or parts[0] == "/" or ".." in parts or "\0" in path:
        raise ValueError(f"{path!r} is no path below the place it is for")
    return folder.joinpath(*parts)


def mounts(container: Spec, folders: Mapping[str, Path]) -> list[tuple[str, Path]]:
    """Mount path in the container and directory (or file) of this machine, the longest path first.

    Raises
    ------
    ValueError
        A subPath leads out of its volume.
    """
    found = []
    for mount in container.get("volumeMounts", []):
        folder = folders.get(mount["name"])
        if folder is not None:
            inside = mount.get("subPath", "")
            found.append((mount["mountPath"].rstrip("/"), below(folder, inside) if inside else folder))
    return sorted(found, key=lambda pair: len(pair[0]), reverse=True)


def local_paths(text: str, mounted: list[tuple[str, Path]]) -> str:
    """Replaces paths of the container that lie in a mounted volume by paths of this machine, in one pass."""
    if not mounted:
        return text
    places = dict(mounted)
    pattern = "|".join(re.escape(path) for path, _ in mounted)
    return re.sub(rf"(?<![\w/.-])({pattern})(?![\w.-])", lambda match: str(places[match[1]]), text)


def local_path(path: str, mounted: list[tuple[str, Path]]) -> Path | None:
    """Where a path of the container lies on this machine; None when it is in no mounted volume."""
    pure = PurePosixPath(path)
    if ".." in pure.parts:
        return None
    for mount_path, folder in mounted:
        if pure == PurePosixPath(mount_path) or PurePosixPath(mount_path) in pure.parents:
            return folder / pure.relative_to(mount_path)
    return None


def declared_ports(container: Spec) -> list[tuple[str, int]]:
    """Name and number of the TCP ports that a container declares."""
    ports = container.get("ports", [])
    return [(p.get("name", ""), int(p["containerPort"])) for p in ports if p.get("protocol", "TCP") == "TCP"]
