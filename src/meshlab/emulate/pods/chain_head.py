"""How far a chain node has come: the tip of its network by the clock, and a head that follows it.

The tip is a function of wall time alone, so a stopped node falls behind. Numbers that are not the chain's own
rules come from the parameter table (group H.*) and are marked with its provenance.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_STEP_S = 1.0
"""A head moves by at most so many seconds' worth per look, so that a paused node has stood still."""


@dataclass(frozen=True)
class Chain:
    """How one chain's network and node behave.

    Parameters
    ----------
    block_s
        Seconds per slot or block.
    anchor_height, anchor_time
        A block of the main network and its Unix time; the tip is reckoned from there.
    catch_up_per_s
        Blocks per second that a node behind the tip replays.
    warm_start_s
        From the start of the process until it follows the chain, seconds.
    fresh_behind_s
        How old the snapshot or checkpoint is that an empty data directory starts from, seconds.
    unclean_rewind
        Blocks lost when the node did not shut down in order.
    unhealthy_behind
        So many blocks behind the tip the node says that it is not healthy.
    """

    name: str
    block_s: float
    anchor_height: int
    anchor_time: float
    catch_up_per_s: float
    warm_start_s: float
    fresh_behind_s: float
    unclean_rewind: int
    unhealthy_behind: int

    def tip(self, now: float) -> float:
        """Height of the network at a Unix time; the fraction is how far the next block is."""
        return self.anchor_height + (now - self.anchor_time) / self.block_s

    def time_of(self, height: int) -> float:
        """Unix time of a block."""
        return self.anchor_time + (height - self.anchor_height) * self.block_s


CHAINS = {
    chain.name: chain
    for chain in (
        # slot 398 664 619 on 2026-02-07 [S H.solana observed slot]; replay 5 slots/s, warm start 10 min [E];
        # unhealthy at 128 slots [S health_behind_slots]
        Chain("solana", 0.4, 398_664_619, 1_770_422_400, 5.0, 600.0, 600.0, 0, 128),
        # first block after the Merge [K]; catch-up 20 blocks/s, warm start 2 min [E]; geth keeps dirty state
        # in memory and goes back up to 128 blocks after an unclean end [K]
        Chain("ethereum", 12.0, 15_537_394, 1_663_224_179, 20.0, 120.0, 600.0, 128, 8),
        # genesis of the main network [K]; catch-up 30 blocks/s [E], warm start 3 min [E]
        Chain("tron", 3.0, 0, 1_529_891_469, 30.0, 180.0, 600.0, 0, 20),
    )
}


@dataclass(frozen=True)
class View:
    """What a node knows at one moment: its head, the network's tip, and whether it follows the chain yet."""

    chain: Chain
    now: float
    head: int
    tip: int
    following: bool
    peers: int
    identity: str

    @property
    def behind(self) -> int:
        """Blocks behind the tip."""
        return max(0, self.tip - self.head)

    @property
    def healthy(self) -> bool:
        """Whether it follows the chain closely enough by the chain's own rule."""
        return self.following and self.behind < self.chain.unhealthy_behind


class Head:
    """The head of one node, kept in its data directory.

    Parameters
    ----------
    speed
        Start-up and catch-up run so many times faster than real; block times stay real.
    clock
        Gives Unix time, seconds.

    Raises
    ------
    ValueError
        The directory holds the data of another chain, or a damaged record.
    """

    def __init__(
        self, chain: Chain, directory: Path, *, speed: float = 1.0, clock: Callable[[], float] = time.time
    ) -> None:
        self._chain = chain
        self._file = directory / "head.json"
        self._clock = clock
        self._rate = max(chain.catch_up_per_s, 1.2 / chain.block_s) * speed
        directory.mkdir(parents=True, exist_ok=True)
        now = clock()
        self._height, self._identity = self._load(now)
        self._height = min(self._height, chain.tip(now))
        self._follows_at = now + chain.warm_start_s / speed
        self._seen = now
        self.save(clean=False)

    def _load(self, now: float) -> tuple[float, str]:
        try:
            record = json.loads(self._file.read_text())
        except FileNotFoundError:
            return self._chain.tip(now - self._chain.fresh_behind_s), secrets.token_hex(32)
        except ValueError as error:
            raise ValueError(
                f"{self._file} is damaged ({error}); remove its directory to sync anew"
            ) from error
        if record["chain"] != self._chain.name:
            raise ValueError(
                f"{self._file.parent} holds the data of a {record['chain']} node, not of a {self._chain.name} node"
            )
        lost = 0 if record["clean"] else self._chain.unclean_rewind
        return max(0, record["height"] - lost), str(record["identity"])

    def view(self) -> View:
        """Where the node is now; the head moves on by the time since the last look."""
        now = self._clock()
        passed = min(now - max(self._seen, self._follows_at), _STEP_S)
        self._seen = now
        if passed > 0:
            self._height = min(self._chain.tip(now), self._height + self._rate * passed)
        following = now >= self._follows_at
        return View(
            self._chain,
            now,
            int(self._height),
            int(self._chain.tip(now)),
            following,
            25 if following else 0,
            self._identity,
        )

    def save(self, *, clean: bool) -> None:
        """Writes the head to disk, durably; ``clean`` at an orderly end."""
        record = {
            "chain": self._chain.name,
            "height": int(self._height),
            "identity": self._identity,
            "clean": clean,
        }
        fresh = self._file.with_suffix(".new")
        with fresh.open("w") as file:
            json.dump(record, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._file)
