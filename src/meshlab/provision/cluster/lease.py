"""Who may act: one runner at a time. A lock dies with its process, a lease ends a hung one, a fence stops both."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from pathlib import Path
from types import TracebackType

from meshlab.model import LiveError
from meshlab.provision.cluster.journal import Fenced, Journal, JournalError
from meshlab.provision.cluster.workspace import Workspace

LEASE_S = 10.0
GRACE_S = 0.3
"""How long a taken lock is tried again: a viewer that looks whether somebody holds it has it for microseconds."""


class Busy(LiveError):
    """Another runner is at work on this cluster."""


class Lease:
    """The right to act on one cluster, held while its `with` block runs.

    The lock file is released by the kernel when its process dies, so a killed runner leaves no stale lock. A
    runner that hangs (or is stopped) keeps the lock but not its lease: after `LEASE_S` seconds another may take
    over, and the fencing token of the journal stops the older one at its next row, before its next effect.
    """

    def __init__(self, workspace: Workspace, lease_s: float = LEASE_S) -> None:
        self._workspace = workspace
        self._lease_s = lease_s
        self._lock: int | None = None
        self._quit = threading.Event()
        self._beating: threading.Thread | None = None
        self.lost = threading.Event()
        self.journal: Journal

    def __enter__(self) -> Journal:
        descriptor = os.open(self._workspace.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        journal = Journal(self._workspace.journal)
        if not _try_lock(descriptor, GRACE_S):
            left = journal.lease_until - time.time()
            if left > 0:
                os.close(descriptor)
                journal.close()
                raise Busy(
                    f"another runner is at work on this cluster (its lease has {left:.0f} s left): attach to it instead"
                )
        self._lock = descriptor
        journal.fence = journal.raise_fence()
        journal.beat(self._lease_s)
        self.journal = journal
        self._beating = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._beating.start()
        return journal

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._quit.set()
        if self._beating:
            self._beating.join()
        if not self.lost.is_set():
            self.journal.drop_lease()
        self.journal.close()
        if self._lock is not None:
            os.close(self._lock)

    def _beat(self) -> None:
        while not self._quit.wait(self._lease_s / 4):
            try:
                self.journal.beat(self._lease_s)
            except Fenced:
                self.lost.set()
                return
            except JournalError:
                continue


def runner_alive(workspace: Workspace) -> bool:
    """Says whether some process holds the cluster's lock now."""
    return _locked(workspace.lock)


def _try_lock(descriptor: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        else:
            return True


def _locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
