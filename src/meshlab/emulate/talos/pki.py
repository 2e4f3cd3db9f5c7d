"""Certificates a machine issues to itself from the authorities of its configuration."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from meshlab.emulate.network.addresses import loopback
from meshlab.live import yaml_text
from meshlab.live.secret import Secret
from meshlab.live.talos import pki
from meshlab.live.talos.pki import CertificateAndKey
from meshlab.live.talos.secrets_bundle import encode

if TYPE_CHECKING:
    from meshlab.emulate.etcd.member import TlsFiles
    from meshlab.emulate.talos.site import Host
    from meshlab.live.talos.config_view import ConfigView

MAINTENANCE_NAME = "maintenance-service.talos.dev"
YEAR = timedelta(days=365)


def addresses(machine: Host) -> list[str]:
    """Give the addresses a certificate of the machine must bear: the cluster's and the one it is served at."""
    own = [machine.hardware.address, loopback(machine.hardware.address)]
    return own + ([machine.hardware.external_address] if machine.hardware.external_address else [])


def names_and_addresses(entries: list[str]) -> tuple[list[str], list[str]]:
    """Split subject alternative names into DNS names and addresses."""
    import ipaddress

    names, found = [], []
    for entry in entries:
        try:
            found.append(str(ipaddress.ip_address(entry)))
        except ValueError:
            names.append(entry)
    return names, found


def maintenance_certificate(machine: Host) -> CertificateAndKey:
    """Make the self-signed certificate of a machine without configuration."""
    return pki.self_signed(MAINTENANCE_NAME, addresses=addresses(machine), names=[MAINTENANCE_NAME])


def api_certificate(machine: Host, authority: CertificateAndKey) -> CertificateAndKey:
    """Issue the server certificate of the Talos API, 24 h."""
    config = machine.config
    names, more = names_and_addresses(config.cert_sans if config is not None else [])
    return pki.issue(
        authority,
        usage="server",
        common_name=machine.hostname,
        addresses=[*addresses(machine), *more],
        names=[machine.hostname, *names],
    )


def write_files(directory: Path, authority: str, pair: CertificateAndKey) -> TlsFiles:
    """Write CA, certificate and key for a process that reads files (mode 0600, in a directory of mode 0700)."""
    from meshlab.emulate.etcd.member import TlsFiles

    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = TlsFiles(directory / "ca.crt", directory / "tls.crt", directory / "tls.key")
    for path, text in ((files.ca, authority), (files.cert, pair.certificate), (files.key, pair.key.reveal())):
        path.touch(mode=0o600)
        path.write_text(text)
    return files


def etcd_tls(machine: Host, directory: Path) -> TlsFiles:
    """Issue and write a certificate for the machine's etcd, for clients and peers alike.

    Raises
    ------
    ValueError
        The machine is no configured control plane.
    """
    authority = _authority(machine, "cluster.etcd.ca")
    pair = pki.issue(
        authority,
        usage="both",
        organizations=["etcd"],
        common_name=machine.hostname,
        addresses=[*addresses(machine), "127.0.0.1"],
        names=[machine.hostname, "localhost"],
        lifetime=YEAR,
    )
    return write_files(directory, authority.certificate, pair)


def kubernetes_certificate(
    machine: Host,
    common_name: str,
    organizations: list[str],
    usage: pki.Usage,
    *,
    names: tuple[str, ...] = (),
) -> CertificateAndKey:
    """Issue a certificate of the Kubernetes authority; only a control plane can."""
    return pki.issue(
        _authority(machine, "cluster.ca"),
        usage=usage,
        organizations=organizations,
        common_name=common_name,
        addresses=[*addresses(machine), "127.0.0.1"] if usage != "client" else [],
        names=names,
        lifetime=YEAR,
    )


def admin_kubeconfig(machine: Host) -> Secret[str]:
    """Write a kubeconfig of the group system:masters, valid for a year, for the cluster's endpoint."""
    config = _config(machine)
    authority = _authority(machine, "cluster.ca")
    pair = kubernetes_certificate(machine, "admin", ["system:masters"], "client")
    name = config.cluster_name
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": name,
                "cluster": {
                    "server": config.at("cluster.controlPlane.endpoint"),
                    "certificate-authority-data": encode(authority.certificate),
                },
            }
        ],
        "users": [
            {
                "name": f"admin@{name}",
                "user": {
                    "client-certificate-data": encode(pair.certificate),
                    "client-key-data": encode(pair.key),
                },
            }
        ],
        "contexts": [
            {
                "name": f"admin@{name}",
                "context": {"cluster": name, "namespace": "default", "user": f"admin@{name}"},
            }
        ],
        "current-context": f"admin@{name}",
    }
    return Secret(yaml_text.dump(document), name="kubeconfig")


def _config(machine: Host) -> ConfigView:
    if machine.config is None:
        raise ValueError(f"{machine.name} has no configuration")
    return machine.config


def _authority(machine: Host, path: str) -> CertificateAndKey:
    authority = _config(machine).authority(path)
    if authority is None:
        raise ValueError(f"{machine.name} does not hold the authority {path}")
    return authority
