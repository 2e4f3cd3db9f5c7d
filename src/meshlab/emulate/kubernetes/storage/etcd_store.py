"""Objects kept in a real etcd, reached through one member's client URL."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from meshlab.emulate.etcd.client import EtcdClient
from meshlab.emulate.etcd.wire import Compacted, Compare, EtcdError, EtcdUnavailable, KeyValue, Op, prefix_end
from meshlab.emulate.kubernetes.storage.store import (
    Change,
    KeyChanged,
    KeyExists,
    Page,
    RevisionCompacted,
    StorageUnavailable,
    Stored,
)

REQUEST_TIMEOUT_S = 7.0
"""etcd gives up on a request after 5 s + 2 election time-outs of 1 s; nothing here waits longer."""

_LEASE_SHARE_S = 60.0
"""Objects with a time to live that are made within a minute share an etcd lease, as in the real server."""


def _stored(kv: KeyValue) -> Stored:
    return Stored(kv.key.decode(), kv.value, kv.mod_revision)


class EtcdStorage:
    """:class:`~.storage.Storage` on one etcd member; several of them on one cluster agree.

    Parameters
    ----------
    client
        A client of the local member; :meth:`close` closes it.
    timeout_s
        Longest wait for one answer, in seconds.
    """

    def __init__(self, client: EtcdClient, timeout_s: float = REQUEST_TIMEOUT_S) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._leases: dict[int, tuple[int, float]] = {}

    @contextlib.asynccontextmanager
    async def _limited(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout_s + 0.5):
                yield
        except (EtcdUnavailable, TimeoutError) as error:
            raise StorageUnavailable(str(error)) from None
        except Compacted as error:
            raise RevisionCompacted(error.message) from None
        except EtcdError as error:
            raise StorageUnavailable(error.message) from None

    async def get(self, key: str) -> Stored | None:
        async with self._limited():
            found = await self._client.range(key.encode())
        return _stored(found.kvs[0]) if found.kvs else None

    async def page(self, prefix: str, *, limit: int = 0, revision: int = 0, start: str = "") -> Page:
        async with self._limited():
            first = max(prefix, start).encode()
            found = await self._client.range(
                first, prefix_end(prefix.encode()), limit=limit, revision=revision
            )
        remaining = max(0, found.count - len(found.kvs)) if found.more else 0
        return Page([_stored(kv) for kv in found.kvs], revision or found.revision, remaining)

    async def _lease(self, ttl_s: int) -> int:
        if not ttl_s:
            return 0
        lease, made = self._leases.get(ttl_s, (0, 0.0))
        if not lease or time.monotonic() - made > _LEASE_SHARE_S:
            lease = await self._client.lease_grant(ttl_s + int(_LEASE_SHARE_S))
            self._leases[ttl_s] = (lease, time.monotonic())
        return lease

    async def create(self, key: str, value: bytes, *, ttl_s: int = 0) -> int:
        name = key.encode()
        async with self._limited():
            lease = await self._lease(ttl_s)
            done = await self._client.txn(
                [Compare(name, "MOD", "EQUAL", 0)], [Op.put(name, value, lease=lease)]
            )
        if not done.succeeded:
            raise KeyExists(key)
        return done.revision

    async def update(self, key: str, value: bytes, expected: int, *, ttl_s: int = 0) -> int:
        name = key.encode()
        async with self._limited():
            lease = await self._lease(ttl_s)
            done = await self._client.txn(
                [Compare(name, "MOD", "EQUAL", expected)], [Op.put(name, value, lease=lease)]
            )
        if not done.succeeded:
            raise KeyChanged(key)
        return done.revision

    async def delete(self, key: str, expected: int) -> int:
        name = key.encode()
        async with self._limited():
            done = await self._client.txn([Compare(name, "MOD", "EQUAL", expected)], [Op.delete(name)])
        if not done.succeeded:
            raise KeyChanged(key)
        return done.revision

    async def watch(self, prefix: str, start_revision: int) -> AsyncIterator[list[Change]]:
        key = prefix.encode()
        stream = self._client.watch(
            key, prefix_end(key), start_revision=start_revision, prev_kv=True, progress=True
        )
        try:
            async with contextlib.aclosing(stream):
                async for batch in stream:
                    yield [
                        Change(
                            e.kv.key.decode(),
                            e.kv.value if e.type == "PUT" else None,
                            e.prev_kv.value if e.prev_kv is not None else None,
                            e.kv.mod_revision,
                        )
                        for e in batch.events
                    ]
        except Compacted as error:
            raise RevisionCompacted(error.message) from None
        except (EtcdUnavailable, EtcdError) as error:
            raise StorageUnavailable(str(error)) from None

    async def healthy(self) -> bool:
        try:
            async with asyncio.timeout(2.0):
                return await self._client.health()
        except TimeoutError:
            return False

    async def close(self) -> None:
        """Closes the client."""
        await self._client.close()
