"""The lock files say what pyproject.toml asks for, and nothing is installed that is not what was locked."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import needs

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = {path.stem: path.read_text() for path in sorted((ROOT / "locks").glob("*.txt"))}
EXTRAS = {
    "dev": ["live", "emulate", "lab", "dask", "dev"],
    "run": ["live", "emulate", "lab", "dask"],
    "counting": ["counting"],
    "compare": ["compare"],
}
BUILT = {"compare": {"astutils", "ply"}}
"""What no wheel exists for; nothing else may be built."""


def asked(name: str) -> list[Requirement]:
    """The requirements that a lock file answers."""
    base = PROJECT["dependencies"] if name in ("dev", "run") else []
    extras = [each for extra in EXTRAS[name] for each in PROJECT["optional-dependencies"][extra]]
    return [Requirement(each) for each in (*base, *extras) if not each.startswith("meshlab[")]


def versions(name: str) -> dict[str, set[str]]:
    """The versions of each package in a lock file."""
    found: dict[str, set[str]] = {}
    for package, version in re.findall(r"(?m)^([\w.-]+)==(\S+)", LOCKS[name]):
        found.setdefault(canonicalize_name(package), set()).add(version)
    return found


def test_each_set_of_extras_has_its_file() -> None:
    assert set(LOCKS) == set(EXTRAS)
    assert {extra for extras in EXTRAS.values() for extra in extras} == set(PROJECT["optional-dependencies"])


@pytest.mark.parametrize("name", sorted(EXTRAS))
def test_what_is_asked_for_is_locked_within_its_range(name: str) -> None:
    locked = versions(name)
    for requirement in asked(name):
        found = locked.get(canonicalize_name(requirement.name), set())
        assert found, f"{requirement} is not in locks/{name}.txt: make lock"
        assert all(requirement.specifier.contains(version) for version in found), (requirement, found)


@pytest.mark.parametrize("name", sorted(EXTRAS))
def test_a_file_demands_hashes_and_wheels_and_names_no_index(name: str) -> None:
    lines = LOCKS[name].splitlines()
    assert {"--require-hashes", "--only-binary :all:"} <= set(lines)
    exceptions = {line.removeprefix("--no-binary ") for line in lines if line.startswith("--no-binary ")}
    assert exceptions == BUILT.get(name, set())
    assert "://" not in LOCKS[name]
    packages = re.split(r"(?m)^(?=[a-zA-Z])", LOCKS[name])[1:]
    assert packages
    assert all("--hash=sha256:" in package for package in packages)


def test_no_two_files_lock_different_versions() -> None:
    for name in ("run", "compare"):
        for package, found in versions(name).items():
            assert found == versions("dev").get(package, found), package
    assert set(versions("run")) <= set(versions("dev"))


def test_what_builds_meshlab_is_locked_too() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    for requirement in map(Requirement, build):
        [version] = versions("dev")[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version)
    assert "editables" in versions("dev")


# The Makefile itself, on a project whose only packages are two small wheels made here.

BACKEND = """
import base64, hashlib, pathlib, zipfile


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    home, name = "small-1.dist-info", "small-1-py3-none-any.whl"
    files = {
        "small.pth": str(pathlib.Path.cwd()),
        home + "/METADATA": "Metadata-Version: 2.1\\nName: small\\nVersion: 1\\n",
        home + "/WHEEL": "Wheel-Version: 1.0\\nGenerator: small\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    with zipfile.ZipFile(pathlib.Path(wheel_directory) / name, "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
        wheel.writestr(home + "/RECORD", "".join(f"{path},,\\n" for path in [*files, home + "/RECORD"]))
    return name
"""


def small_wheel(folder: Path, name: str, code: str) -> str:
    """Write a wheel with one module and give its SHA-256."""
    home = f"{name}-1.dist-info"
    files = {
        f"{name}.py": code,
        f"{home}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
        f"{home}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    path = folder / f"{name}-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for inside, text in files.items():
            wheel.writestr(inside, text)
        rows = [f"{inside},{_record(text)},{len(text.encode())}" for inside, text in files.items()]
        wheel.writestr(f"{home}/RECORD", "\n".join([*rows, f"{home}/RECORD,,", ""]))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _record(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class Small:
    """A project with our Makefile, and lock files of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wheels = folder / "wheels"
        self.wheels.mkdir()
        self.hashes = {
            "backend": small_wheel(self.wheels, "backend", BACKEND),
            "counter": small_wheel(self.wheels, "counter", "answer = 42\n"),
        }
        shutil.copy(ROOT / "Makefile", folder / "Makefile")
        (folder / "pyproject.toml").write_text(
            '[build-system]\nrequires = ["backend"]\nbuild-backend = "backend"\n'
            '[project]\nname = "small"\nversion = "1"\n'
        )
        (folder / "locks").mkdir()
        self.lock("dev", "backend")
        self.lock("counting", "counter")
        self.lock("compare")

    def lock(self, file: str, *packages: str, **altered: str) -> None:
        """Write a lock file that begins like ours; ``altered`` has hashes other than the true ones."""
        head = "".join(f"{line}\n" for line in LOCKS[file].splitlines() if line.startswith("--"))
        rows = [f"{name}==1 --hash=sha256:{altered.get(name, self.hashes[name])}\n" for name in packages]
        (self.folder / "locks" / f"{file}.txt").write_text(head + "".join(rows))

    def install(self) -> subprocess.CompletedProcess[str]:
        """Run the rule that every target of the Makefile needs first."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
        environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels), "PIP_NO_CACHE_DIR": "1"}
        return subprocess.run(
            ["make", f"PYTHON={sys.executable}", ".venv/.ready"],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def has(self, module: str) -> bool:
        python = self.folder / ".venv/bin/python"
        code = f"import importlib.util as u, sys; sys.exit(u.find_spec({module!r}) is None)"
        return subprocess.run([python, "-c", code], cwd=self.folder.parent, check=False).returncode == 0

    @property
    def ready(self) -> bool:
        return (self.folder / ".venv/.ready").exists()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with pip alone, to copy from."""
    folder = tmp_path_factory.mktemp("empty") / ".venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return folder


@pytest.fixture
def small(tmp_path: Path, empty: Path) -> Small:
    """A fresh project, its environment empty."""
    if shutil.which("make") is None:
        needs.skip("make")
    folder = tmp_path / "small"
    folder.mkdir()
    shutil.copytree(empty, folder / ".venv", symlinks=True)
    return Small(folder)


def test_what_is_as_locked_is_installed(small: Small) -> None:
    done = small.install()
    assert done.returncode == 0, done.stdout + done.stderr
    assert small.ready
    assert small.has("backend")
    assert small.has("counter")


def test_one_altered_hash_stops_the_install(small: Small) -> None:
    wrong = ("0" if small.hashes["backend"][0] != "0" else "1") + small.hashes["backend"][1:]
    small.lock("dev", "backend", backend=wrong)
    done = small.install()
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not small.ready
    assert not small.has("backend")


def test_an_altered_hash_of_what_may_be_missing_stops_it_too(small: Small) -> None:
    small.lock("counting", "counter", counter="0" * 64)
    done = small.install()
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not small.ready
    assert not small.has("counter")


def test_what_may_be_missing_may_be_missing(small: Small) -> None:
    (small.wheels / "counter-1-py3-none-any.whl").unlink()
    done = small.install()
    assert done.returncode == 0, done.stderr
    assert "no model counter for this machine" in done.stdout
    assert small.ready


def test_a_package_without_a_hash_is_refused(small: Small) -> None:
    small.lock("dev")
    with (small.folder / "locks/dev.txt").open("a") as lock:
        lock.write("backend==1\n")
    done = small.install()
    assert done.returncode != 0
    assert "hash" in done.stderr.lower()
    assert not small.has("backend")
