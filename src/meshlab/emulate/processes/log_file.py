"""The log that a process of a machine writes to a file: its last lines, and what is added to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

BLOCK = 64 * 1024
"""Bytes read at once, and the most that one piece of a log holds: far below gRPC's limit of 4 MiB per message."""
POLL_S = 0.1


async def pieces(log: Path, tail: int, follow: Callable[[], bool]) -> AsyncGenerator[bytes, None]:
    """Give the bytes of a log in pieces that may end anywhere in a line.

    Parameters
    ----------
    tail
        Begin at the last so many lines; negative: at the beginning.
    follow
        Whether to go on with what is written later, asked again before each wait. A log that has become shorter was
        begun anew, and is read from its beginning.
    """
    end = _size(log)
    position = _start_of_last(log, tail, end) if tail >= 0 else 0
    while True:
        while position < end and (block := _read(log, position, min(BLOCK, end - position))):
            position += len(block)
            yield block
        if not follow():
            return
        await asyncio.sleep(POLL_S)
        end = _size(log)
        if end < position:
            position = 0


def _start_of_last(log: Path, lines: int, end: int) -> int:
    """Where the last lines before ``end`` begin; an unfinished line is one too."""
    if lines == 0:
        return end
    position, left = end, lines
    while position > 0:
        size = min(BLOCK, position)
        block = _read(log, position - size, size)
        if position == end and block.endswith(b"\n"):
            left += 1
        count = block.count(b"\n")
        if count >= left:
            at = len(block)
            for _ in range(left):
                at = block.rindex(b"\n", 0, at)
            return position - size + at + 1
        left -= count
        position -= size
    return 0


def _size(log: Path) -> int:
    try:
        return log.stat().st_size
    except FileNotFoundError:
        return 0


def _read(log: Path, position: int, size: int) -> bytes:
    try:
        with log.open("rb") as file:
            file.seek(position)
            return file.read(size)
    except FileNotFoundError:
        return b""
