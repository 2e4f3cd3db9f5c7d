"""The strongbox keeps secrets shut away, whole, and never overwrites one by accident."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshlab.live.secret import Secret
from meshlab.provision.cluster.strongbox import Strongbox, StrongboxError


@pytest.fixture
def box(tmp_path: Path) -> Strongbox:
    return Strongbox(tmp_path / "strongbox.bin", tmp_path / "strongbox.key")


def test_what_is_put_in_comes_out_and_is_nowhere_in_the_files(box: Strongbox, tmp_path: Path) -> None:
    box.put("root token", Secret("s.canary"))
    assert box.need("root token").reveal() == b"s.canary"
    assert all(b"canary" not in path.read_bytes() for path in tmp_path.iterdir())
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_another_key_does_not_open_it(box: Strongbox, tmp_path: Path) -> None:
    box.put("a", Secret("b"))
    (tmp_path / "strongbox.key").write_bytes(b"x" * 32)
    with pytest.raises(StrongboxError, match="does not open"):
        box.get("a")


def test_a_flipped_byte_is_noticed(box: Strongbox, tmp_path: Path) -> None:
    box.put("a", Secret("b"))
    path = tmp_path / "strongbox.bin"
    raw = bytearray(path.read_bytes())
    raw[-3] ^= 1
    path.write_bytes(bytes(raw))
    with pytest.raises(StrongboxError, match="damaged"):
        box.get("a")


def test_a_key_file_that_others_can_read_is_refused(box: Strongbox, tmp_path: Path) -> None:
    box.put("a", Secret("b"))
    (tmp_path / "strongbox.key").chmod(0o644)
    with pytest.raises(StrongboxError, match="chmod 600"):
        box.get("a")


def test_a_lost_key_file_is_not_replaced_by_a_new_one(box: Strongbox, tmp_path: Path) -> None:
    box.put("a", Secret("b"))
    (tmp_path / "strongbox.key").unlink()
    with pytest.raises(StrongboxError, match="is gone"):
        box.put("c", Secret("d"))


def test_a_name_that_is_taken_is_not_overwritten(box: Strongbox) -> None:
    box.put("unseal keys", Secret("first"))
    with pytest.raises(StrongboxError, match="not overwritten"):
        box.put("unseal keys", Secret("second"))
    assert box.need("unseal keys").reveal() == b"first"


def test_secrets_of_a_cluster_that_is_gone_are_moved_not_lost(box: Strongbox) -> None:
    box.put("root token", Secret("old"))
    box.retire(("root token",), 0)
    box.put("root token", Secret("new"))
    assert box.need("retired/0/root token").reveal() == b"old"


def test_a_passphrase_opens_it_too(tmp_path: Path) -> None:
    Strongbox(tmp_path / "box", passphrase=Secret("correct horse")).put("a", Secret("b"))
    assert Strongbox(tmp_path / "box", passphrase=Secret("correct horse")).need("a").reveal() == b"b"
    with pytest.raises(StrongboxError, match="does not open"):
        Strongbox(tmp_path / "box", passphrase=Secret("wrong")).get("a")


def test_a_box_that_cannot_be_written_fails_the_proof(box: Strongbox, tmp_path: Path) -> None:
    (tmp_path / "strongbox.bin.new").mkdir()
    with pytest.raises(StrongboxError, match="cannot be written"):
        box.prove_writable()


def test_the_proof_leaves_nothing_behind(box: Strongbox) -> None:
    box.prove_writable()
    assert box.names() == ()
