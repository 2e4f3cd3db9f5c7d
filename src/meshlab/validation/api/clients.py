"""Closed-loop clients of the Kubernetes API in a process of their own: a reader and a writer at each API server.

    python -m meshlab.validation.api.clients '{"ports": [6443, ...], ...}'

A reader gets one ConfigMap (a quorum read of etcd), a writer makes one after another. Each waits for its answer or its
time-out, pauses, and asks again. A line for each request goes to a file, as `etcd.writers` has them;
client 2k writes and client 2k + 1 reads at server k. The process ends with its parent.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    import aiohttp

PAUSE_S = 0.02
MAPS = "/api/v1/namespaces/default/configmaps"
PROBE = "probe"


@dataclass(frozen=True)
class Orders:
    """What the clients do: where the servers are (ports of 127.0.0.1), how long they wait, where it is written down."""

    ports: list[int]
    folder: str
    output: str
    timeout_s: float
    pause_s: float = PAUSE_S


def command(orders: Orders) -> list[str]:
    """The command line of a process that does it."""
    return [sys.executable, "-P", "-m", "meshlab.validation.api.clients", json.dumps(asdict(orders))]


def _session(orders: Orders) -> aiohttp.ClientSession:
    import aiohttp

    folder = Path(orders.folder)
    context = ssl.create_default_context(cafile=str(folder / "clients.crt"))
    context.load_cert_chain(folder / "admin.pem")
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context),
        timeout=aiohttp.ClientTimeout(total=orders.timeout_s),
        trust_env=False,
    )


async def _write(session: aiohttp.ClientSession, base: str, name: str) -> bool:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    async with session.post(base + MAPS, json=body) as answer:
        await answer.read()
        return answer.status == 201


async def _read(session: aiohttp.ClientSession, base: str) -> bool:
    async with session.get(f"{base}{MAPS}/{PROBE}") as answer:
        await answer.read()
        return answer.status == 200


async def _ask(number: int, orders: Orders, out: TextIO) -> None:
    import aiohttp

    base = f"https://127.0.0.1:{orders.ports[number // 2]}"
    count = 0
    async with _session(orders) as session:
        while True:
            count += 1
            start = time.monotonic()
            try:
                if number % 2:
                    done = await _read(session, base)
                else:
                    done = await _write(session, base, f"c{number}-{count}")
            except (aiohttp.ClientError, TimeoutError, OSError):
                done = False
            out.write(f"{number} {start:.6f} {time.monotonic():.6f} {int(done)}\n")
            await asyncio.sleep(orders.pause_s)


async def _probe(orders: Orders) -> None:
    """Makes the ConfigMap that is read."""
    import aiohttp

    base = f"https://127.0.0.1:{orders.ports[0]}"
    async with _session(orders) as session:
        while True:
            try:
                if await _read(session, base) or await _write(session, base, PROBE):
                    return
            except (aiohttp.ClientError, TimeoutError, OSError):
                pass
            await asyncio.sleep(0.2)


async def _all(orders: Orders) -> None:
    with Path(orders.output).open("w", buffering=1) as out:
        await _probe(orders)
        await asyncio.gather(*(_ask(k, orders, out) for k in range(2 * len(orders.ports))))


def main() -> None:
    """Runs the clients that the first argument describes."""
    asyncio.run(_all(Orders(**json.loads(sys.argv[1]))))


if __name__ == "__main__":
    main()
