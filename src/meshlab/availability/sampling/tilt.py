"""Rare failures: which cut sets there are, and how often each component is to be lost, found by sampling alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshlab.availability.sampling.program import TILE, Program
from meshlab.availability.sampling.streams import scales, streams
from meshlab.availability.sampling.weights import CutSets, Weighted

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEARN = 4  # chunks to learn from, in each round
_ROUNDS = 3
_BELIEVED = 1000.0  # equal weights that a round must be worth before anything is learned from it
_MOST = 0.98
_OFTEN = 0.25  # of the worlds fail: then no wider tilt is needed
_SEARCHES = 4  # tiles per wide tilt in which cut sets are looked for
_KEPT = 2000  # cut sets, the most probable ones


def suited(program: Program, seed: int) -> Weighted | None:
    """Gives the mixture that suits a circuit; none where nothing was seen to fail.

    Wide tilts lose every component alike: 1, 2, 4, ... of them on average, up to where a quarter of the worlds
    fail. Cut sets are found by mending their failed worlds as far as these still fail; no decision diagram has a
    part in it, so that the answer can be held against one. The close tilt loses each component as often as the cut
    sets have it, weighted by their probabilities, and is then improved in rounds of the cross-entropy method: each
    component as often as it is lost in failed worlds.

    References
    ----------
    Rubinstein and Kroese, The cross-entropy method, 2004.
    """
    q, count = program.q, len(program.events)
    wide: list[NDArray[np.float64]] = []
    found: dict[bytes, float] = {}
    lost = 1.0
    while count:
        bias = min(lost / count, _MOST)
        wide.append(_at_least(q, bias))
        share = _search(program, wide[-1], seed, len(wide), found)
        if share > _OFTEN or bias >= _MOST:
            break
        lost *= 2
    if not found:
        return None
    cuts, shares = _kept(found, count)
    close = _at_least(q, np.minimum(shares, _MOST))
    for n in range(_ROUNDS):
        whole, shares = Weighted.of(program, cuts, close, wide, seed, f"round-{n}").learned(_LEARN)
        if whole.worth < _BELIEVED:
            break
        close = _at_least(q, np.minimum(shares, _MOST))
    return Weighted.of(program, cuts, close, wide, seed)


def _search(
    program: Program, tilt: NDArray[np.float64], seed: int, which: int, found: dict[bytes, float]
) -> float:
    """Adds cut sets, keyed by which components they are of, with log probability; gives the share that failed.

    Components go in a random order in which improbable ones are mostly first to be mended.
    """
    from meshlab.availability.sampling.kernels.worlds import reduced

    count, failures = len(program.events), 0
    label = f"search-{which}"
    noise = np.random.Generator(np.random.Philox(key=streams(seed, label, 0, ["order"])[0]))
    with np.errstate(divide="ignore"):
        odds = np.log(program.q)
    for number in range(_SEARCHES):
        own = streams(seed, label, number, program.events)[None, :]
        rows = np.concatenate([program.rows(), np.zeros((1, TILE), np.uint64)])
        order = np.argsort(odds + noise.gumbel(size=count), kind="stable")
        failed = np.zeros(TILE, np.uint64)
        ahead = np.zeros((1, count), np.int64)
        room = (ahead, rows, program.planes())
        failures += reduced(*program.gates, own, scales(tilt)[None, :], *room, order, failed)
        worlds = np.unpackbits(failed.view(np.uint8), bitorder="little").astype(bool)
        bits = np.unpackbits(rows[2 : 2 + count].view(np.uint8), axis=1, bitorder="little")[:, worlds]
        for key in sorted({key.tobytes() for key in np.packbits(bits.T, axis=1)}):
            if key not in found:
                found[key] = float(odds[_members(key, count)].sum())
    return failures / (_SEARCHES * TILE * 64)


def _members(key: bytes, count: int) -> NDArray[np.intp]:
    return np.flatnonzero(np.unpackbits(np.frombuffer(key, np.uint8), count=count))


def _kept(found: dict[bytes, float], count: int) -> tuple[CutSets, NDArray[np.float64]]:
    """Gives the most probable cut sets, and how probable each component is in one of all of them."""
    keys = sorted(found, key=lambda key: (-found[key], key))
    logs = np.array([found[key] for key in keys])
    members = [_members(key, count) for key in keys]
    weights, shares = np.exp(logs - logs[0]), np.zeros(count)
    for weight, one in zip(weights / weights.sum(), members, strict=True):
        shares[one] += weight
    members = members[:_KEPT]
    starts = np.concatenate([[0], np.cumsum([one.size for one in members])]).astype(np.int64)
    return CutSets(logs[:_KEPT], starts, np.concatenate(members).astype(np.int64)), shares


def _at_least(q: NDArray[np.float64], bias: float | NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(q > 0, np.maximum(q, bias), 0.0)
