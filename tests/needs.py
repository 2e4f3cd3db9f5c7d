"""What a test cannot do without, and how to get it: the one place that reasons for skipping come from.

docs/contributing.md has the same list for readers, and the last lines of a run count the skipped tests by it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, NoReturn

import pytest

NEEDS = {
    "shared data": "published models and traces in ../shared/data",
    "SCRAM": "apt install scram",
    "dd with CUDD": "pip install dd",
    "pyganak": "pip install pyganak",
    "distributed": "pip install 'meshlab[dask]'",
    "jsonschema": "pip install jsonschema",
    "grpcio-tools": "pip install grpcio-tools",
    "playwright": "pip install playwright",
    "Chromium": "apt install chromium",
    "axe-core": "pip install axe-playwright-python",
    "hatchling": "pip install hatchling",
    "make": "apt install make",
    "a git checkout": "run the tests in one",
    "root": "run the tests as root",
    "Vault or OpenBao": "pip install 'meshlab[emulate]'",
    "kube-apiserver": "setup-envtest use",
    "talosctl": "from the Talos release page",
    "Go": "conda install -c conda-forge go",
    "Linux": "what is asked is the kernel's own",
    "unshare and ip": "apt install util-linux iproute2",
    "a network namespace": "a kernel that lets users have one",
    "a disk that takes time": "nothing to install: here every write is over at once",
    "free addresses": "end the other embedded cluster: meshlab emulate down",
}
"""Name of each thing, and how to get it in a few words."""

_REASON = re.compile(r"needs (?P<name>[^:]+): ")


def lacking(name: str, why: str = "") -> str:
    """The reason of a test that is skipped because something is not here; ``why`` tells what was found instead."""
    return f"needs {name}: {NEEDS[name]}" + (f" ({why})" if why else "")


def skip(name: str, why: str = "") -> NoReturn:
    """Skips the test that asks."""
    pytest.skip(lacking(name, why))


def package(module: str, name: str) -> Any:
    """An imported module; the test that asks is skipped where its package is not installed."""
    return pytest.importorskip(module, reason=lacking(name))


def counted(reasons: Iterable[str]) -> str:
    """One line about the tests that were skipped: how many lack what, and how to get it; the most wanted first."""
    names = [match["name"] if (match := _REASON.search(reason)) else "?" for reason in reasons]
    told = [
        f"{number} for want of {name} ({NEEDS.get(name, 'with reasons of their own')})"
        for name, number in sorted(Counter(names).items(), key=lambda item: (-item[1], item[0]))
    ]
    return f"{len(names)} skipped: {', '.join(told)}" if names else "nothing was skipped"
