"""Starts a program whose disk can be made to stall, without root: its synchronous writes wait until they are let go.

    python disk_stall.py PROGRAM ARGUMENT...

The program's fsync and fdatasync calls are reported to this process by the kernel (seccomp user notification, Linux 5.5
and later) and wait for its answer. Normally that comes at once; after SIGUSR1 it does not come until SIGUSR2. Nothing
else of the program is touched: this is what a disk that stops answering looks like to it.
"""

from __future__ import annotations

import array
import ctypes
import os
import platform
import select
import signal
import socket
import struct
import sys

SYSTEM_CALLS = {"x86_64": (0xC000003E, 317, 74, 75), "aarch64": (0xC00000B7, 277, 82, 83)}
"""Of each machine: the kernel's name for it (AUDIT_ARCH), and the numbers of seccomp, fsync and fdatasync."""
_ALLOW, _NOTIFY = 0x7FFF0000, 0x7FC00000
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_DIE_WITH_PARENT, _NO_NEW_PRIVILEGES, _SET_FILTER, _NEW_LISTENER = 1, 38, 1, 1 << 3
_CONTINUE = 1
_NOTICE_BYTES, _LOAD, _EQUAL, _RETURN = 80, 0x20, 0x15, 0x06


def possible() -> bool:
    """Whether this machine's kernel can do it."""
    if not sys.platform.startswith("linux") or platform.machine() not in SYSTEM_CALLS:
        return False
    numbers = platform.release().split("-")[0].split(".")[:2]
    return tuple(int(n) for n in numbers) >= (5, 5)


def command(program: list[str]) -> list[str]:
    """The command line that starts a program so."""
    return [sys.executable, __file__, *program]


def _filter() -> ctypes.Array[ctypes.c_char]:
    """The kernel's program: synchronous writes are reported, everything else passes."""
    architecture, _, fsync, fdatasync = SYSTEM_CALLS[platform.machine()]
    steps = [
        (_LOAD, 0, 0, 4),  # the machine that the call is made for
        (_EQUAL, 0, 3, architecture),
        (_LOAD, 0, 0, 0),  # the number of the call
        (_EQUAL, 2, 0, fsync),
        (_EQUAL, 1, 0, fdatasync),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _NOTIFY),
    ]
    return ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))


def _listener() -> int:
    """Puts the filter on this process and what it starts; gives the file on which calls are reported."""
    libc = ctypes.CDLL(None, use_errno=True)
    code = _filter()
    program = struct.pack("HL", (len(code) - 1) // 8, ctypes.addressof(code))
    holder = ctypes.create_string_buffer(program)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    number = SYSTEM_CALLS[platform.machine()][1]
    found = int(libc.syscall(number, _SET_FILTER, _NEW_LISTENER, ctypes.byref(holder)))
    if found < 0:
        error = ctypes.get_errno()
        sys.exit(f"disk_stall: the kernel does not report calls here: {os.strerror(error)}")
    return found


def _become(program: list[str], sender: socket.socket, parent: int) -> None:
    """In the child: hands the listener over, and becomes the program; it is killed when its parent dies."""
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(127)
    descriptor = _listener()
    sender.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))])
    os.close(descriptor)
    sender.close()
    os.execv(program[0], program)


class _Disk:
    """Lets reported calls go on at once, or holds them."""

    def __init__(self, listener: int) -> None:
        self.listener = listener
        self.stalled = False
        self.held: list[int] = []
        self._libc = ctypes.CDLL(None, use_errno=True)

    def stall(self, *_: object) -> None:
        self.stalled = True

    def release(self, *_: object) -> None:
        self.stalled = False
        held, self.held = self.held, []
        for call in held:
            self._go_on(call)

    def take(self) -> None:
        """Takes one reported call; its caller may be gone meanwhile."""
        notice = ctypes.create_string_buffer(_NOTICE_BYTES)
        if self._libc.ioctl(self.listener, ctypes.c_ulong(_RECEIVE), notice) != 0:
            return
        (call,) = struct.unpack_from("Q", notice)
        if self.stalled:
            self.held.append(call)
        else:
            self._go_on(call)

    def _go_on(self, call: int) -> None:
        answer = ctypes.create_string_buffer(struct.pack("QqiI", call, 0, 0, _CONTINUE))
        self._libc.ioctl(self.listener, ctypes.c_ulong(_SEND), answer)


def main() -> None:
    """Runs the program that the arguments name until it ends, and ends with its status."""
    receiver, sender = socket.socketpair()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        receiver.close()
        _become(sys.argv[1:], sender, parent)
    sender.close()
    _, handed, _, _ = receiver.recvmsg(1, socket.CMSG_SPACE(4))
    if not handed:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    disk = _Disk(struct.unpack("i", handed[0][2][:4])[0])
    signal.signal(signal.SIGUSR1, disk.stall)
    signal.signal(signal.SIGUSR2, disk.release)
    poll = select.poll()
    poll.register(disk.listener, select.POLLIN)
    while True:
        events = poll.poll()
        if any(event & select.POLLIN for _, event in events):
            disk.take()
        elif events:  # hung up: the program has ended
            break
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    main()
