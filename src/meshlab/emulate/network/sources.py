"""Who opened a local TCP connection: which user, and which process, whose traffic is that of the machine it plays."""

from __future__ import annotations

import errno
import functools
import os
import platform
import socket
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

Address = tuple[str, int]


class CannotTell(Exception):
    """This system does not say whose a connection is."""


def user_of(client: Address, server: Address) -> int | None:
    """The user who holds the client end of a TCP connection; None when no process holds it any more.

    Raises
    ------
    CannotTell
        The system does not say.
    """
    if platform.system() != "Linux":
        raise CannotTell
    try:
        end = _client_end(client, server)
    except OSError:
        raise CannotTell from None
    # An end that was closed belongs to nobody, and the kernel calls that user 0.
    return None if end is None or end.inode == 0 else end.user


@functools.cache
def users_are_told() -> bool:
    """Whether this system says whose a local connection is: asked about a connection of our own."""
    try:
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.create_connection(server.getsockname()) as client,
        ):
            return user_of(client.getsockname(), server.getsockname()) == os.geteuid()
    except (CannotTell, OSError):
        return False


def opened_by_this_user(client: Address, server: Address) -> bool:
    """Whether a connection comes from a program of the user who runs this one; True where the system cannot tell."""
    try:
        return user_of(client, server) == os.geteuid()
    except CannotTell:
        return not users_are_told()


def owner_of(client: Address, server: Address, candidates: Iterable[int]) -> int | None:
    """The pid among ``candidates`` that holds the client end of a TCP connection; None when none does."""
    pids = list(candidates)
    if not pids:
        return None
    if platform.system() == "Linux":
        return _owner_by_inode(client, server, pids)
    return _owner_by_psutil(client, server, pids)


def _owner_by_inode(client: Address, server: Address, pids: list[int]) -> int | None:
    end = _client_end(client, server)
    if end is None:
        return None
    wanted = f"socket:[{end.inode}]"
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


class _End(NamedTuple):
    """One end of a connection, as the kernel knows it."""

    user: int
    inode: int


def _client_end(client: Address, server: Address) -> _End | None:
    """The client's end of a connection: asked of the kernel, or where that cannot be, looked up in its table."""
    try:
        return _asked(client, server)
    except (OSError, AttributeError, struct.error):
        return _listed(client, server)


_SOCK_DIAG_BY_FAMILY, _NLMSG_ERROR, _NETLINK_SOCK_DIAG = 20, 2, 4
_ANY_STATE, _NO_COOKIE = 0xFFFFFFFF, 0xFFFFFFFF
_LISTENING = 10


def _asked(client: Address, server: Address) -> _End | None:
    """Asks sock_diag(7) for one socket. Reading the table instead takes 10-60 ms on a machine of 3,000 sockets.

    The request is a netlink header and inet_diag_req_v2; of the answer, inet_diag_msg, the last two words are user and
    inode.
    """
    ends = struct.pack("!HH", client[1], server[1])
    ends += socket.inet_aton(client[0]).ljust(16, b"\0") + socket.inet_aton(server[0]).ljust(16, b"\0")
    body = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, _ANY_STATE)
    body += ends + struct.pack("=III", 0, _NO_COOKIE, _NO_COOKIE)
    header = struct.pack("=IHHII", 16 + len(body), _SOCK_DIAG_BY_FAMILY, 1, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(1.0)
        kernel.send(header + body)
        reply = kernel.recv(4096)
    if struct.unpack_from("=H", reply, 4)[0] == _NLMSG_ERROR:
        if struct.unpack_from("=i", reply, 16)[0] == -errno.ENOENT:
            return None
        raise OSError("sock_diag refused")
    if reply[16 + 1] == _LISTENING:  # none is connected, but somebody listens where the client was
        return None
    return _End(*struct.unpack_from("=II", reply, 16 + 64))


def _listed(client: Address, server: Address) -> _End | None:
    """The end from the kernel's table (addresses as little-endian hex)."""
    wanted = f" {_hex(client)} {_hex(server)} "
    with Path("/proc/net/tcp").open(encoding="ascii") as table:
        for line in table:
            if wanted in line:
                words = line.split()
                return _End(int(words[7]), int(words[9]))
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
