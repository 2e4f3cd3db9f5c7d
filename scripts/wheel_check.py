"""Builds the wheel and tries it as a user would: alone, and with each extra, in fresh virtual environments.

    python scripts/wheel_check.py [base live emulate lab dask counting]

It takes the package index, and what it installs is what the index has today: not what is locked, but what
``pip install 'meshlab[emulate]'`` gives. Exit code 1 if one of them does not do what it should.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SPEC = str(ROOT / "data/reference.yaml")
PYTHON = "python"
LIVE = "boto3, pysequoia, meshlab.live.talos.client, meshlab.live.omni.client, meshlab.live.vault"
TRIED: dict[str, list[list[str]]] = {
    "base": [
        ["meshlab", "review", SPEC],
        ["meshlab", "simulate", SPEC, "--scenario", str(ROOT / "data/scenarios/lose-master.yaml")],
        ["meshlab", "availability", SPEC],
    ],
    "live": [[PYTHON, "-c", f"import {LIVE}"]],
    "emulate": [
        ["meshlab", "emulate", "up", "--cluster"],
        ["meshlab", "emulate", "status"],
        ["meshlab", "drift", SPEC],
        ["meshlab", "emulate", "down"],
    ],
    "lab": [
        [PYTHON, "-m", "jupyterlab", "--version"],
        [PYTHON, "-c", "import meshlab.views.panels.whatif, meshlab.views.panels.parts.pulse"],
    ],
    "dask": [[PYTHON, "-c", "import distributed, meshlab.simulate.run.cluster"]],
    "counting": [
        [PYTHON, "-c", "from meshlab.availability.exact import counting; assert counting.installed()"],
    ],
}
"""What each extra is tried with."""


def tried(extra: str, wheel: Path, scratch: Path) -> bool:
    """Install the wheel with one extra, and run what it is for."""
    home = scratch / extra
    venv.create(home, with_pip=True)
    asked = str(wheel) if extra == "base" else f"{wheel}[{extra}]"
    install = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", asked]
    for words in [install, [PYTHON, "-m", "pip", "check"], *TRIED[extra]]:
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        environment["MESHLAB_STATE"] = str(scratch / "state")
        command = [str(home / "bin" / words[0]), *words[1:]]
        done = subprocess.run(
            command, cwd=scratch, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            print(f"{extra}: {' '.join(words)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
            return False
    print(f"{extra}: installed and tried", flush=True)
    return True


def main() -> int:
    """Build, and try each."""
    chosen = sys.argv[1:] or list(TRIED)
    with tempfile.TemporaryDirectory(prefix="meshlab-wheel-") as folder:
        scratch = Path(folder)
        build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
        subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
        [wheel] = scratch.glob("meshlab-*.whl")
        results = [tried(extra, wheel, scratch) for extra in chosen]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
