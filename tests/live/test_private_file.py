"""Files with secrets: for their owner only, whole or not at all, and never in place of a folder or through a link."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from meshlab.commands.bringup.credentials import write_kubeconfig
from meshlab.live import private_file
from meshlab.live.secret import Secret
from meshlab.live.target import Target
from meshlab.model.errors import InputError
from meshlab.provision.cluster.connections import KUBECONFIG
from meshlab.provision.cluster.strongbox import Strongbox
from meshlab.provision.cluster.workspace import Workspace


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_and_one_in_place_of_another_are_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    for text in ("first", "second"):
        private_file.write(path, text)
        assert (path.read_text(), mode(path)) == (text, 0o600)
        path.chmod(0o644)
    assert [found.name for found in tmp_path.iterdir()] == ["secret"]


def test_a_folder_keeps_its_rights_and_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o755)
    with pytest.raises(InputError, match="this is a folder"):
        private_file.write(folder, "x")
    assert mode(folder) == 0o755
    assert not list(folder.iterdir())


def test_a_link_is_replaced_and_what_it_leads_to_is_left(tmp_path: Path) -> None:
    other = tmp_path / "bashrc"
    other.write_text("mine")
    other.chmod(0o644)
    (tmp_path / "secret").symlink_to(other)
    private_file.write(tmp_path / "secret", "x")
    assert (other.read_text(), mode(other)) == ("mine", 0o644)
    assert not (tmp_path / "secret").is_symlink() and mode(tmp_path / "secret") == 0o600


def test_a_link_to_a_folder_is_replaced_too(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o755)
    (tmp_path / "secret").symlink_to(tmp_path / "home")
    private_file.write(tmp_path / "secret", "x")
    assert mode(tmp_path / "home") == 0o755 and (tmp_path / "secret").read_text() == "x"


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="no ordinary file"):
        private_file.write(tmp_path / "pipe", "x")


def test_what_cannot_be_written_is_said_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere/secret: this cannot be written: No such file"):
        private_file.write(tmp_path / "nowhere" / "secret", "x")


def test_a_kubeconfig_is_written_to_a_file_and_never_over_a_folder(tmp_path: Path) -> None:
    target = Target.for_loopback(tmp_path / "state")
    workspace = Workspace.of(target, "hybrid")
    text = "clusters: [{name: c, cluster: {server: 'https://10.20.1.11:6443'}}]"
    Strongbox(workspace.strongbox, workspace.strongbox_key).put(KUBECONFIG, Secret(text))
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    with pytest.raises(InputError, match="this is a folder"):
        write_kubeconfig(target, "hybrid", home, "10.20.1.11")
    assert mode(home) == 0o755
    write_kubeconfig(target, "hybrid", home / "kubeconfig", "10.20.1.11")
    assert mode(home / "kubeconfig") == 0o600
    assert "https://127.20.1.11:6443" in (home / "kubeconfig").read_text()
