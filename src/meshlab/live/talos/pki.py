"""Certificate authorities and certificates as Talos makes them (facts: talos-omni-kubespan §1.5, §4.3).

Times are timezone-aware; lifetimes are :class:`datetime.timedelta`.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from meshlab.live.secret import Secret

if TYPE_CHECKING:
    from cryptography import x509

CA_LIFETIME = timedelta(hours=87600)
ADMIN_LIFETIME = timedelta(days=365)
NODE_LIFETIME = timedelta(hours=24)

# Clocks of machines differ; Talos dates certificates from "now", this margin spares a race on one machine.
BACKDATE = timedelta(minutes=1)

KeyKind = Literal["ecdsa", "ed25519", "rsa"]
Usage = Literal["server", "client", "both"]

ED25519_LABEL = "ED25519 PRIVATE KEY"


@dataclass(frozen=True)
class CertificateAndKey:
    """A certificate and its private key, both PEM."""

    certificate: str
    key: Secret[str]


def new_key(kind: KeyKind) -> Any:
    """Make a private key: ECDSA P-256, Ed25519 or RSA 4096."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if kind == "ecdsa":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=4096)


def key_pem(key: Any, *, name: str = "") -> Secret[str]:
    """Write a private key with the PEM label Talos uses for its kind.

    Ed25519 keys are PKCS#8 under the non-standard label ``ED25519 PRIVATE KEY``; EC and RSA keys are in their
    traditional form (``EC PRIVATE KEY``, ``RSA PRIVATE KEY``).
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    is_ed25519 = isinstance(key, ed25519.Ed25519PrivateKey)
    form = serialization.PrivateFormat.PKCS8 if is_ed25519 else serialization.PrivateFormat.TraditionalOpenSSL
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
    if is_ed25519:
        pem = pem.replace("BEGIN PRIVATE KEY", f"BEGIN {ED25519_LABEL}").replace(
            "END PRIVATE KEY", f"END {ED25519_LABEL}"
        )
    return Secret(pem, name=name or "private key")


def standard_key_pem(key: Secret[str]) -> Secret[str]:
    """Give the same key under a PEM label that OpenSSL knows."""
    return Secret(key.reveal().replace(ED25519_LABEL, "PRIVATE KEY"), name=key.name)


def load_key(key: Secret[str]) -> Any:
    """Read a private key written by Talos or by :func:`key_pem`.

    Raises
    ------
    ValueError
        It is not a PEM private key (the text is not shown).
    """
    from cryptography.hazmat.primitives import serialization

    try:
        return serialization.load_pem_private_key(standard_key_pem(key).reveal().encode(), password=None)
    except (ValueError, TypeError):
        raise ValueError(f"{key.name or 'private key'}: not a PEM private key") from None


def load_certificate(pem: str) -> x509.Certificate:
    """Read the first certificate of a PEM text.

    Raises
    ------
    ValueError
        It is not a PEM certificate.
    """
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise ValueError("not a PEM certificate") from None


def _subject(organizations: Sequence[str], common_name: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name) for name in organizations]
    if common_name:
        parts.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    return x509.Name(parts)


def _key_usage(*, sign_certificates: bool, encipher: bool = False) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=sign_certificates,
        key_encipherment=encipher,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _signature_hash(key: Any) -> Any:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ed25519

    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


def _pem(certificate: x509.Certificate) -> str:
    from cryptography.hazmat.primitives import serialization

    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def new_authority(
    kind: KeyKind, *, organization: str = "", common_name: str = "", lifetime: timedelta = CA_LIFETIME
) -> CertificateAndKey:
    """Make a self-signed authority: 10 years, 128-bit random serial, random 20-byte key identifier, both usages."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    key = new_key(kind)
    now = datetime.now(UTC)
    name = _subject([organization] if organization else [], common_name)
    key_id = os.urandom(20)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(os.urandom(16), "big") >> 1)
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_key_usage(sign_certificates=True), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
            critical=False,
        )
        .add_extension(x509.SubjectKeyIdentifier(key_id), critical=False)
        .sign(key, _signature_hash(key))
    )
    return CertificateAndKey(_pem(certificate), key_pem(key, name=f"{organization or common_name} CA key"))


def issue(
    authority: CertificateAndKey,
    *,
    usage: Usage,
    organizations: Sequence[str] = (),
    common_name: str = "",
    addresses: Sequence[str] = (),
    names: Sequence[str] = (),
    lifetime: timedelta = NODE_LIFETIME,
) -> CertificateAndKey:
    """Issue a certificate with a new key of the authority's kind.

    Parameters
    ----------
    usage
        ``server``, ``client`` or ``both``: exactly these extended key usages (apid refuses a client certificate
        whose usage is not exactly client).
    organizations
        Subject organizations; on the Talos API these are the roles of the client.
    addresses, names
        Subject alternative names: IP addresses and DNS names.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.x509.oid import ExtendedKeyUsageOID

    ca_key = load_key(authority.key)
    ca = load_certificate(authority.certificate)
    kind: KeyKind = "ed25519" if isinstance(ca_key, ed25519.Ed25519PrivateKey) else "ecdsa"
    if not isinstance(ca_key, (ed25519.Ed25519PrivateKey, ec.EllipticCurvePrivateKey)):
        kind = "rsa"
    key = new_key(kind)
    now = datetime.now(UTC)
    usages = {
        "server": [ExtendedKeyUsageOID.SERVER_AUTH],
        "client": [ExtendedKeyUsageOID.CLIENT_AUTH],
        "both": [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH],
    }[usage]
    alternative: list[x509.GeneralName] = [
        x509.IPAddress(ipaddress.ip_address(a)) for a in dict.fromkeys(addresses)
    ]
    alternative += [x509.DNSName(name) for name in dict.fromkeys(names)]
    builder = (
        x509.CertificateBuilder()
        .subject_name(_subject(organizations, common_name))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(os.urandom(16), "big") >> 1)
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + lifetime)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(sign_certificates=False, encipher=kind == "rsa"), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(_authority_key_identifier(ca), critical=False)
    )
    if alternative:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternative), critical=False)
    certificate = builder.sign(ca_key, _signature_hash(ca_key))
    return CertificateAndKey(
        _pem(certificate), key_pem(key, name=f"key of {common_name or ','.join(organizations)}")
    )


def self_signed(
    common_name: str, *, addresses: Sequence[str] = (), names: Sequence[str] = ()
) -> CertificateAndKey:
    """Make a server certificate that nobody vouches for, as a machine in maintenance mode shows."""
    return issue(
        new_authority("ed25519", common_name="maintenance"),
        usage="server",
        common_name=common_name,
        addresses=addresses,
        names=names,
    )


def _authority_key_identifier(ca: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    from cryptography import x509

    try:
        key_id = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.public_key())  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier(key_id, None, None)


def organizations(certificate: x509.Certificate) -> list[str]:
    """Give the subject's organizations (the roles, on the Talos API)."""
    from cryptography.x509.oid import NameOID

    return [str(part.value) for part in certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]


def extended_usages(certificate: x509.Certificate) -> list[str]:
    """Give the extended key usages as dotted numbers."""
    from cryptography import x509

    try:
        return [
            usage.dotted_string
            for usage in certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        ]
    except x509.ExtensionNotFound:
        return []
