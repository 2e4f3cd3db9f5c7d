"""One fault after another on a real etcd group with an API server on each member, and what clients of the API saw.

``kill``: the etcd leader's process. ``kill-machine``: the leader's process and the API server beside it. Counted are
the clients of the other API servers.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from meshlab.validation.api.group import ApiProcesses
from meshlab.validation.etcd import writers
from meshlab.validation.etcd.trials import GIVE_UP_ELECTIONS, agreed, new_term
from meshlab.validation.setting import CannotValidate, Setting

READY_S = 120.0
CALM_S = 1.0


@dataclass(frozen=True)
class ApiTrial:
    """What one fault did, in seconds.

    ``leader_after`` and ``terms`` as in :class:`~meshlab.validation.etcd.trials.Trial`. ``outages``: per writer at a
    surviving API server, from the fault to the first success of a request begun after it; ``read_outages``: per reader.
    """

    leader_after: float | None
    terms: int
    outages: list[float]
    read_outages: list[float]


async def trials(setting: Setting, folder: Path) -> AsyncIterator[ApiTrial]:
    """Starts everything, does ``setting.repeats`` faults, and ends it however the loop is left."""
    rng = random.Random(setting.seed)
    group = ApiProcesses(setting, folder)
    try:
        await group.start()
        for _ in range(setting.repeats):
            yield await _trial(group, setting, rng)
    finally:
        await group.close()


async def _trial(group: ApiProcesses, setting: Setting, rng: random.Random) -> ApiTrial:
    await _through(group, range(2 * setting.members))
    leader, term = await agreed(group.etcd, setting)
    await asyncio.sleep(CALM_S + rng.random() * setting.election)
    others = [i for i in range(setting.members) if i != leader]
    on_file = group.requests.stat().st_size
    at = group.etcd.signal_kill(leader)
    if setting.fault == "kill-machine":
        await group.kill_server(leader)
    found = await group.etcd.first_leader(others, at + GIVE_UP_ELECTIONS * setting.election)
    rose = await new_term(group.etcd, found[0], term) - term if found is not None else 0
    asking = [client for i in others for client in (2 * i, 2 * i + 1)]
    longest = GIVE_UP_ELECTIONS * setting.election + 2 * setting.client_timeout
    first = await _first_success(group, asking, at, on_file, at + longest)
    await group.etcd.kill(leader)  # waits for its end
    await group.etcd.start_member(leader)
    if setting.fault == "kill-machine":
        await group.start_server(leader)
    after = [first.get(client, at + longest) - at for client in asking]
    return ApiTrial(None if found is None else found[2] - at, rose, after[::2], after[1::2])


async def _first_success(
    group: ApiProcesses, clients: list[int], at: float, on_file: int, deadline: float
) -> dict[int, float]:
    """When each client first got through with a request that it began after the fault."""
    first: dict[int, float] = {}
    while time.monotonic() < deadline and len(first) < len(clients):
        await asyncio.sleep(0.1)
        first = {}
        for request in writers.read(group.requests, on_file):
            if request.writer in clients and request.done and request.start >= at:
                first.setdefault(request.writer, request.end)
    return first


async def _through(group: ApiProcesses, clients: range) -> None:
    """Waits until every client gets through again."""
    begun = time.monotonic()
    end = begun + READY_S
    on_file = group.requests.stat().st_size if group.requests.exists() else 0
    while True:
        seen = {r.writer for r in writers.read(group.requests, on_file) if r.done and r.start >= begun}
        if seen >= set(clients):
            return
        if time.monotonic() > end:
            silent = sorted({client // 2 for client in clients if client not in seen})
            raise CannotValidate(f"api: clients do not get through: {_last_words(group, silent[0])}")
        await asyncio.sleep(0.2)


def _last_words(group: ApiProcesses, server: int) -> str:
    log = group.folder / f"api-{server}.log"
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return f"the log of API server {server} ends: {' / '.join(lines[-2:]) or '(nothing)'}"
