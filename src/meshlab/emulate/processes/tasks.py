"""Ending a background task without swallowing one's own cancellation."""

from __future__ import annotations

import asyncio
from typing import Any


async def end(task: asyncio.Task[Any] | None) -> None:
    """Cancels a task and waits until it is over, however it ends.

    Awaiting the task itself under ``suppress(CancelledError)`` would also swallow a cancellation of the caller,
    who then runs on for ever.
    """
    if task is None or task is asyncio.current_task():
        return
    task.cancel()
    await asyncio.wait([task])
