"""Writes the lock files in ``locks/``: what ``make`` installs, each version with the hashes of its wheels.

    python scripts/lock.py              # keeps every version that pyproject.toml still allows
    python scripts/lock.py --upgrade    # the newest versions

One file serves every Python and system in ``[tool.uv] environments``. It takes uv (``pip install uv``) and the
package index. Each file demands hashes and wheels by itself: ``pip install -r locks/run.txt`` needs no options.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "locks"


@dataclass(frozen=True)
class Lock:
    """One lock file: the extras in it, whether the base is in it, and where its wheels exist if not everywhere."""

    name: str
    extras: tuple[str, ...]
    base: bool = True
    only: str = ""
    built: tuple[str, ...] = ()
    """What no wheel exists for: built from hashed source with the hashed setuptools beside it."""


FILES = (
    Lock("dev", ("dask", "dev")),
    Lock("run", ("live", "emulate", "lab", "dask")),
    Lock("counting", ("counting",), base=False, only="python_version < '3.14'"),
    Lock(
        "compare",
        ("compare",),
        base=False,
        only="python_version < '3.14' and sys_platform == 'linux' and platform_machine == 'x86_64'",
        built=("astutils", "ply"),
    ),
)
"""The later files take their versions from the first."""


def main() -> int:
    """Write every lock file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--upgrade", action="store_true", help="the newest versions")
    upgrade = parser.parse_args().upgrade
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    uv = shutil.which("uv", path=places)
    if uv is None:
        print("locking takes uv: pip install uv", file=sys.stderr)
        return 2
    LOCKS.mkdir(exist_ok=True)
    for lock in FILES:
        path = LOCKS / f"{lock.name}.txt"
        compile_into(path, lock, uv, upgrade=upgrade)
        path.write_text(tidy(path.read_text(), lock))
        packages = re.findall(r"(?m)^[a-z]", path.read_text())
        print(f"{path.relative_to(ROOT)}: {len(packages)} packages")
    return 0


def roots(lock: Lock) -> list[str]:
    """The requirements that a lock file answers, as pyproject.toml states them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = set(project["dependencies"]) if lock.base else set()
    waiting = list(lock.extras)
    while waiting:
        for requirement in project["optional-dependencies"][waiting.pop()]:
            if inner := re.fullmatch(r"meshlab\[(.*)\]", requirement):
                waiting += inner[1].split(",")
            else:
                found.add(requirement)
    if lock.built:
        found.add("setuptools")
    return sorted(f"{each} ; {lock.only}" if lock.only else each for each in found)


def compile_into(path: Path, lock: Lock, uv: str, *, upgrade: bool) -> None:
    """Have uv resolve one file; versions already in it are kept unless they are to be upgraded."""
    command = [uv, "pip", "compile", "-", "--quiet", "--universal", "--python-version", "3.11"]
    command += ["--generate-hashes", "--no-header", "--fork-strategy", "fewest", "--output-file", str(path)]
    command += ["--upgrade"] if upgrade else []
    if lock.built:
        plain = [re.split(r"[\[<>=~! ;]", each)[0] for each in roots(lock)]
        command += [part for each in plain for part in ("--only-binary", each)]
    else:
        command += ["--only-binary", ":all:"]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as versions:
        if lock is not FILES[0]:
            versions.write(without_options((LOCKS / "dev.txt").read_text()))
            versions.flush()
        command += ["--constraints", versions.name]
        subprocess.run(command, input="\n".join(roots(lock)), text=True, cwd=ROOT, check=True)


def without_options(text: str) -> str:
    """A lock file's packages alone."""
    return "\n".join(line for line in text.splitlines() if not line.startswith(("#", "--")))


def newest() -> str:
    """The first Python that is not locked for, by ``[tool.uv]``: "3.15"."""
    [environment, *_] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["environments"]
    return environment.rpartition("< ")[2].strip("'")


def tidy(text: str, lock: Lock) -> str:
    """A lock file with its demands at the top, and without the marker that says "anywhere that meshlab runs"."""
    anywhere = f"python_full_version < '{newest()}' and (sys_platform == 'darwin' or sys_platform == 'linux')"
    text = text.replace(f" ; {anywhere} \\", " \\")
    text = re.sub(r"(?m)^(    #.*) -r -$", r"\1 meshlab", text)
    text = without_options(text)
    head = ["# Written by scripts/lock.py; do not edit.", "--require-hashes", "--only-binary :all:"]
    head += [f"--no-binary {each}" for each in lock.built]
    return "\n".join([*head, text, ""])


if __name__ == "__main__":
    sys.exit(main())
