"""Cluster addresses that this test process alone uses, so that tests side by side never meet on a loopback address.

Only the notebooks' cluster stays where the reference spec has it; one test file brings that one up.
"""

from __future__ import annotations

import atexit
import errno
import functools
import socket

_SECOND_OCTETS = range(160, 250)
_EACH = 10
_LOCK_PORT = 1999


@functools.cache
def _first() -> int:
    """Second octet where the ten networks of this process begin; a bound socket keeps others out until it ends."""
    for first in range(_SECOND_OCTETS.start, _SECOND_OCTETS.stop, _EACH):
        lock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            lock.bind((f"127.{first}.255.254", _LOCK_PORT))
        except OSError as error:
            lock.close()
            if error.errno == errno.EADDRINUSE:
                continue
            return first  # no such loopback address on this system: nothing to keep apart
        atexit.register(lock.close)
        return first
    raise RuntimeError("nine test processes have addresses on this machine; wait until one of them has ended")


def network(number: int) -> str:
    """First two octets of one of this process's ten networks; who uses which:

    0 fabric, etcd, pods, vault, chains (a third octet each); 1 machines; 2 machines whose logs are read;
    3 kubernetes; 4 the door to its API; 5 up and down; 6, 7 and 8 the whole road.
    """
    assert 0 <= number < _EACH
    return f"10.{_first() + number}"


def dialled(network: str) -> str:
    """The loopback addresses at which a network is served, as its first two octets.

    Examples
    --------
    >>> dialled("10.160")
    '127.160'
    """
    return "127" + network.removeprefix("10")
