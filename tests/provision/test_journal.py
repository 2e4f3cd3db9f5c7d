"""The journal keeps what it said it kept, and says so when it cannot."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from meshlab.live.secret import Secret
from meshlab.provision.cluster.journal import Fenced, Journal, JournalDamaged, JournalError
from meshlab.provision.cluster.lease import Busy, Lease, runner_alive
from meshlab.provision.cluster.records import Kind
from meshlab.provision.cluster.workspace import Workspace
from own_time import PATIENCE_S


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def writer(workspace: Workspace) -> Journal:
    journal = Journal(workspace.journal)
    journal.fence = journal.raise_fence()
    return journal


def test_a_torn_tail_loses_only_the_rows_that_were_never_acknowledged(
    workspace: Workspace, tmp_path: Path
) -> None:
    with writer(workspace) as journal:
        for number in range(8):
            journal.add("r", f"step-{number}", Kind.INTENT)
        wal = workspace.journal.with_name("journal.sqlite-wal")
        whole = wal.read_bytes()
        torn = tmp_path / "torn"
        for cut in (1, 100, 1500, 4000, len(whole) // 2):
            shutil.rmtree(torn, ignore_errors=True)
            torn.mkdir()
            shutil.copy(workspace.journal, torn / "journal.sqlite")
            (torn / "journal.sqlite-wal").write_bytes(whole[:-cut])
            with Journal(torn / "journal.sqlite") as left:
                left.check()
                steps = [record.step for record in left.records()]
            assert steps == [f"step-{n}" for n in range(len(steps))]
            assert len(steps) < 8


def test_an_altered_row_is_noticed(workspace: Workspace) -> None:
    with writer(workspace) as journal:
        journal.add("r", "vpc", Kind.RESULT, data={"vpc_id": "vpc-1"})
    with sqlite3.connect(workspace.journal) as db:
        db.execute('UPDATE records SET data = \'{"vpc_id":"vpc-2"}\'')
    db.close()
    with Journal(workspace.journal) as journal, pytest.raises(JournalDamaged, match="row 1"):
        journal.check()


def test_a_full_disk_is_an_error_before_the_effect(workspace: Workspace) -> None:
    """ENOSPC stands in as the file-size limit of a child process: the write fails, the row is not there."""
    code = f"""
import resource, signal, sys
from pathlib import Path
from meshlab.provision.cluster.journal import Journal, JournalError
from meshlab.provision.cluster.records import Kind
journal = Journal(Path({str(workspace.journal)!r}))
journal.fence = journal.raise_fence()
journal.add("r", "first", Kind.INTENT)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
size = Path({str(workspace.journal)!r} + "-wal").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, size + 100))
try:
    for _ in range(3):
        journal.add("r", "second", Kind.INTENT, "x" * 5000)
except JournalError as error:
    print(error)
    sys.stdout.flush()
    import os; os._exit(7)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    assert "cannot be written" in done.stdout
    with Journal(workspace.journal) as journal:
        journal.check()
        assert [record.step for record in journal.records()] == ["first"]


def test_an_older_runner_is_stopped_by_the_fence(workspace: Workspace) -> None:
    with writer(workspace) as older, writer(workspace) as newer:
        newer.add("r", "vpc", Kind.INTENT)
        with pytest.raises(Fenced, match="another runner"):
            older.add("r", "vpc", Kind.INTENT)
        assert len(newer.records()) == 1


def test_two_runners_at_once_are_refused(workspace: Workspace) -> None:
    with Lease(workspace), pytest.raises(Busy, match="attach"), Lease(workspace):
        pass


def test_a_runner_that_hangs_loses_its_lease_and_then_its_right_to_write(workspace: Workspace) -> None:
    code = f"""
import sys, time
from pathlib import Path
from meshlab.provision.cluster.lease import Lease
from meshlab.provision.cluster.workspace import Workspace
from meshlab.provision.cluster.records import Kind
from meshlab.provision.cluster.journal import Fenced
with Lease(Workspace(Path({str(workspace.directory)!r})), 0.6) as journal:
    print("held", flush=True)
    sys.stdin.readline()
    try:
        journal.add("r", "vpc", Kind.INTENT)
    except Fenced:
        print("fenced", flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as older:
        assert older.stdin and older.stdout
        assert older.stdout.readline() == "held\n"
        os.kill(older.pid, signal.SIGSTOP)
        assert runner_alive(workspace)
        with Journal(workspace.journal) as journal:
            deadline = time.monotonic() + PATIENCE_S
            while journal.lease_until > time.time():
                assert time.monotonic() < deadline
                time.sleep(0.05)
        with Lease(workspace) as newer:
            newer.add("r", "vpc", Kind.INTENT)
            os.kill(older.pid, signal.SIGCONT)
            older.stdin.write("\n")
            older.stdin.flush()
            assert older.stdout.readline() == "fenced\n"


def test_a_killed_runner_leaves_no_stale_lock(workspace: Workspace) -> None:
    code = f"""
import time
from pathlib import Path
from meshlab.provision.cluster.lease import Lease
from meshlab.provision.cluster.workspace import Workspace
with Lease(Workspace(Path({str(workspace.directory)!r})), 60):
    print("held", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as runner:
        assert runner.stdout and runner.stdout.readline() == "held\n"
        runner.kill()
    with Lease(workspace) as journal:
        journal.add("r", "vpc", Kind.INTENT)


def test_a_secret_cannot_be_journalled(workspace: Workspace) -> None:
    with writer(workspace) as journal:
        with pytest.raises(TypeError):
            journal.add("r", "init", Kind.RESULT, data={"root_token": Secret("s.123")})
        assert journal.records() == []


def test_what_was_irreversible_in_one_life_does_not_bind_the_next(workspace: Workspace) -> None:
    with writer(workspace) as journal:
        journal.add("r", "talos/bootstrap", Kind.RESULT)
        assert journal.ever("talos/bootstrap")
        journal.end_life()
        assert not journal.ever("talos/bootstrap")


def test_a_directory_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be opened"):
        Journal(tmp_path / "missing" / "journal.sqlite")
