"""talosconfig: how a client finds and authenticates to machines (facts: talos-omni-kubespan §1.9)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from meshlab.live import yaml_text
from meshlab.live.secret import Secret
from meshlab.live.talos import pki
from meshlab.live.talos.secrets_bundle import SecretsBundle, encode
from meshlab.model.errors import MeshlabError

ADMIN_ROLE = "os:admin"


class TalosconfigError(MeshlabError, ValueError):
    """A talosconfig cannot be read or lacks what is needed; never shows key material."""


@dataclass(frozen=True)
class Talosconfig:
    """One context of a talosconfig: endpoints, default nodes, the CA to trust and the client's certificate."""

    context: str
    endpoints: tuple[str, ...]
    nodes: tuple[str, ...]
    ca: str
    certificate: str
    key: Secret[str]

    @classmethod
    def issue(
        cls,
        bundle: SecretsBundle,
        context: str,
        *,
        endpoints: Sequence[str] = (),
        nodes: Sequence[str] = (),
        roles: Sequence[str] = (ADMIN_ROLE,),
        lifetime: timedelta = pki.ADMIN_LIFETIME,
    ) -> Talosconfig:
        """Issue a client certificate (Ed25519, client use only) with the given roles and wrap it in a context."""
        client = pki.issue(bundle.os, usage="client", organizations=roles, lifetime=lifetime)
        return cls(
            context, tuple(endpoints), tuple(nodes), bundle.os.certificate, client.certificate, client.key
        )

    def to_yaml(self) -> Secret[str]:
        """Write it as a talosconfig file that talosctl reads."""
        document = {
            "context": self.context,
            "contexts": {
                self.context: {
                    "endpoints": list(self.endpoints),
                    "nodes": list(self.nodes),
                    "ca": encode(self.ca),
                    "crt": encode(self.certificate),
                    "key": encode(self.key),
                }
            },
        }
        return Secret(yaml_text.dump(document), name="talosconfig")

    @classmethod
    def from_yaml(cls, text: Secret[str] | str, context: str | None = None) -> Talosconfig:
        """Read the named (or the current) context of a talosconfig.

        Raises
        ------
        TalosconfigError
            It is not a talosconfig, has no such context, or the context lacks a certificate.
        """
        try:
            document = yaml_text.load(text.reveal() if isinstance(text, Secret) else text)
        except ValueError as error:
            raise TalosconfigError(f"talosconfig: {error}") from None
        if not isinstance(document, Mapping) or not isinstance(document.get("contexts"), Mapping):
            raise TalosconfigError("talosconfig: no contexts")
        name = context or str(document.get("context") or "")
        entry = document["contexts"].get(name)
        if not isinstance(entry, Mapping):
            raise TalosconfigError(
                f"talosconfig: no context {name!r}; there are {sorted(document['contexts'])}"
            )
        return cls(
            context=name,
            endpoints=tuple(entry.get("endpoints") or ()),
            nodes=tuple(entry.get("nodes") or ()),
            ca=_pem(entry, name, "ca"),
            certificate=_pem(entry, name, "crt"),
            key=Secret(_pem(entry, name, "key"), name="talosconfig key"),
        )


def _pem(entry: Mapping[str, object], context: str, field: str) -> str:
    value = entry.get(field)
    if not isinstance(value, str) or not value:
        raise TalosconfigError(f"talosconfig: context {context!r} has no {field}")
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise TalosconfigError(
            f"talosconfig: {field} of context {context!r} is not base64 of a PEM text"
        ) from None
