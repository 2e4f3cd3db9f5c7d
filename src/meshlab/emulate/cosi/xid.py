"""Ids of events as Talos makes them: xids, which sort by the second and tell it (github.com/rs/xid)."""

from __future__ import annotations

import secrets
import time

ALPHABET = "0123456789abcdefghijklmnopqrstuv"
_COUNTER_BITS = 24


class Xids:
    """Makes the ids of one source, each greater than the one before.

    An id is 12 bytes - Unix seconds (4), who makes it (5), a counter (3) - written as 20 characters of base32hex in
    lower case. The counter begins at a random number; where it comes round, and where the clock is put back, the
    second counts on from the last id's, so that ids sort in the order in which they were made.
    """

    def __init__(self) -> None:
        self._maker = secrets.token_bytes(5)
        self._counter = secrets.randbits(_COUNTER_BITS - 1)
        self._second = 0

    def make(self) -> str:
        """Give the next id."""
        self._second = max(self._second, int(time.time()))
        self._counter += 1
        if self._counter >> _COUNTER_BITS:
            self._counter = 0
            self._second += 1
        raw = self._second.to_bytes(4, "big") + self._maker + self._counter.to_bytes(3, "big")
        number = int.from_bytes(raw, "big") << 4  # 96 bits in 20 characters of five
        return "".join(ALPHABET[number >> shift & 31] for shift in range(95, -1, -5))
