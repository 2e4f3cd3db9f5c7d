"""The child processes of an embedded cluster: started, signalled, and never left behind.

Three nets catch a child when its supervisor goes away: an orderly stop; on Linux the kernel, which kills the
child as soon as the thread that started it dies (``PR_SET_PDEATHSIG``); and on any system a register on disk
(pid and start time), from which a later ``up`` or ``down`` cleans up.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_REGISTER = "processes"
_START_TOLERANCE_S = 1.0
"""Start times of one process read twice may differ by rounding (macOS: whole seconds)."""


class Ownership(Protocol):
    """Who is told which process runs on which machine (the fabric)."""

    def own(self, pid: int, machine: str) -> None: ...

    def disown(self, pid: int) -> None: ...


@dataclass(frozen=True)
class Leftover:
    """A registered process of an earlier supervisor that still runs."""

    name: str
    pid: int
    started: float
    machine: str | None


class Child:
    """One running (or ended) child process."""

    def __init__(
        self, name: str, process: asyncio.subprocess.Process, log: Path, machine: str | None
    ) -> None:
        self.name = name
        self.log = log
        self.machine = machine
        self._process = process
        self._ended = asyncio.Event()

    @property
    def pid(self) -> int:
        """Process id; also the id of its process group."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Exit status; negative for a signal, None while it runs."""
        return self._process.returncode if self._ended.is_set() else None

    @property
    def running(self) -> bool:
        """Whether it has not ended (a paused process is running)."""
        return not self._ended.is_set()

    async def wait(self) -> int:
        """Waits for the end and gives the exit status."""
        await self._ended.wait()
        code = self._process.returncode
        assert code is not None
        return code

    def __repr__(self) -> str:
        state = "running" if self.running else f"ended {self.returncode}"
        return f"<Child {self.name} pid {self.pid} {state}>"


