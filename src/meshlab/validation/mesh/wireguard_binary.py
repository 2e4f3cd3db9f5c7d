"""The program that runs pairs of real WireGuard devices: found ready-made, else built from its Go source here."""

from __future__ import annotations

import os
import shutil
import subprocess
from hashlib import blake2b
from pathlib import Path

from meshlab.validation.setting import CannotValidate

SOURCE = Path(__file__).parent / "wireguard"
NAME = "meshlab-wireguard-pairs"
MODULE = "golang.zx2c4.com/wireguard"

MISSING = (
    f"mesh: a real WireGuard is needed, and neither go nor {NAME} was found on PATH. Install Go 1.23 or later (conda "
    "install -c conda-forge go; apt install golang-go; brew install go) and run this again: it builds wireguard-go, "
    f"the userspace WireGuard, once. Or build it elsewhere (go build -o {NAME} . in meshlab/validation/wireguard) and "
    "put it on PATH. No root and no network device is needed"
)


def _stamp() -> str:
    found = blake2b(digest_size=6)
    for name in sorted(("go.mod", "go.sum", "link.go", "pairs.go")):
        found.update((SOURCE / name).read_bytes())
    return found.hexdigest()


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "meshlab"


def wireguard_pairs() -> Path:
    """Gives the program, built now if need be (half a minute, once for each version of its source).

    Raises
    ------
    CannotValidate
        There is neither the program nor Go, or it cannot be built; the message says how to get it.
    """
    ready = shutil.which(NAME)
    if ready is not None:
        return Path(ready)
    built = _cache() / f"wireguard-pairs-{_stamp()}"
    if built.is_file():
        return built
    go = shutil.which("go")
    if go is None:
        raise CannotValidate(MISSING)
    built.parent.mkdir(parents=True, exist_ok=True)
    fresh = built.with_suffix(f".{os.getpid()}")
    done = subprocess.run(
        [go, "build", "-o", str(fresh), "."], cwd=SOURCE, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise CannotValidate(
            f"mesh: the WireGuard program could not be built with {go}: {done.stderr.strip()[-400:]}; its modules come "
            f"over the network the first time (GOPROXY), and Go 1.23 or later is needed"
        )
    fresh.replace(built)  # two that build at once end with one whole file
    return built


def wireguard_version() -> str:
    """Gives the version of wireguard-go that the source asks for."""
    for line in (SOURCE / "go.mod").read_text().splitlines():
        words = line.split()
        if MODULE in words:
            return words[words.index(MODULE) + 1].lstrip("v")
    raise CannotValidate(f"mesh: {SOURCE / 'go.mod'} does not name {MODULE}")
