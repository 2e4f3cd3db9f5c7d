from __future__ import annotations

from pathlib import Path

import pytest

from meshlab.emulate.processes import binaries


def _program(path: Path, text: bytes = b"\x7fELF not really") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
    path.chmod(0o755)
    return path


def test_a_program_on_path_comes_before_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = _program(tmp_path / "etcd")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert binaries.find("etcd") == program


def test_a_wheels_wrapper_script_on_path_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _program(tmp_path / "etcd", b"#!/usr/bin/python3\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    found = binaries.find("etcd")
    assert found.parent.name == "etcdbin"
    assert found.read_bytes()[:4] == b"\x7fELF" or found.suffix == ".exe" or found.read_bytes()[:1] == b"\xcf"


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
    assert binaries.version(binaries.find("etcd")) >= (3, 5, 0)
