"""Up and down, from the outside: start a supervisor of its own, end it, and clean up after one that was killed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from meshlab.emulate import own_loopback
from meshlab.emulate.control import CONTROL, Control, NotUp
from meshlab.emulate.network.addresses import loopback
from meshlab.live.target import Target, state_root
from meshlab.model import LiveError, MeshlabError, Topology
from meshlab.model.spec import load

SUPERVISOR = "supervisor.json"
MADE_HERE = "made-by-meshlab-emulate-up"
"""In a state directory: says that ``up`` made it, so that ``down`` may remove it."""
TALOS_PORT = 50000
Progress = Callable[[str], None]


def state_dir() -> Path:
    """Gives where the embedded cluster of this user keeps its state."""
    return state_root() / "embedded"


def up(
    spec: Path, *, state: Path | None = None, progress: Progress | None = None, deadline: float = 300.0
) -> Target:
    """Starts the embedded world of a spec and waits until everything in it listens.

    What an earlier, killed supervisor left is cleaned up first. The world is what a customer has before
    bring-up: an empty AWS account, racked machines in maintenance mode, Omni and discovery.

    Raises
    ------
    MeshlabError
        One is up or being started already, the state directory holds what is none of ours, or this machine lacks the
        loopback addresses; the message says how to get them.
    LiveError
        It did not come up; the message holds the end of its log, and nothing is left behind.
    """
    folder = state or state_dir()
    with _starting(folder):
        return _up(folder, spec, progress or (lambda _: None), deadline)


def _up(folder: Path, spec: Path, progress: Progress, deadline: float) -> Target:
    if supervisor_pid(folder) is not None:
        raise MeshlabError(
            "an embedded cluster is up already; see `meshlab emulate status`, end it with `meshlab emulate down`"
        )
    clean(folder)
    topology = load(spec)
    own_loopback.insist(own_loopback.needed(topology))
    _insist_on_free_addresses(topology)
    _make(folder)
    log = folder / "supervisor.log"
    argv = [sys.executable, "-P", "-m", "meshlab.emulate.supervisor", str(folder), str(spec.resolve())]
    with log.open("ab") as output:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, cwd=folder
        )
    _register(folder, process.pid)
    # Reaped when it ends, whether or not this process still looks at it by then.
    threading.Thread(target=process.wait, name="reap-supervisor", daemon=True).start()
    try:
        _await_ready(folder, process, progress, time.monotonic() + deadline)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()
        text = log.read_text(errors="replace")[-2000:] if log.exists() else ""
        clean(folder)
        if sys.exc_info()[0] is KeyboardInterrupt:
            raise
        raise LiveError(f"the embedded cluster did not come up:\n{text.strip()}") from None
    return Target.embedded(folder)


@contextlib.contextmanager
def _starting(folder: Path) -> Iterator[None]:
    """Keeps a second ``up`` out of the same state directory meanwhile; the lock goes with the process.

    Raises
    ------
    MeshlabError
        Another one is at work there.
    """
    import fcntl

    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(folder.with_name(f".{folder.name}.starting"), flags, 0o600), "rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MeshlabError(
                f"another `meshlab emulate up` is at work in {folder}: wait until it is done, or end it"
            ) from None
        yield


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / MADE_HERE).write_text("meshlab emulate up made this folder; meshlab emulate down removes it.\n")


def _insist_it_is_ours(folder: Path) -> None:
    """Refuses a folder that no ``up`` made: it is somebody's own, and would be removed.

    Raises
    ------
    MeshlabError
        It is one.
    """
    ours = not folder.is_symlink() and folder.is_dir() and folder.stat().st_uid == os.geteuid()
    if not ours or (any(folder.iterdir()) and not _is_ours(folder)):
        raise MeshlabError(
            f"{folder} was not made by `meshlab emulate up`, so it is left as it is: choose another place by "
            "MESHLAB_STATE, or remove it yourself if nothing in it is yours"
        )


def _is_ours(folder: Path) -> bool:
    mark = folder / MADE_HERE
    return mark.is_file() and not mark.is_symlink()


def _insist_on_free_addresses(topology: Topology) -> None:
    """Refuses at once where another program serves the addresses of these machines.

    Raises
    ------
    MeshlabError
        One of them is taken; most likely by another embedded cluster.
    """
    for machine in topology.machines:
        if not machine.address.startswith("10."):
            continue  # the world refuses it, and says why
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((loopback(machine.address), TALOS_PORT))
            except OSError as error:
                raise MeshlabError(
                    f"{loopback(machine.address)}:{TALOS_PORT}, where {machine.name} would be, is not to be had "
                    f"({error.strerror}); another embedded cluster may be up: end it with `meshlab emulate down` "
                    "(with its MESHLAB_STATE)"
                ) from None


def _register(folder: Path, pid: int) -> None:
    import psutil

    record = {"pid": pid, "started": psutil.Process(pid).create_time()}
    (folder / SUPERVISOR).write_text(json.dumps(record))


def _await_ready(folder: Path, process: subprocess.Popen[bytes], progress: Progress, deadline: float) -> None:
    said = ""
    while not (folder / "target.json").exists():
        if process.poll() is not None:
            raise LiveError(f"the supervisor ended with status {process.returncode}")
        if time.monotonic() > deadline:
            raise LiveError("the supervisor took too long")
        with contextlib.suppress(OSError):
            now = (folder / "progress").read_text().strip()
            if now and now != said:
                progress(now)
                said = now
        time.sleep(0.05)


def supervisor_pid(folder: Path) -> int | None:
    """Gives the pid of the supervisor that runs in a state directory; None where none does."""
    import psutil

    try:
        record = json.loads((folder / SUPERVISOR).read_text())
        process = psutil.Process(int(record["pid"]))
        same = abs(process.create_time() - float(record["started"])) < 1.0
        return process.pid if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (OSError, ValueError, KeyError, psutil.Error):
        return None


def status(state: Path | None = None) -> dict[str, Any]:
    """Gives what the supervisor says of its world."""
    return Control.of(state or state_dir()).call("/status")


def down(state: Path | None = None, *, deadline: float = 30.0) -> bool:
    """Ends the embedded cluster and removes everything of it; whether there was anything to end.

    Works also when its supervisor was killed: what is registered as its process is ended too.

    Raises
    ------
    MeshlabError
        The state directory is not one that ``up`` made: nothing of it is touched.
    """
    folder = state or state_dir()
    if not folder.exists():
        return False
    _insist_it_is_ours(folder)
    pid = supervisor_pid(folder)
    if pid is not None:
        with contextlib.suppress(NotUp, MeshlabError):
            Control.of(folder).call("/down", {}, timeout=deadline)
        _await_end(pid, deadline)
    clean(folder)
    return True


def _await_end(pid: int, deadline: float) -> None:
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        try:
            process.wait(deadline)
        except psutil.TimeoutExpired:
            os.kill(pid, signal.SIGKILL)
            process.wait(10.0)


def clean(folder: Path) -> None:
    """Ends what a dead supervisor left running and removes its state directory.

    Raises
    ------
    MeshlabError
        The directory is not one that ``up`` made: nothing of it is touched.
    """
    from meshlab.emulate.processes import processes

    if not folder.exists():
        return
    _insist_it_is_ours(folder)
    pid = supervisor_pid(folder)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
        _await_end(pid, 10.0)
    _end_runners(folder)
    processes.clean(folder)
    (folder / CONTROL).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def _end_runners(folder: Path) -> None:
    """Ends provisioning runners that still work on this embedded cluster: their world is gone."""
    import psutil

    for process in psutil.process_iter(["cmdline"]):
        argv = process.info["cmdline"] or []
        if "meshlab.provision.run.runner" in argv and any(
            f"{folder}{os.sep}" in part + os.sep for part in argv
        ):
            with contextlib.suppress(psutil.Error):
                process.kill()
                process.wait(10.0)
