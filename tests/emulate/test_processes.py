from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from meshlab.emulate.processes.processes import ProcessTable, clean, leftovers
from needs import lacking
from own_time import PATIENCE_S

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
]


def eventually(condition, deadline_s: float = PATIENCE_S) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.01)


async def up(log: Path) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while "up" not in log.read_text():  # noqa: ASYNC110 (another process writes it)
            await asyncio.sleep(0.01)


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_killed_process_is_gone_and_off_the_register(tmp_path: Path) -> None:
    async def scenario() -> None:
        table = ProcessTable(tmp_path)
        child = await table.spawn("sleeper", SLEEPER, log=tmp_path / "log")
        assert [left.pid for left in leftovers(tmp_path)] == [child.pid]
        await table.kill("sleeper")
        assert child.returncode == -signal.SIGKILL
        assert leftovers(tmp_path) == []
        assert table.running() == []

    asyncio.run(scenario())


def test_a_process_that_ignores_sigterm_is_killed_after_its_grace(tmp_path: Path) -> None:
    async def scenario() -> None:
        table = ProcessTable(tmp_path)
        child = await table.spawn("stubborn", STUBBORN, log=tmp_path / "log")
        await up(tmp_path / "log")
        await table.terminate("stubborn", grace_s=0.2)
        assert child.returncode == -signal.SIGKILL

    asyncio.run(scenario())


def test_a_paused_process_stands_still_until_resumed(tmp_path: Path) -> None:
    async def scenario() -> None:
        table = ProcessTable(tmp_path)
        child = await table.spawn("sleeper", SLEEPER, log=tmp_path / "log")
        await table.pause("sleeper")
        eventually(lambda: psutil.Process(child.pid).status() == psutil.STATUS_STOPPED)
        assert child.running
        await table.resume("sleeper")
        eventually(lambda: psutil.Process(child.pid).status() != psutil.STATUS_STOPPED)
        await table.close()

    asyncio.run(scenario())


def test_a_paused_process_can_be_terminated_in_order(tmp_path: Path) -> None:
    async def scenario() -> None:
        table = ProcessTable(tmp_path)
        child = await table.spawn("sleeper", SLEEPER, log=tmp_path / "log")
        await table.pause("sleeper")
        await table.terminate("sleeper")
        assert child.returncode == -signal.SIGTERM

    asyncio.run(scenario())


def test_one_name_runs_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        table = ProcessTable(tmp_path)
        await table.spawn("sleeper", SLEEPER, log=tmp_path / "log")
        with pytest.raises(RuntimeError, match="sleeper already runs"):
            await table.spawn("sleeper", SLEEPER, log=tmp_path / "log")
        await table.close()

    asyncio.run(scenario())


def test_a_start_that_is_cancelled_leaves_no_process_outside_the_table(tmp_path: Path) -> None:
    async def scenario() -> None:
        table = ProcessTable(tmp_path)
        starting = asyncio.create_task(table.spawn("sleeper", SLEEPER, log=tmp_path / "log"))
        await asyncio.sleep(0)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        async with asyncio.timeout(PATIENCE_S):
            while not table.running():  # noqa: ASYNC110 (the start goes on by itself)
                await asyncio.sleep(0.01)
        await table.close()
        assert leftovers(tmp_path) == []

    asyncio.run(scenario())


def test_the_owner_is_told_of_start_and_end(tmp_path: Path) -> None:
    class Owners:
        def __init__(self) -> None:
            self.owned: dict[int, str] = {}

        def own(self, pid: int, machine: str) -> None:
            self.owned[pid] = machine

        def disown(self, pid: int) -> None:
            self.owned.pop(pid)

    async def scenario() -> None:
        owners = Owners()
        table = ProcessTable(tmp_path, owners)
        child = await table.spawn("sleeper", SLEEPER, log=tmp_path / "log", machine="master-1")
        assert owners.owned == {child.pid: "master-1"}
        assert table.running("master-2") == []
        await table.close()
        assert owners.owned == {}

    asyncio.run(scenario())


SUPERVISOR = """
import asyncio, sys
from pathlib import Path
from meshlab.emulate.processes.processes import ProcessTable
async def main():
    table = ProcessTable(Path(sys.argv[1]))
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    child = await table.spawn("sleeper", sleeper, log=Path(sys.argv[1]) / "log")
    print(child.pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.mark.skipif(
    not sys.platform.startswith("linux"),
    reason=lacking("Linux", "only it tells a child of its parent's death"),
)
def test_the_kernel_kills_the_children_of_a_killed_supervisor(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as supervisor:
        assert supervisor.stdout is not None
        pid = int(supervisor.stdout.readline())
        assert not gone(pid)
        supervisor.kill()
    eventually(lambda: gone(pid))
    assert leftovers(tmp_path) == []


def test_what_an_earlier_supervisor_left_is_found_and_cleaned(tmp_path: Path) -> None:
    with subprocess.Popen(SLEEPER, process_group=0, stdout=subprocess.DEVNULL) as orphan:
        register = tmp_path / "processes"
        register.mkdir()
        started = psutil.Process(orphan.pid).create_time()
        record = {"name": "etcd-master-1", "pid": orphan.pid, "started": started, "machine": "master-1"}
        (register / "etcd-master-1.json").write_text(json.dumps(record))
        assert [left.name for left in clean(tmp_path)] == ["etcd-master-1"]
        assert gone(orphan.pid)
    assert list(register.iterdir()) == []


def test_a_reused_pid_is_left_alone(tmp_path: Path) -> None:
    register = tmp_path / "processes"
    register.mkdir()
    record = {"name": "etcd", "pid": os.getpid(), "started": 1.0, "machine": None}
    (register / "etcd.json").write_text(json.dumps(record))
    assert clean(tmp_path) == []
