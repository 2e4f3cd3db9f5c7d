"""Components that fail and wait for one of a few repair crews, told in time; the circuit is asked at each change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshlab.availability.sampling.kernels.bits import exponential
from meshlab.availability.sampling.kernels.worlds import AND, AT_LEAST, FIRST_EVENT
from meshlab.simulate.kernels.compiling import compiled, part
from meshlab.simulate.kernels.draws import uniform

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONSTANT, EXPONENTIAL, LOGNORMAL, UNIFORM = 0, 1, 2, 3
SHARE, SQUARES, OUTAGES, WITH_OUTAGE = 0, 1, 2, 3
UP, WAITING, IN_REPAIR = 0, 1, 2


@part
def repair_time(streams: NDArray[np.uint64], c: int, kind: int, a: float, b: float) -> float:
    """Draws how long a crew takes; a lognormal one by Box and Muller."""
    if kind == EXPONENTIAL:
        return a * exponential(streams, c)
    if kind == LOGNORMAL:
        radius = np.sqrt(2.0 * exponential(streams, c))
        return float(a * np.exp(b * radius * np.cos(2.0 * np.pi * uniform(streams, c))))
    if kind == UNIFORM:
        return a + (b - a) * uniform(streams, c)
    return a


@part
def holds(
    ops: NDArray[np.int64],
    thresholds: NDArray[np.int64],
    starts: NDArray[np.int64],
    args: NDArray[np.int64],
    top: int,
    value: NDArray[np.uint8],
) -> bool:
    """Whether the top holds, from the events' values; fills in those of the gates."""
    first = value.shape[0] - ops.shape[0]
    for g in range(ops.shape[0]):
        held = 0
        for i in range(starts[g], starts[g + 1]):
            held += value[args[i]] if args[i] > 0 else 1 - value[-args[i]]
        if ops[g] == AND:
            value[first + g] = held == starts[g + 1] - starts[g]
        elif ops[g] == AT_LEAST:
            value[first + g] = held >= thresholds[g]
        else:
            value[first + g] = held & 1
    return bool(value[top] == 1) if top > 0 else bool(value[-top] == 0)


@compiled
def play(
    ops: NDArray[np.int64],
    thresholds: NDArray[np.int64],
    starts: NDArray[np.int64],
    args: NDArray[np.int64],
    top: int,
    streams: NDArray[np.uint64],
    fails: NDArray[np.float64],
    kinds: NDArray[np.int64],
    repairs: NDArray[np.float64],
    crews: int,
    begin: float,
    end: float,
    histories: int,
    value: NDArray[np.uint8],
    state: NDArray[np.int64],
    due: NDArray[np.float64],
    since: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> None:
    """Plays histories from all well at 0 to `end`, and adds up what is seen from `begin` on.

    Lives are exponential. A component that fails waits for a crew, the longest waiting first; ``crews`` of 0 is as
    many as are needed. `due` is when an up component fails or a repair is done; `since` when waiting began.
    """
    count = fails.shape[0]
    for _ in range(histories):
        for c in range(count):
            state[c] = UP
            value[FIRST_EVENT + c] = 0
            due[c] = exponential(streams, c) / fails[c] if fails[c] > 0.0 else np.inf
        busy = 0
        now, down_time, outages = 0.0, 0.0, 0
        down = holds(ops, thresholds, starts, args, top, value)
        seen = down and begin <= 0.0
        while True:
            next_one, when = -1, end
            for c in range(count):
                if state[c] != WAITING and due[c] < when:
                    next_one, when = c, due[c]
            if down and when > begin:
                down_time += when - max(now, begin)
                seen = True
            now = when
            if next_one < 0:
                break
            if state[next_one] == UP:
                value[FIRST_EVENT + next_one] = 1
                state[next_one] = WAITING
                since[next_one] = now
            else:
                value[FIRST_EVENT + next_one] = 0
                state[next_one] = UP
                due[next_one] = now + exponential(streams, next_one) / fails[next_one]
                busy -= 1
            while crews == 0 or busy < crews:
                longest, earliest = -1, np.inf
                for c in range(count):
                    if state[c] == WAITING and since[c] < earliest:
                        longest, earliest = c, since[c]
                if longest < 0:
                    break
                state[longest] = IN_REPAIR
                due[longest] = now + repair_time(
                    streams, longest, kinds[longest], repairs[longest, 0], repairs[longest, 1]
                )
                busy += 1
            was, down = down, holds(ops, thresholds, starts, args, top, value)
            if down and not was and now >= begin:
                outages += 1
        share = down_time / (end - begin)
        sums[SHARE] += share
        sums[SQUARES] += share * share
        sums[OUTAGES] += outages
        sums[WITH_OUTAGE] += 1.0 if seen else 0.0
