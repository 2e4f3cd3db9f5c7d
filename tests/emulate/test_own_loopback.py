"""Where a loopback address per machine cannot be had (macOS), `up` says so before anything is started."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import needs
from meshlab.emulate import own_loopback
from meshlab.model import MeshlabError
from meshlab.model.spec import reference
from own_time import PATIENCE_S

OF_NOBODY = ["192.0.2.11", "192.0.2.12"]  # RFC 5737: for documentation, on no machine

LIKE_MACOS = """
ip link set lo up && ip address delete 127.0.0.1/8 dev lo && ip address add 127.0.0.1/32 dev lo || exit 99
exec "$@"
"""
"""A network of its own in which only 127.0.0.1 is there, as on macOS."""


def test_every_machine_and_every_pod_of_the_reference_cluster_needs_an_address() -> None:
    found = own_loopback.needed(reference())
    assert {"127.20.1.11", "127.40.0.13"} <= set(found)
    assert sum(address.startswith("127.244.") for address in found) == 6
    assert own_loopback.missing(["127.0.0.1"]) == []


@pytest.mark.parametrize(
    ("system", "command"),
    [
        ("darwin", 'for address in 192.0.2.11 192.0.2.12; do sudo ifconfig lo0 alias "$address"; done'),
        ("linux", 'for address in 192.0.2.11 192.0.2.12; do sudo ip address add "$address/32" dev lo; done'),
    ],
)
def test_addresses_that_are_not_there_are_named_with_the_command_that_makes_them(
    system: str, command: str
) -> None:
    with pytest.raises(MeshlabError) as told:
        own_loopback.insist(["127.0.0.1", *OF_NOBODY], system)
    assert "does not have 2 of the loopback addresses" in str(told.value)
    assert command in str(told.value)
    assert told.value.exit_code == 2


def test_up_on_a_machine_with_one_loopback_address_starts_nothing(tmp_path: Path) -> None:
    if not (shutil.which("unshare") and shutil.which("ip")):
        needs.skip("unshare and ip")
    meshlab = Path(sys.executable).with_name("meshlab")
    done = subprocess.run(
        ["unshare", "-rn", "sh", "-c", LIKE_MACOS, "sh", str(meshlab), "emulate", "up"],
        env={**os.environ, "MESHLAB_STATE": str(tmp_path / "state")},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    if done.returncode in (1, 99) and "meshlab" not in done.stderr and "this machine" not in done.stderr:
        needs.skip("a network namespace", done.stderr.strip())
    assert done.returncode == 2, done.stderr
    assert "127.20.1.11" in done.stderr and "; do sudo " in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "state" / "embedded").exists()
