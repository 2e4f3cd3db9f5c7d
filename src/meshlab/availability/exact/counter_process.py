"""The model counter's process: a formula and its weights on stdin, the probability as the last line of stdout.

A process of its own, because Ganak cannot be told to stop, and may take gigabytes.
"""

from __future__ import annotations

import ctypes
import json
import signal
import sys

_DIE_WITH_PARENT = 1


def main() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, int(signal.SIGKILL), 0, 0, 0)
    from pyganak import WeightedCounter

    question = json.load(sys.stdin)
    counter = WeightedCounter()
    counter.new_vars(question["variables"])
    counter.add_clauses(question["clauses"])
    for i, q in enumerate(question["q"], 1):
        counter.set_lit_weight(i, q)
        counter.set_lit_weight(-i, 1.0 - q)
    print(repr(counter.count()), flush=True)


if __name__ == "__main__":
    main()
