"""Objects that hold secrets: Vault's certificate and Ethereum's engine token."""

from __future__ import annotations

import base64
import secrets
from typing import Any

from meshlab.live.secret import Secret
from meshlab.provision.systems.context import Context
from meshlab.provision.systems.interface import Operation
from meshlab.provision.systems.kubernetes.calls import kubernetes_errors
from meshlab.provision.systems.kubernetes.objects import differences
from meshlab.provision.systems.outcome import Absent, Found, Probe, Result

VAULT_AUTHORITY = "vault authority"
VAULT_CERTIFICATE = "vault certificate"
JWT = "ethereum jwt"
"""Names in the strongbox."""


class _SecretObject(Operation):
    """A Kubernetes Secret whose content is made once, kept in the strongbox, and never in the plan."""

    repeatable = True

    def content(self, context: Context) -> dict[str, bytes]:
        """Gives the files of the Secret, made at the first time."""
        raise NotImplementedError

    def manifest(self) -> dict[str, Any]:
        metadata = {"name": str(self.settings["name"]), "namespace": str(self.settings["namespace"])}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque"}

    def kept(self, context: Context) -> bool:
        return all(name in context.strongbox for name in self.settings["kept"])

    def probe(self, context: Context) -> Probe:
        with kubernetes_errors(self.step.title):
            there = context.connections.kubernetes.read(self.manifest())
        if there is None:
            return Absent()
        if not self.kept(context):
            return Found({}, ("what it holds is not in the strongbox",))
        wanted = {name: base64.b64encode(value).decode() for name, value in self.content(context).items()}
        return Found({"name": self.settings["name"]}, tuple(differences({"data": wanted}, there)))

    def perform(self, context: Context) -> Result:
        data = {name: base64.b64encode(value).decode() for name, value in self.content(context).items()}
        with kubernetes_errors(self.step.title):
            context.connections.kubernetes.apply(self.manifest() | {"data": data})
        return {"name": self.settings["name"]}

    def undo(self, context: Context) -> Result:
        with kubernetes_errors(self.step.title):
            context.connections.kubernetes.remove(self.manifest())
        return {}


class VaultTls(_SecretObject):
    """Vault's own authority and one certificate for all its names; the authority's key stays in the strongbox."""

    name = "kubernetes.vault-tls"

    def content(self, context: Context) -> dict[str, bytes]:
        from meshlab.live.talos import pki

        box = context.strongbox
        if VAULT_AUTHORITY not in box:
            made = pki.new_authority("ecdsa", organization="vault", common_name=f"{context.cluster} vault")
            box.put(VAULT_AUTHORITY, _joined(made))
        authority = _split(box.need(VAULT_AUTHORITY))
        if VAULT_CERTIFICATE not in box:
            issued = pki.issue(
                authority,
                usage="both",
                common_name="vault",
                names=list(self.settings["names"]),
                addresses=list(self.settings["addresses"]),
                lifetime=_year(),
            )
            box.put(VAULT_CERTIFICATE, _joined(issued))
        own = _split(box.need(VAULT_CERTIFICATE))
        return {
            "ca.crt": authority.certificate.encode(),
            "tls.crt": own.certificate.encode(),
            "tls.key": own.key.reveal().encode(),
        }


def _year() -> Any:
    from datetime import timedelta

    return timedelta(days=365)


def _joined(pair: Any) -> Secret[str]:
    return Secret(pair.certificate + "\0" + pair.key.reveal(), name="certificate and key")


def _split(kept: Secret[bytes]) -> Any:
    from meshlab.live.talos.pki import CertificateAndKey

    certificate, key = kept.reveal_text().split("\0")
    return CertificateAndKey(certificate, Secret(key, name="key"))


class EngineJwt(_SecretObject):
    """The secret that Ethereum's two clients share: 32 random bytes, made for this cluster and no other."""

    name = "kubernetes.jwt"

    def content(self, context: Context) -> dict[str, bytes]:
        if JWT not in context.strongbox:
            context.strongbox.put(JWT, Secret(secrets.token_hex(32), name="Ethereum engine JWT secret"))
        return {"jwt.hex": context.strongbox.need(JWT).reveal()}


OPERATIONS = (
    VaultTls,
    EngineJwt,
)
