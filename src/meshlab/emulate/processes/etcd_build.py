"""A current etcd built from its own Go module, once, into the user's cache folder.

``etcd_module`` names the version and the digest of every module that goes in (go.mod, go.sum), so that what is built is
what was tried: Go refuses anything else. (``go install`` cannot be used: etcd's module has replace directives.)
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from meshlab.model.errors import LiveError, MeshlabError

MODULE = Path(__file__).parent / "etcd_module"
PACKAGE = "go.etcd.io/etcd/server/v3"
_TIMEOUT_S = 1800.0


class NoGo(MeshlabError):
    """There is no Go on this machine to build etcd with."""


@cache
def version() -> str:
    """Gives the version that is built."""
    found = re.search(rf"^\s*(?:require )?{re.escape(PACKAGE)} v(\S+)", (MODULE / "go.mod").read_text(), re.M)
    assert found is not None, f"{MODULE / 'go.mod'} does not name {PACKAGE}"
    return found[1]


def _cache() -> Path:
    chosen = os.environ.get("XDG_CACHE_HOME")
    return (Path(chosen) if chosen else Path.home() / ".cache") / "meshlab"


def place() -> Path:
    """Gives where the built program is, or would be."""
    return _cache() / f"etcd-{version()}" / "etcd"


def build() -> Path:
    """Gives the program, built now if it is not there yet (about a minute and a half of processor time).

    Raises
    ------
    NoGo
        There is no Go; the message says how to get it.
    LiveError
        It could not be built; the message holds the end of what Go said.
    """
    built = place()
    if built.is_file():
        return built
    go = shutil.which("go")
    if go is None:
        raise NoGo(
            f"etcd {version()} is built with Go, and there is none on PATH: install it (conda install -c conda-forge "
            "go; brew install go; https://go.dev/dl), or put an etcd of 3.5.3 or later on PATH"
        )
    built.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = built.with_name(f"etcd.{os.getpid()}")
    argv = [go, "build", "-trimpath", "-mod=readonly", "-buildvcs=false", "-o", str(fresh), PACKAGE]
    environment = {**os.environ, "GOFLAGS": "", "GOWORK": "off"}
    try:
        done = subprocess.run(
            argv,
            cwd=MODULE,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            raise LiveError(
                f"etcd {version()} could not be built with {go}: {done.stderr.strip()[-600:]}; its modules come over "
                f"the network the first time (GOPROXY), and Go {_go_wanted()} or later is needed"
            )
        fresh.replace(built)  # two that build at once end with one whole file
    except subprocess.TimeoutExpired:
        raise LiveError(f"building etcd {version()} took longer than {_TIMEOUT_S / 60:g} minutes") from None
    finally:
        fresh.unlink(missing_ok=True)
    return built


def _go_wanted() -> str:
    found = re.search(r"^go (\S+)", (MODULE / "go.mod").read_text(), re.M)
    return found[1] if found else "a current version"
