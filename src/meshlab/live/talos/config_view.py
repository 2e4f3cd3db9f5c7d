"""Reading one machine's configuration by what it means, not by where it is written."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from meshlab.live.secret import Secret
from meshlab.live.talos.pki import CertificateAndKey


class ConfigView:
    """A machine configuration's documents, with the questions that a machine asks of them. Never shows its content."""

    def __init__(self, documents: list[Mapping[str, Any]]) -> None:
        self._documents = documents
        self.main: Mapping[str, Any] = next(
            (
                document
                for document in documents
                if document.get("version") == "v1alpha1" and "kind" not in document
            ),
            {},
        )

    def __repr__(self) -> str:
        return f"ConfigView({self.role}, {len(self._documents)} documents)"

    def at(self, path: str) -> Any:
        """Give the value at a dotted path of the v1alpha1 document, or None."""
        value: Any = self.main
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

    def documents_of(self, kind: str) -> list[Mapping[str, Any]]:
        """Give every document of a kind."""
        return [document for document in self._documents if document.get("kind") == kind]

    def document(self, kind: str) -> Mapping[str, Any] | None:
        """Give the document of a kind, or None."""
        return next(iter(self.documents_of(kind)), None)

    @property
    def role(self) -> str:
        """``controlplane`` or ``worker``."""
        return str(self.at("machine.type") or "")

    @property
    def is_control_plane(self) -> bool:
        """Whether the machine runs etcd and the control plane."""
        return self.role == "controlplane"

    @property
    def hostname(self) -> str | None:
        """The hostname set, None when Talos makes one up."""
        name = (self.document("HostnameConfig") or {}).get("hostname") or self.at("machine.network.hostname")
        return str(name) if name else None

    @property
    def cluster_id(self) -> str:
        """The cluster's id."""
        return str(self.at("cluster.id") or "")

    @property
    def cluster_name(self) -> str:
        """The cluster's name."""
        return str(self.at("cluster.clusterName") or "")

    @property
    def kubespan(self) -> Mapping[str, Any]:
        """The mesh's settings, empty when it is off."""
        return self.document("KubeSpanConfig") or self.at("machine.network.kubespan") or {}

    @property
    def discovery_enabled(self) -> bool:
        """Whether the machine publishes itself to the discovery service and learns its peers there."""
        service = self.at("cluster.discovery.registries.service") or {}
        return bool(self.at("cluster.discovery.enabled")) and not service.get("disabled")

    @property
    def cert_sans(self) -> list[str]:
        """More names and addresses for the certificate of the Talos API."""
        return [str(name) for name in self.at("machine.certSANs") or []]

    @property
    def extra_announced_endpoints(self) -> list[str]:
        """``ip:port`` at which peers outside can reach this machine's mesh port."""
        document = self.document("KubeSpanEndpointsConfig") or {}
        return [str(endpoint) for endpoint in document.get("extraAnnouncedEndpoints") or []]

    @property
    def os_ca(self) -> str:
        """Certificate of the authority of the Talos API, PEM."""
        return self._pem("machine.ca.crt")

    def authority(self, path: str) -> CertificateAndKey | None:
        """Give the authority at a path (``machine.ca``, ``cluster.ca``, ``cluster.etcd.ca``, ``cluster.aggregatorCA``).

        None when the key is not there, as on a worker.
        """
        if not self.at(f"{path}.key"):
            return None
        return CertificateAndKey(self._pem(f"{path}.crt"), Secret(self._pem(f"{path}.key"), name=path))

    def certificate(self, path: str) -> str | None:
        """Give the PEM certificate at ``<path>.crt``, or None."""
        return self._pem(f"{path}.crt") if self.at(f"{path}.crt") else None

    def secret(self, path: str) -> Secret[str] | None:
        """Give a text at a path as a secret, or None."""
        value = self.at(path)
        return Secret(str(value), name=path) if value else None

    def pem_secret(self, path: str) -> Secret[str] | None:
        """Give a base64 PEM at a path (``cluster.serviceAccount.key``) decoded, as a secret, or None."""
        return Secret(self._pem(path), name=path) if self.at(path) else None

    def _pem(self, path: str) -> str:
        return base64.b64decode(str(self.at(path) or "")).decode()
