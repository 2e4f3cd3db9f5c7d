"""A small certificate authority for the tests of the Kubernetes stand-in."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from meshlab.emulate.kubernetes.server.apiserver import ServingTls, load_pair


@dataclass(frozen=True)
class Pair:
    certificate: bytes
    key: bytes


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


class Authority:
    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test-ca")])
        self.service_account_key = _pem(ec.generate_private_key(ec.SECP256R1()))
        certificate = self._builder(self._name, self._key, True, []).sign(self._key, hashes.SHA256())
        self.certificate = certificate.public_bytes(serialization.Encoding.PEM)

    def _builder(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, authority: bool, hosts: list[str]
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
        names: list[x509.GeneralName] = []
        for host in hosts:
            try:
                names.append(x509.IPAddress(ipaddress.ip_address(host)))
            except ValueError:
                names.append(x509.DNSName(host))
        return builder.add_extension(x509.SubjectAlternativeName(names), critical=False) if names else builder

    def issue(self, user: str, groups: tuple[str, ...] = (), hosts: tuple[str, ...] = ()) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, g) for g in groups]
        name = x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, user)])
        certificate = self._builder(name, key, False, list(hosts)).sign(self._key, hashes.SHA256())
        return Pair(certificate.public_bytes(serialization.Encoding.PEM), _pem(key))

    def serving(self, *hosts: str) -> ServingTls:
        pair = self.issue("kube-apiserver", hosts=("localhost", "127.0.0.1", *hosts))
        kubelet = self.issue("apiserver-kubelet-client", ("system:masters",))
        return ServingTls(
            pair.certificate,
            pair.key,
            self.certificate,
            self.service_account_key,
            kubelet.certificate,
            kubelet.key,
        )

    def client_context(
        self, user: str = "admin", groups: tuple[str, ...] = ("system:masters",)
    ) -> ssl.SSLContext:
        pair = self.issue(user, groups)
        context = ssl.create_default_context(cadata=self.certificate.decode())
        load_pair(context, pair.certificate, pair.key)
        return context


@cache
def authority() -> Authority:
    return Authority()
