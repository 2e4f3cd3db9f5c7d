"""Where a cluster address is served on this machine: the loopback rule of the embedded cluster.

A machine or pod of the emulated cluster keeps and publishes its cluster address (``10.a.b.c``); what listens
for it is bound to ``127.a.b.c``. Clients outside dial through this rule, so only endpoints differ from a real
cluster.
"""

from __future__ import annotations

import ipaddress
import socket


def _ipv4(address: str, first_octet: int, kind: str) -> ipaddress.IPv4Address:
    try:
        parsed = ipaddress.IPv4Address(address)
    except ValueError as error:
        raise ValueError(f"{address!r} is not an IPv4 address") from error
    if parsed.packed[0] != first_octet:
        raise ValueError(f"{address} is not a {kind} address ({first_octet}.0.0.0/8)")
    return parsed


def loopback(address: str) -> str:
    """The loopback address at which a cluster address is served.

    Raises
    ------
    ValueError
        The address is not an IPv4 address of 10.0.0.0/8.

    Examples
    --------
    >>> loopback("10.20.1.11")
    '127.20.1.11'
    """
    return "127" + str(_ipv4(address, 10, "cluster"))[2:]


def cluster_address(address: str) -> str:
    """The cluster address that a loopback address stands for; the inverse of :func:`loopback`.

    Raises
    ------
    ValueError
        The address is not an IPv4 address of 127.0.0.0/8.

    Examples
    --------
    >>> cluster_address("127.20.1.11")
    '10.20.1.11'
    """
    return "10" + str(_ipv4(address, 127, "loopback"))[3:]


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port of ``host`` that nothing listens on now, for a real server hidden behind the fabric.

    The port is taken from the kernel and released again; a server that needs certainty should bind port 0
    itself.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