def _parent_death_signal() -> Callable[[], None] | None:
    """A function for the forked child, so that the kernel kills it when its parent is gone (Linux only)."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()
    set_pdeathsig = 1

    def arm() -> None:
        prctl(set_pdeathsig, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the signal was armed
            os._exit(127)

    return arm


def _start_time(pid: int) -> float | None:
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return float(process.create_time())
    except psutil.Error:
        return None


def _signal_group(pid: int, signum: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signum)


class ProcessTable:
    """All child processes of one embedded cluster, by name.

    Parameters
    ----------
    state_dir
        Directory of the cluster; the register is kept in its ``processes`` folder.
    ownership
        Told which pid belongs to which machine, so that traffic is attributed to its source.
    """

    def __init__(self, state_dir: Path, ownership: Ownership | None = None) -> None:
        self._register = state_dir / _REGISTER
        self._register.mkdir(parents=True, exist_ok=True)
        self._ownership = ownership
        self._children: dict[str, Child] = {}
        self._starting: set[str] = set()
        self._watchers: set[asyncio.Task[None]] = set()

    async def spawn(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        log: Path,
        machine: str | None = None,
        cwd: Path | None = None,
    ) -> Child:
        """Starts a program in a process group of its own; output is appended to ``log``.

        Parameters
        ----------
        env
            The whole environment of the child; None gives it this process's.

        Raises
        ------
        RuntimeError
            A process of that name still runs.
        OSError
            The program cannot be started.
        """
        # shielded: a caller that is cancelled must not lose a child between its start and its entry
        return await asyncio.shield(self._spawn(name, argv, env, log, machine, cwd))

    async def _spawn(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str] | None,
        log: Path,
        machine: str | None,
        cwd: Path | None,
    ) -> Child:
        if name in self._starting or self._running(name) is not None:
            raise RuntimeError(f"process {name} already runs")
        self._starting.add(name)
        try:
            return await self._started(name, argv, env, log, machine, cwd)
        finally:
            self._starting.discard(name)

    async def _started(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str] | None,
        log: Path,
        machine: str | None,
        cwd: Path | None,
    ) -> Child:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=None if env is None else dict(env),
                cwd=cwd,
                process_group=0,
                preexec_fn=_parent_death_signal(),
            )
        if self._ownership is not None and machine is not None:
            self._ownership.own(process.pid, machine)
        child = Child(name, process, log, machine)
        self._children[name] = child
        self._enter(child)
        watcher = asyncio.create_task(self._watch(child), name=f"end of {name}")
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)
        return child

    def _entry(self, name: str) -> Path:
        return self._register / f"{name.replace('/', '_')}.json"

    def _enter(self, child: Child) -> None:
        record = {
            "name": child.name,
            "pid": child.pid,
            "started": _start_time(child.pid),
            "machine": child.machine,
        }
        entry = self._entry(child.name)
        fresh = entry.with_suffix(".new")
        fresh.write_text(json.dumps(record))
        fresh.replace(entry)

    async def _watch(self, child: Child) -> None:
        await child._process.wait()
        if self._ownership is not None:
            self._ownership.disown(child.pid)
        if self._children.get(child.name) is child:
            self._entry(child.name).unlink(missing_ok=True)
        child._ended.set()

    def get(self, name: str) -> Child | None:
        """The latest process of that name, running or ended; None when there never was one."""
        return self._children.get(name)

    def running(self, machine: str | None = None) -> list[Child]:
        """The running processes (of one machine), by name."""
        found = [c for c in self._children.values() if c.running and machine in (None, c.machine)]
        return sorted(found, key=lambda child: child.name)

    def _running(self, name: str) -> Child | None:
        child = self._children.get(name)
        return child if child is not None and child.running else None

    async def kill(self, name: str) -> None:
        """Ends a process and its group at once (SIGKILL) and waits until it is gone; if it runs at all."""
        child = self._running(name)
        if child is None:
            return
        _signal_group(child.pid, signal.SIGKILL)
        await child.wait()

    async def terminate(self, name: str, grace_s: float = 10.0) -> None:
        """Asks a process to end (SIGTERM), kills it after ``grace_s`` seconds, and waits until it is gone."""
        child = self._running(name)
        if child is None:
            return
        _signal_group(child.pid, signal.SIGCONT)
        _signal_group(child.pid, signal.SIGTERM)
        try:
            await asyncio.wait_for(child.wait(), grace_s)
        except TimeoutError:
            await self.kill(name)

    async def pause(self, name: str) -> None:
        """Stops a process where it stands (SIGSTOP): its sockets stay open and silent."""
        self._send(name, signal.SIGSTOP)

    async def resume(self, name: str) -> None:
        """Lets a paused process go on (SIGCONT)."""
        self._send(name, signal.SIGCONT)

    def _send(self, name: str, signum: int) -> None:
        child = self._running(name)
        if child is None:
            raise RuntimeError(f"process {name} does not run")
        _signal_group(child.pid, signum)

    async def close(self, grace_s: float = 10.0) -> None:
        """Ends every process; all are asked at once, and killed after ``grace_s`` seconds."""
        await asyncio.gather(*(self.terminate(child.name, grace_s) for child in self.running()))
        await asyncio.gather(*self._watchers)


def leftovers(state_dir: Path) -> list[Leftover]:
    """Registered processes that still run: same pid *and* start time, for a reused pid is none of ours."""
    found = []
    for entry in sorted((state_dir / _REGISTER).glob("*.json")):
        try:
            record = json.loads(entry.read_text())
            pid, started = int(record["pid"]), record["started"]
            name, machine = str(record["name"]), record["machine"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        now = _start_time(pid)
        if started is not None and now is not None and abs(now - started) <= _START_TOLERANCE_S:
            found.append(Leftover(name, pid, started, machine))
    return found


def clean(state_dir: Path) -> list[Leftover]:
    """Kills what an earlier supervisor left running and empties the register; gives what was killed."""
    found = leftovers(state_dir)
    for leftover in found:
        _signal_group(leftover.pid, signal.SIGKILL)
    _await_end([leftover.pid for leftover in found])
    for entry in (state_dir / _REGISTER).glob("*.json"):
        entry.unlink(missing_ok=True)
    return found


def _await_end(pids: Sequence[int], deadline_s: float = 10.0) -> None:
    import psutil

    processes = []
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            processes.append(psutil.Process(pid))
    _, alive = psutil.wait_procs(processes, timeout=deadline_s)
    zombies = {p.pid for p in alive if _start_time(p.pid) is None}
    stuck = sorted(p.pid for p in alive if p.pid not in zombies)
    if stuck:
        raise RuntimeError(f"processes {stuck} did not end within {deadline_s:g} s of SIGKILL")
