"""A journal or strongbox that is damaged ends a command in a word of what is wrong."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from meshlab.live.secret import Secret
from meshlab.live.target import Target
from meshlab.model import InputError
from meshlab.provision.cluster.journal import Journal, JournalDamaged, JournalError
from meshlab.provision.cluster.strongbox import Strongbox, StrongboxError
from meshlab.provision.cluster.workspace import Workspace


@pytest.mark.parametrize("kept", [0, 10, 20, 36, 40, 63])
def test_a_strongbox_that_was_cut_off_says_so(kept: int, tmp_path: Path) -> None:
    box = Strongbox(tmp_path / "strongbox.bin", tmp_path / "strongbox.key")
    box.put("a", Secret(b"x"))
    (tmp_path / "strongbox.bin").write_bytes((tmp_path / "strongbox.bin").read_bytes()[:kept])
    with pytest.raises(StrongboxError, match=r"cut off|not a strongbox|does not open"):
        box.names()


def test_a_strongbox_or_key_that_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "strongbox.bin", 0o600)
    with pytest.raises(StrongboxError, match="is a pipe"):
        Strongbox(tmp_path / "strongbox.bin", tmp_path / "strongbox.key").names()
    (tmp_path / "strongbox.bin").unlink()
    os.mkfifo(tmp_path / "strongbox.key", 0o600)
    with pytest.raises(StrongboxError, match="no regular file"):
        Strongbox(tmp_path / "strongbox.bin", tmp_path / "strongbox.key").put("a", Secret(b"x"))


@pytest.mark.parametrize(
    ("name", "value"), [("life", "many"), ("life", "9" * 30), ("lease", "[" * 9_000), ("lease", "{}")]
)
def test_a_journal_whose_state_says_nonsense_is_called_damaged(name: str, value: str, tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal._set(name, value)
        with pytest.raises(JournalDamaged, match=f"says of its {name}"):
            journal.life() if name == "life" else journal.lease_until


def test_a_journal_with_an_unknown_outcome_is_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with Journal(path) as journal:
        journal.begin("run", "hash", "bring-up", 1)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE runs SET outcome = 'splendid'")
    database.close()
    with Journal(path, read_only=True) as journal, pytest.raises(JournalDamaged, match="splendid"):
        journal.runs()


def test_a_journal_that_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "journal.sqlite")
    with pytest.raises(JournalError, match="no regular file"):
        Journal(tmp_path / "journal.sqlite")


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    for directory in (Path("/dev/null/state"), tmp_path / ("x" * 300)):
        with pytest.raises(InputError, match="cannot be made"):
            Workspace.of(Target.for_loopback(directory), "small")
