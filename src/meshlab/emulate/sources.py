"""Which process opened a local TCP connection, so that its traffic is attributed to the machine it plays."""

from __future__ import annotations

import os
import platform
import socket
import struct
from collections.abc import Iterable
from pathlib import Path

Address = tuple[str, int]


def owner_of(client: Address, server: Address, candidates: Iterable[int]) -> int | None:
    """The pid among ``candidates`` that holds the client end of a TCP connection; None when none does."""
    pids = list(candidates)
    if not pids:
        return None
    if platform.system() == "Linux":
        return _owner_by_inode(client, server, pids)
    return _owner_by_psutil(client, server, pids)


def _owner_by_inode(client: Address, server: Address, pids: list[int]) -> int | None:
    inode = _inode(client, server)
    if inode is None:
        return None
    wanted = f"socket:[{inode}]"
    for pid in pids:
        try:
            with os.scandir(f"/proc/{pid}/fd") as entries:
                for entry in entries:
                    if _target(entry.path) == wanted:
                        return pid
        except OSError:
            continue
    return None


def _target(path: str) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115 (hot path)
    except OSError:
        return ""


def _inode(client: Address, server: Address) -> str | None:
    """The inode of the client's socket, from the kernel's table (addresses as little-endian hex)."""
    wanted = f" {_hex(client)} {_hex(server)} "
    with Path("/proc/net/tcp").open(encoding="ascii") as table:
        for line in table:
            if wanted in line:
                return line.split()[9]
    return None


def _hex(address: Address) -> str:
    packed = struct.unpack("=I", socket.inet_aton(address[0]))[0]
    return f"{packed:08X}:{address[1]:04X}"


def _owner_by_psutil(client: Address, server: Address, pids: list[int]) -> int | None:
    import psutil

    for pid in pids:
        try:
            for connection in psutil.Process(pid).net_connections(kind="tcp4"):
                if tuple(connection.laddr) == client and tuple(connection.raddr) == server:
                    return pid
        except psutil.Error:
            continue
    return None
