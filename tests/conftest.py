"""What holds for all tests: the order of their files, and no deadline for an example on a busy machine.

What takes minutes runs first, so that files side by side end together.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from needs import counted

# pytest-xdist sets it for its workers; what is piped goes to a file, not to a terminal of some width.
os.environ.pop("COLUMNS", None)
# Explaining a failure traces every line of every example, which makes parsing a spec twenty times slower.
settings.register_profile(
    "meshlab", deadline=None, phases=[phase for phase in Phase if phase is not Phase.explain]
)
settings.load_profile("meshlab")

ROOT = Path(__file__).parent
LONGEST_FIRST = (
    "provision/test_bring_up_and_destroy.py",
    "notebooks/test_embedded.py",
    "emulate/kubernetes/test_faults.py",
    "emulate/test_vault.py",
    "emulate/test_etcd.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest files first; all others stay in their order."""
    place = {name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: place.get(item.path.relative_to(ROOT).as_posix(), len(place)))


@pytest.fixture(autouse=True)
def ctrl_c_interrupts() -> None:
    """Gives SIGINT back to Python: a start in the background, or a library in an earlier test, may have taken it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says what the skipped tests lack, in one line before pytest's own last one."""
    reports = terminalreporter.stats.get("skipped", [])
    told = [report.longrepr[2] for report in reports if isinstance(report.longrepr, tuple)]
    terminalreporter.write_line(counted(told))
