"""The pure member against the published traces of etcd-io/raft: every directive, text for text.

``REWRITE_CONFORMANCE=1 pytest tests/simulate/raft/test_conformance.py`` writes docs/conformance.md anew.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
from trace_arithmetic import Arithmetic, Memberships
from trace_file import Directive, directives
from trace_stage import Stage

from meshlab.simulate.raft.member import Member
from meshlab.simulate.raft.messages import Message
from meshlab.simulate.raft.progress import Progress
from needs import lacking

ROOT = Path(__file__).parents[3]
TRACES = ROOT.parent / "shared/data/etcd-raft-traces"
PAGE = ROOT / "docs/conformance.md"
FILES = sorted(TRACES.rglob("*.txt"))
THERE = pytest.mark.skipif(not FILES, reason=lacking("shared data", "etcd-raft-traces"))

INTRODUCTION = """\
# Conformance of the raft member

The state machine in `src/meshlab/simulate/raft/` is held against the data-driven test files that etcd-io/raft
publishes (Apache-2.0; read from `../shared/data/etcd-raft-traces`, not copied here). Each file is a sequence of
directives (`campaign 1`, `stabilize`, `deliver-msgs drop=(3)`, …), each with the text that the real implementation
printed: log lines at their level, every message, every batch of writes with the term, vote and commit index to be
stored, entries to be applied, and on demand each member's role, log and progress. A directive *matches* when our
text is the same, character for character; so the state after it is the same wherever the trace shows it, and what
follows from it later has to be the same too. *Not applicable* would be a directive that stands for something that
we do not have; there is none.

What the files do not test: reads (no directive asks for one; tests/simulate/raft/test_member.py does), and time,
which only the groups in time add. hashicorp/raft publishes no such files.

This page is written by `REWRITE_CONFORMANCE=1 pytest tests/simulate/raft/test_conformance.py`; the same test fails
when it is no longer true.

"""


class Runner(Protocol):
    def run(self, given: Directive) -> str: ...


def runner_of(file: Path) -> Runner:
    kinds: dict[str, type[Runner]] = {"quorum": Arithmetic, "confchange": Memberships}
    return kinds.get(file.parent.name, Stage)()


def played(file: Path) -> Iterator[tuple[Directive, str]]:
    """Gives the directives of a file in order, each with our text for it."""
    runner = runner_of(file)
    for directive in directives(file):
        yield directive, runner.run(directive)


@dataclass(frozen=True)
class Row:
    """What is said of one file in the table."""

    name: str
    directives: int
    matched: int
    commands: str


def row_of(file: Path) -> Row:
    runs = list(played(file))
    counts = Counter(directive.command for directive, _ in runs)
    commands = ", ".join(f"{name} {count}" for name, count in counts.most_common(4))
    matched = sum(text == directive.expected for directive, text in runs)
    return Row(file.relative_to(TRACES).as_posix(), len(runs), matched, commands)


def page() -> str:
    rows = [row_of(file) for file in FILES]
    lines = ["| file | directives | matched | not applicable | most of them |", "|---|---:|---:|---:|---|"]
    lines += [f"| {row.name} | {row.directives} | {row.matched} | 0 | {row.commands} |" for row in rows]
    total, matched = sum(row.directives for row in rows), sum(row.matched for row in rows)
    lines.append(f"| **{len(rows)} files** | **{total}** | **{matched}** | **0** | |")
    return INTRODUCTION + "\n".join(lines) + "\n"


@THERE
@pytest.mark.parametrize("file", FILES, ids=[file.relative_to(TRACES).as_posix() for file in FILES])
def test_a_published_trace_is_reproduced_word_for_word(file: Path) -> None:
    for directive, text in played(file):
        assert text == directive.expected, f"{file.name}:{directive.line} {directive.command}"


@THERE
def test_the_page_on_conformance_is_true() -> None:
    if os.environ.get("REWRITE_CONFORMANCE"):
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page(), "REWRITE_CONFORMANCE=1 writes it anew"


def mismatches() -> dict[str, int]:
    """Gives how many directives of each file go differently; a file that breaks down counts as one more."""
    found: Counter[str] = Counter()
    for file in FILES:
        try:
            found[file.stem] += sum(text != directive.expected for directive, text in played(file))
        except Exception:
            found[file.stem] += 1
    return +found


@THERE
def test_a_leader_that_does_not_pass_on_the_commit_index_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Progress, "lacks_commit", lambda self, index: False)
    assert {"lagging_commit", "campaign", "checkquorum"} <= mismatches().keys()


@THERE
def test_a_voter_that_knows_no_lease_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Member, "in_lease", property(lambda self: False))
    assert set(mismatches()) == {"checkquorum"}


@THERE
def test_a_message_sent_before_its_promise_is_on_disk_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def hasty(self: Member, message: Message) -> None:
        message.sender = message.sender or self.id
        message.term = message.term or self.term
        (self.outbox_after_write if message.to == self.id else self.outbox).append(message)

    monkeypatch.setattr(Member, "send", hasty)
    assert {"async_storage_writes", "async_storage_writes_append_aba_race"} <= mismatches().keys()
