"""Spoils many files and takes each as the commands do: ``make fuzz``, ``make fuzz COUNT=100000 SEED=7``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from watched import HANG_S, KINDS, MEMORY, Case, Outcome, Watched


@dataclass
class Tally:
    """What came of a share of the cases."""

    counts: Counter[str] = field(default_factory=Counter)
    by_kind: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[tuple[Case, Outcome]] = field(default_factory=list)
    slowest: tuple[float, Case | None] = (0.0, None)
    largest: int = 0

    def add(self, case: Case, found: Outcome) -> None:
        what = "memory" if found.memory > MEMORY else found.what
        self.counts[what] += 1
        self.by_kind[case.kind, what] += 1
        if what not in ("answered", "refused"):
            self.failures.append((case, found))
            told = f"--- {what}: --kind {case.kind} --case {case.seed}\n{found.text}"
            print(told, file=sys.stderr, flush=True)
        if found.seconds > self.slowest[0]:
            self.slowest = (found.seconds, case)
        self.largest = max(self.largest, found.memory)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--count", type=int, default=10_000)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1))
    asked.add_argument("--kind", choices=KINDS, help="one format only")
    asked.add_argument("--case", type=int, help="this one case of --kind, with what was said of it")
    given = asked.parse_args()
    if given.case is not None:
        with Watched() as watched:
            print(watched.outcome(Case(given.kind, given.case)))
        return
    began = time.monotonic()
    shares = [range(start, given.count, given.workers) for start in range(given.workers)]
    with ThreadPoolExecutor(given.workers) as pool:
        tallies = list(pool.map(lambda share: _share(share, given.seed, given.kind), shares))
    found = sum((t.counts for t in tallies), Counter[str]())
    seconds, slow = max((t.slowest for t in tallies), key=lambda pair: pair[0])
    for kind in KINDS:
        told = sum((t.by_kind for t in tallies), Counter[tuple[str, str]]())
        print(f"{kind}: " + ", ".join(f"{n} {what}" for (k, what), n in sorted(told.items()) if k == kind))
    print(
        f"fuzz: {given.count} mutations, seed {given.seed}: {found['refused']} refused, {found['answered']} answered, "
        f"{found['traceback']} tracebacks, {found['hang']} hangs over {HANG_S:g} s, {found['memory']} over 1 GiB; "
        f"slowest {seconds:.1f} CPU s ({slow and slow.kind} {slow and slow.seed}), most memory "
        f"{max(t.largest for t in tallies) / 2**20:.0f} MiB; {time.monotonic() - began:.0f} s"
    )
    sys.exit(1 if any(t.failures for t in tallies) else 0)


def _share(numbers: range, seed: int, kind: str | None) -> Tally:
    tally = Tally()
    with Watched() as watched:
        for case in _cases(numbers, seed, kind):
            tally.add(case, watched.outcome(case))
    return tally


def _cases(numbers: range, seed: int, kind: str | None) -> Iterator[Case]:
    for number in numbers:
        yield Case(kind or KINDS[number % len(KINDS)], seed * 1_000_000_007 + number)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
