"""The secrets of one cluster, made once, as ``talosctl gen secrets`` makes and writes them (facts: §4.3)."""

from __future__ import annotations

import base64
import binascii
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from meshlab.live import yaml_text
from meshlab.live.secret import Secret
from meshlab.live.talos import pki
from meshlab.live.talos.pki import CertificateAndKey
from meshlab.model.errors import MeshlabError

TOKEN_ALPHABET = string.digits + string.ascii_lowercase


class SecretsBundleError(MeshlabError, ValueError):
    """A secrets bundle cannot be read; the message names the entry, never its value."""


@dataclass(frozen=True)
class SecretsBundle:
    """Everything secret about one cluster: whoever holds it can administer the cluster and read its mesh.

    Attributes
    ----------
    cluster_id
        32 random bytes, base64 URL-safe; its text (not its bytes) decides the mesh's address prefix.
    cluster_secret
        32 random bytes, base64: the key of discovery data and the pre-shared key of every mesh peer.
    machine_token, bootstrap_token
        Join tokens of trustd and of kubelets, ``[0-9a-z]{6}.[0-9a-z]{16}``.
    secretbox_secret
        Key with which the API server encrypts Secrets at rest.
    etcd, kubernetes, aggregator, os
        Certificate authorities: etcd, Kubernetes, the front proxy, and the Talos API.
    service_account_key
        RSA key that signs service account tokens.
    """

    cluster_id: str
    cluster_secret: Secret[str]
    machine_token: Secret[str]
    bootstrap_token: Secret[str]
    secretbox_secret: Secret[str]
    etcd: CertificateAndKey
    kubernetes: CertificateAndKey
    aggregator: CertificateAndKey
    os: CertificateAndKey
    service_account_key: Secret[str]

    @classmethod
    def generate(cls) -> SecretsBundle:
        """Make a new bundle. Takes a second or so, most of it for the RSA key."""
        return cls(
            cluster_id=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            cluster_secret=Secret(_random_key(), name="cluster secret"),
            machine_token=Secret(_token(), name="machine token"),
            bootstrap_token=Secret(_token(), name="bootstrap token"),
            secretbox_secret=Secret(_random_key(), name="secretbox encryption secret"),
            etcd=pki.new_authority("ecdsa", organization="etcd"),
            kubernetes=pki.new_authority("ecdsa", organization="kubernetes"),
            aggregator=pki.new_authority("ecdsa", common_name="front-proxy"),
            os=pki.new_authority("ed25519", organization="talos"),
            service_account_key=pki.key_pem(pki.new_key("rsa"), name="service account key"),
        )

    def to_yaml(self) -> Secret[str]:
        """Write the bundle in the form ``talosctl gen config --with-secrets`` reads."""
        document = {
            "cluster": {"id": self.cluster_id, "secret": self.cluster_secret.reveal()},
            "secrets": {
                "bootstraptoken": self.bootstrap_token.reveal(),
                "secretboxencryptionsecret": self.secretbox_secret.reveal(),
            },
            "trustdinfo": {"token": self.machine_token.reveal()},
            "certs": {
                "etcd": pair(self.etcd),
                "k8s": pair(self.kubernetes),
                "k8saggregator": pair(self.aggregator),
                "k8sserviceaccount": {"key": encode(self.service_account_key)},
                "os": pair(self.os),
            },
        }
        return Secret(yaml_text.dump(document), name="Talos secrets bundle")

    @classmethod
    def from_yaml(cls, text: Secret[str] | str) -> SecretsBundle:
        """Read a bundle that ``talosctl gen secrets`` or :meth:`to_yaml` wrote.

        Raises
        ------
        SecretsBundleError
            An entry is missing or not what it should be.
        """
        try:
            document = yaml_text.load(text.reveal() if isinstance(text, Secret) else text)
        except ValueError as error:
            raise SecretsBundleError(f"secrets bundle: {error}") from None
        if not isinstance(document, Mapping):
            raise SecretsBundleError(
                "secrets bundle: not a mapping; is this the output of `talosctl gen secrets`?"
            )
        if _at(document, "secrets.aescbcencryptionsecret", required=False):
            raise SecretsBundleError(
                "secrets bundle: secrets.aescbcencryptionsecret is of an old contract; this version needs secretbox"
            )
        return cls(
            cluster_id=_at(document, "cluster.id"),
            cluster_secret=Secret(_at(document, "cluster.secret"), name="cluster secret"),
            machine_token=Secret(_at(document, "trustdinfo.token"), name="machine token"),
            bootstrap_token=Secret(_at(document, "secrets.bootstraptoken"), name="bootstrap token"),
            secretbox_secret=Secret(
                _at(document, "secrets.secretboxencryptionsecret"), name="secretbox encryption secret"
            ),
            etcd=_pair_at(document, "certs.etcd"),
            kubernetes=_pair_at(document, "certs.k8s"),
            aggregator=_pair_at(document, "certs.k8saggregator"),
            os=_pair_at(document, "certs.os"),
            service_account_key=_key_at(document, "certs.k8sserviceaccount.key"),
        )


def encode(value: Secret[str] | str) -> str:
    """Give base64 of a PEM text, the way Talos writes certificates and keys."""
    text = value.reveal() if isinstance(value, Secret) else value
    return base64.b64encode(text.encode()).decode()


def pair(authority: CertificateAndKey) -> dict[str, str]:
    """Give ``{crt, key}`` of an authority, encoded."""
    return {"crt": encode(authority.certificate), "key": encode(authority.key)}


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _token() -> str:
    text = "".join(secrets.choice(TOKEN_ALPHABET) for _ in range(22))
    return f"{text[:6]}.{text[6:]}"


def _at(document: Mapping[str, Any], path: str, *, required: bool = True) -> str:
    value: Any = document
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if value is None and not required:
        return ""
    if not isinstance(value, str) or not value:
        raise SecretsBundleError(f"secrets bundle: {path} is missing or not text")
    return value


def _decoded(document: Mapping[str, Any], path: str) -> str:
    try:
        return base64.b64decode(_at(document, path), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise SecretsBundleError(f"secrets bundle: {path} is not base64 of a PEM text") from None


def _key_at(document: Mapping[str, Any], path: str) -> Secret[str]:
    key = Secret(_decoded(document, path), name=path)
    try:
        pki.load_key(key)
    except ValueError as error:
        raise SecretsBundleError(f"secrets bundle: {error}") from None
    return key


def _pair_at(document: Mapping[str, Any], path: str) -> CertificateAndKey:
    certificate = _decoded(document, f"{path}.crt")
    try:
        pki.load_certificate(certificate)
    except ValueError as error:
        raise SecretsBundleError(f"secrets bundle: {path}.crt: {error}") from None
    return CertificateAndKey(certificate, _key_at(document, f"{path}.key"))
