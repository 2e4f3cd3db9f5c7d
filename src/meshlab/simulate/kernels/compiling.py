"""How kernels are compiled: once for each version of their sources, kept on disk for the next process."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")

HERE = Path(__file__).parent


@cache
def cache_folder(kernels: Path = HERE) -> Path:
    """Gives the folder that holds this version's machine code of the kernels in one folder of sources.

    numba looks only at the file of the function that it loads, not at what that function calls; so the folder's
    name carries a hash of all kernels there, and of these here, which others call. It stands in
    ``NUMBA_CACHE_DIR`` when that is set, else beside the kernels, else (installed read-only) in the user's cache.
    """
    stamp = blake2b(digest_size=6)
    for source in sorted({*HERE.glob("*.py"), *kernels.glob("*.py")}):
        stamp.update(source.read_bytes())
    name = f"kernels-{sys.implementation.cache_tag}-{stamp.hexdigest()}"
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    beside = kernels / "__pycache__"
    if chosen:
        return Path(chosen) / name
    if os.access(beside if beside.is_dir() else kernels, os.W_OK):
        return beside / name
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "meshlab" / name


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Makes an entry point: compiled at its first call, cached on disk, free of the interpreter's lock."""
    import numba

    settings: Any = numba.config
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(cache_folder(Path(function.__code__.co_filename).parent))
    try:
        return _njit(function, cache=True, nogil=True)
    finally:
        settings.CACHE_DIR = before


def part(function: Callable[P, R]) -> Callable[P, R]:
    """Makes a seldom-run part of an entry point: compiled with it, called by it, not copied into it."""
    return _njit(function, no_cpython_wrapper=True)


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Makes a part of an entry point: it becomes part of the machine code of whoever calls it."""
    return _njit(function, no_cpython_wrapper=True, forceinline=True)


def _njit(function: Callable[P, R], **more: bool) -> Callable[P, R]:
    """Kernels allocate nothing, so no array is counted: that saves half the compile time, and run time too."""
    import numba

    jit: Any = numba.njit
    return cast(
        "Callable[P, R]", jit(_nrt=False, error_model="numpy", no_cfunc_wrapper=True, **more)(function)
    )


def seconds_to(ready: Callable[[], object]) -> float:
    """Gives how long a first call takes, in seconds: compiling, or loading what is on disk."""
    start = time.perf_counter()
    ready()
    return time.perf_counter() - start
