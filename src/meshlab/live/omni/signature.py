"""SideroV1: the OpenPGP signature that every request to Omni carries (facts: talos-omni-kubespan §6.3)."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meshlab.live.secret import Secret
from meshlab.model.errors import MeshlabError

SIGNED_HEADERS = (
    "x-sidero-timestamp",
    "nodes",
    "selectors",
    "fieldSelectors",
    "runtime",
    "context",
    "cluster",
    "namespace",
    "uid",
    "authorization",
)
CLOCK_SKEW_S = 300.0
SERVICE_ACCOUNT_DOMAIN = "serviceaccount.omni.sidero.dev"
UNSIGNED = frozenset(
    f"/auth.AuthService/{name}"
    for name in ("RegisterPublicKey", "ConfirmPublicKey", "AwaitPublicKeyConfirmation")
)


class OmniKeyError(MeshlabError, ValueError):
    """A service account key cannot be read."""


class InvalidSignature(Exception):
    """A request is not signed as it must be."""


@dataclass(frozen=True)
class ServiceAccount:
    """A service account of Omni: its identity and its private key."""

    identity: str
    private_key: Secret[str]

    @classmethod
    def generate(cls, name: str) -> ServiceAccount:
        """Make a new key for a service account of this name."""
        import pysequoia

        identity = f"{name}@{SERVICE_ACCOUNT_DOMAIN}"
        key = pysequoia.Tsk.generate(f"{name} <{identity}>")
        return cls(identity, Secret(str(key), name="Omni service account key"))

    @classmethod
    def from_environment_value(cls, value: Secret[str] | str) -> ServiceAccount:
        """Read the value of ``OMNI_SERVICE_ACCOUNT_KEY``: base64 of JSON with name and armored key.

        Raises
        ------
        OmniKeyError
            It is not one.
        """
        text = value.reveal() if isinstance(value, Secret) else value
        try:
            document = json.loads(base64.b64decode(text, validate=True))
            name, key = str(document["name"]), str(document["pgp_key"])
        except (binascii.Error, ValueError, KeyError, TypeError):
            raise OmniKeyError(
                "OMNI_SERVICE_ACCOUNT_KEY is not base64 of JSON with name and pgp_key"
            ) from None
        identity = name if "@" in name else f"{name}@{SERVICE_ACCOUNT_DOMAIN}"
        return cls(identity, Secret(key, name="Omni service account key"))

    def environment_value(self) -> Secret[str]:
        """Write it for ``OMNI_SERVICE_ACCOUNT_KEY``."""
        name = self.identity.partition("@")[0]
        document = json.dumps({"name": name, "pgp_key": self.private_key.reveal()})
        return Secret(base64.b64encode(document.encode()).decode(), name="OMNI_SERVICE_ACCOUNT_KEY")

    @property
    def public_key(self) -> str:
        """The armored public key."""
        return str(self._key().extract_certificate())

    def _key(self) -> Any:
        import pysequoia

        return pysequoia.Tsk.from_bytes(self.private_key.reveal().encode())

    def sign(
        self, method: str, metadata: Sequence[tuple[str, str]] = (), *, now: float | None = None
    ) -> list[tuple[str, str]]:
        """Give the metadata that a call of ``method`` (its path) needs besides ``metadata``."""
        import pysequoia

        timestamp = str(int(time.time() if now is None else now))
        headers = _headers([*metadata, ("x-sidero-timestamp", timestamp)])
        payload = json.dumps({"headers": headers, "method": method}, sort_keys=True)
        key = self._key()
        detached = pysequoia.SignatureMode.DETACHED
        signature = pysequoia.sign(key.signer(), payload.encode(), mode=detached, armor=False)
        encoded = base64.b64encode(signature).decode()
        fingerprint = key.extract_certificate().fingerprint
        return [
            ("x-sidero-timestamp", timestamp),
            ("x-sidero-payload", payload),
            ("x-sidero-signature", f"siderov1 {self.identity} {fingerprint} {encoded}"),
        ]


def _headers(metadata: Sequence[tuple[str, str]]) -> dict[str, list[str] | None]:
    found: dict[str, list[str]] = {}
    for key, value in metadata:
        found.setdefault(key, []).append(value)
    return {name: found.get(name) for name in SIGNED_HEADERS}


def verify(
    method: str, metadata: Sequence[tuple[str, str]], keys: Mapping[str, str], *, now: float | None = None
) -> str:
    """Verify the signature of a call and give the caller's identity.

    Parameters
    ----------
    keys
        Armored public keys by identity.

    Raises
    ------
    InvalidSignature
        It is missing, old, of another call, changed, or of an unknown key.
    """
    import pysequoia

    given = {key: value for key, value in metadata if key.startswith("x-sidero-")}
    try:
        scheme, identity, fingerprint, encoded = given["x-sidero-signature"].split(" ")
        payload = given["x-sidero-payload"]
        age = (time.time() if now is None else now) - int(given["x-sidero-timestamp"])
        signed = json.loads(payload)
    except (KeyError, ValueError):
        raise InvalidSignature("invalid signature") from None
    if scheme != "siderov1" or abs(age) > CLOCK_SKEW_S or signed.get("method") != method:
        raise InvalidSignature("invalid signature")
    headers, actual = signed.get("headers") or {}, _headers(metadata)
    if any(headers.get(name) != actual[name] for name in SIGNED_HEADERS):
        raise InvalidSignature("invalid signature")
    if identity not in keys:
        raise InvalidSignature("invalid signature")
    certificate = pysequoia.Cert.from_bytes(keys[identity].encode())
    if certificate.fingerprint.lower() != fingerprint.lower():
        raise InvalidSignature("invalid signature")
    try:
        signature = pysequoia.Sig.from_bytes(base64.b64decode(encoded, validate=True))
        pysequoia.verify(payload.encode(), store=lambda _: [certificate], signature=signature)
    except Exception:  # whatever the library says of bytes from outside, the caller hears one thing
        raise InvalidSignature("invalid signature") from None
    return identity
