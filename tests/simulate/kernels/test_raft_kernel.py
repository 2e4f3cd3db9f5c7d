"""The compiled raft kernel against its readable twin: the same draws, the same bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raft_twin import Twin

from meshlab.simulate.kernels import raft
from meshlab.simulate.kernels import raft_state as x

TOLD = ("leader", "stepped down", "stood", "asked", "split", "committed")
KINDS = ("kill", "restart", "pause", "resume", "cut", "heal")
TICK, TICKS = 0.1, 5

Fault = tuple[float, str, int, int]


def table(low: float, middle: float, high: float) -> np.ndarray:
    """Quantiles of a spread with a tail: from low over the middle to high."""
    u = np.arange(x.CELLS + 1) / x.CELLS
    body = low + (middle - low) * u + (high - middle) * u**9
    tail = np.linspace(body[-2], high, x.CELLS + 1)
    return np.array([body, tail])


def tables(spread: float) -> np.ndarray:
    """Delays of the links, delays of slow links, disks, clients. No spread: everything takes constant time."""
    return np.array(
        [
            table(0.001, 0.001 + 0.004 * spread, 0.001 + 0.03 * spread),
            table(0.02, 0.02 + 0.04 * spread, 0.02 + 0.1 * spread),
            table(0.001, 0.001 + 0.002 * spread, 0.001 + 0.02 * spread),
            table(0.0005, 0.0005, 0.0005),
        ]
    )


def settings_of(**changed: object) -> x.Settings:
    plain = x.Settings(
        tick=TICK, ticks=TICKS, prevote=True, check_quorum=True, fast_forward=3, horizon=40.0, mark=2.0, early=False,
        skip=False, bound=0.12, first=-1, patience=3.0, backoff=0.05, warm=0.0, apply=0.0001,
    )  # fmt: skip
    return plain._replace(**changed)  # type: ignore[arg-type]


def kernel(
    key: int,
    members: int,
    s: x.Settings,
    faults: list[Fault],
    slow: list[tuple[int, int]],
    spread: float,
    clients: int,
) -> tuple[x.Group, np.ndarray, np.ndarray]:
    delay_of = np.zeros((members, members), np.int64)
    for i, j in slow:
        delay_of[i % members, j % members] = 1
    g = x.group(
        delay_of,
        np.full(members, 2),
        tables(spread),
        np.array([f[0] for f in faults]),
        np.array([(KINDS.index(f[1]), f[2], f[3]) for f in faults], np.int64).reshape(-1, 3),
        clients=clients,
        samples=100_000,
        told=5000,
        room=4,
    )
    times, counts = np.zeros((1, 2)), np.zeros((1, 8), np.int64)
    assert raft.replicates(g, s, np.array([key], np.uint64), times, counts) == 0
    return g, times[0], counts[0]


targets = st.integers(-4, 4)
faults = st.lists(
    st.tuples(st.floats(0.5, 15.0), st.sampled_from(KINDS), targets, targets).map(
        lambda f: (f[0], f[1], f[2], f[3] if f[2] != f[3] else f[3] - 1)
    ),
    max_size=8,
).map(sorted)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    key=st.integers(0, 2**64 - 1),
    members=st.integers(1, 5),
    faults=faults,
    slow=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=5),
    spread=st.sampled_from([0.0, 1.0]),
    prevote=st.booleans(),
    check_quorum=st.booleans(),
    skip=st.booleans(),
    early=st.booleans(),
    clients=st.sampled_from([0, 0, 1, 4]),
)
def test_the_kernel_and_its_twin_tell_the_same_history_to_the_bit(
    key: int, members: int, faults: list[Fault], slow: list[tuple[int, int]], spread: float,
    prevote: bool, check_quorum: bool, skip: bool, early: bool, clients: int,
) -> None:  # fmt: skip
    faults = [
        (at, what, a % members if a >= 0 else a, b % members if b >= 0 else b) for at, what, a, b in faults
    ]
    s = settings_of(
        prevote=prevote, check_quorum=check_quorum, skip=skip and not clients, early=early,
        horizon=6.0 if clients else 40.0,
    )  # fmt: skip
    g, times, counts = kernel(key, members, s, faults, slow, spread, clients)
    twin = Twin(
        key, members=members, settings=s, tables=g.tables, delay_of=g.delay_of, fsync_of=g.fsync_of,
        faults=faults, clients=clients,
    ).run()  # fmt: skip
    told = [(t, int(i), int(term), TOLD[int(what)]) for t, i, term, what in g.told[: g.tally[x.TOLD]]]
    assert told == twin.told
    assert tuple(times) == (twin.elected, twin.serving)
    assert (counts[2], counts[3]) == (twin.splits, twin.campaigns)
    assert tuple(counts[:2]) == (twin.new or (-1, 0))
    assert counts[4] == twin.messages
    assert list(g.samples[: counts[7]]) == twin.samples


@pytest.mark.parametrize("members", [3, 5])
def test_a_leap_over_a_quiet_stretch_changes_no_bit_and_no_count(members: int) -> None:
    faults: list[Fault] = [(900.0, "kill", -1, 0), (1400.0, "restart", -1, 0), (2000.0, "pause", -2, 0)]
    for key in range(20):
        found = []
        for skip in (False, True):
            s = settings_of(horizon=2500.0, mark=900.0, skip=skip, bound=0.06)
            g, times, counts = kernel(key, members, s, faults, [], 1.0, 0)
            found.append((g.told[: g.tally[x.TOLD]].tolist(), times.tolist(), counts[:5].tolist()))
        assert counts[6] > 15_000
        assert found[0] == found[1]


def test_a_quiet_year_counts_its_messages_without_sending_them() -> None:
    _, _, counts = kernel(1, 5, settings_of(horizon=31_557_600.0, skip=True, bound=0.06), [], [], 1.0, 0)
    assert counts[4] == pytest.approx(8 * 315_576_000, rel=1e-7)
    assert counts[5] < 1000


def test_an_array_too_small_is_said_and_not_written_past() -> None:
    g = x.group(
        np.zeros((3, 3), np.int64), np.full(3, 2), tables(1.0), np.zeros(0), np.zeros((0, 3), np.int64)
    )
    small = g._replace(out=np.zeros((3, 2, x.SLOT_COLUMNS), np.int64))
    times, counts = np.zeros((2, 2)), np.zeros((2, 8), np.int64)
    keys = np.arange(2, dtype=np.uint64)
    kill = small._replace(fault_at=np.array([1.0]), fault=np.array([[x.KILL, -1, 0]]))
    assert raft.replicates(kill, settings_of(), keys, times, counts) in (0, 1, 2)
    tiny = g._replace(free=g.free[:4], slots=g.slots[:4])
    assert raft.replicates(tiny, settings_of(), keys, times, counts) == 1
