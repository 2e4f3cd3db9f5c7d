"""Where a cluster address is served on this machine: the loopback rule of the embedded cluster.

A machine or pod of the emulated cluster keeps and publishes its cluster address (``10.a.b.c``); what listens
for it is bound to ``127.a.b.c``. Clients outside dial through this rule, so only endpoints differ from a real
cluster.
"""

from __future__ import annotations

import errno
import ipaddress
import secrets
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


_HIDDEN_PORTS = range(20_000, 32_768)
"""Below the ports that kernels hand to outgoing connections, so that none of those can be in the way."""
_given: set[tuple[str, int]] = set()


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port of ``host`` that nothing listens on now and that was not given before, for a hidden server.

    Raises
    ------
    OSError
        There is none.
    """
    for _ in range(1000):
        port = secrets.choice(_HIDDEN_PORTS)
        if (host, port) in _given:
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                raise
        _given.add((host, port))
        return port
    raise OSError(errno.EADDRINUSE, f"no free port on {host}")
