"""KubeSpan's addresses and keys (facts: talos-omni-kubespan §3.1)."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from meshlab.live.secret import Secret

PURPOSE_KUBESPAN = 2
PURPOSE_SIDEROLINK = 3
PORT = 51820


def ula_prefix(cluster_id: str, purpose: int = PURPOSE_KUBESPAN) -> ipaddress.IPv6Network:
    """Give the /64 of a cluster: of the SHA-256 of the id's *text*, the last 16 bytes, with fixed bytes 0 and 7."""
    prefix = bytearray(hashlib.sha256(cluster_id.encode("ascii")).digest()[-16:])
    prefix[0] = 0xFD
    prefix[7] = purpose
    return ipaddress.IPv6Network((bytes(prefix[:8]) + bytes(8), 64))


def node_address(prefix: ipaddress.IPv6Network, mac: str) -> ipaddress.IPv6Address:
    """Give a machine's address in the prefix: the EUI-64 of the MAC of its first physical link."""
    octets = bytes(int(part, 16) for part in mac.split(":"))
    if len(octets) != 6:
        raise ValueError(f"{mac!r} is not a MAC address")
    eui = bytes([octets[0] ^ 0x02]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return ipaddress.IPv6Address(prefix.network_address.packed[:8] + eui)


@dataclass(frozen=True)
class KubeSpanIdentity:
    """Address and WireGuard keys of a machine; the key lives in STATE, the address is computed at each start."""

    address: ipaddress.IPv6Address
    subnet: ipaddress.IPv6Network
    private_key: Secret[str]
    public_key: str

    @classmethod
    def load_or_make(cls, key_file: Path, cluster_id: str, mac: str) -> KubeSpanIdentity:
        """Read the key from the STATE partition, or make one and store it there."""
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

        if not key_file.exists():
            key_file.touch(mode=0o600)
            key_file.write_text(base64.b64encode(X25519PrivateKey.generate().private_bytes_raw()).decode())
        text = key_file.read_text()
        key = X25519PrivateKey.from_private_bytes(base64.b64decode(text))
        subnet = ula_prefix(cluster_id)
        return cls(
            address=node_address(subnet, mac),
            subnet=subnet,
            private_key=Secret(text, name="KubeSpan private key"),
            public_key=base64.b64encode(key.public_key().public_bytes_raw()).decode(),
        )
