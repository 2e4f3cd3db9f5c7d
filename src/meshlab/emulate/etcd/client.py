"""A client of real etcd over its JSON gateway, with the calls an API server and a machine need.

The gateway is part of every etcd since 3.0 (``/v3/...``, JSON over HTTP); its streams are lines of
``{"result": ...}``.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Any

from meshlab.emulate.etcd.wire import (
    Alarm,
    Compacted,
    Compare,
    DeleteResponse,
    EtcdError,
    EtcdUnavailable,
    KeyValue,
    Member,
    Op,
    PutResponse,
    RangeResult,
    Status,
    TxnResult,
    WatchBatch,
    WatchEvent,
    member_of,
    prefix_end,
    put_json,
    range_result,
    refusal,
    revision_of,
    span,
    txn_response,
    watch_event,
)
from meshlab.emulate.network.sockets import outgoing

if TYPE_CHECKING:
    import aiohttp

__all__ = [
    "Alarm",
    "Compacted",
    "Compare",
    "DeleteResponse",
    "EtcdClient",
    "EtcdError",
    "EtcdUnavailable",
    "KeyValue",
    "Member",
    "Op",
    "PutResponse",
    "RangeResult",
    "Status",
    "TxnResult",
    "WatchBatch",
    "WatchEvent",
    "prefix_end",
]


class EtcdClient:
    """Calls one member of an etcd cluster.

    Parameters
    ----------
    base_url
        Client URL of the member, such as ``https://127.20.1.11:2379``.
    ssl_context
        Trusts etcd's CA and holds a client certificate; None for plain HTTP.
    local_addr
        Loopback address of the machine that calls, so that the fabric knows the source.
    timeout_s
        Longest wait for one answer. etcd itself gives up on a request after 5 s + 2 election time-outs (7 s).
    """

    def __init__(
        self,
        base_url: str,
        ssl_context: ssl.SSLContext | None = None,
        local_addr: str | None = None,
        *,
        timeout_s: float = 10.0,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._ssl = ssl_context
        self._local_addr = local_addr
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    def _http(self) -> aiohttp.ClientSession:
        import aiohttp

        if self._session is None or self._session.closed:
            connector = aiohttp.TCPConnector(
                ssl=self._ssl if self._ssl is not None else True,
                local_addr=None if self._local_addr is None else (self._local_addr, 0),
                socket_factory=outgoing,
                limit=0,
            )
            self._session = aiohttp.ClientSession(connector=connector, trust_env=False)
        return self._session

    async def close(self) -> None:
        """Closes all connections; open watches end."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> EtcdClient:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def _call(
        self, path: str, body: dict[str, Any], *, timeout_s: float | None = None
    ) -> dict[str, Any]:
        import aiohttp

        limit = aiohttp.ClientTimeout(total=timeout_s or self._timeout_s)
        try:
            async with self._http().post(self.base_url + path, json=body, timeout=limit) as answer:
                text = await answer.text()
                status = answer.status
        except TimeoutError as error:
            raise EtcdUnavailable(f"{self.base_url}: no answer to {path} within {limit.total:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise EtcdUnavailable(f"{self.base_url}: {error}") from error
        return self._answer(status, text, path)

    def _answer(self, status: int, text: str, path: str) -> dict[str, Any]:
        try:
            data = json.loads(text)
        except ValueError as error:
            raise EtcdUnavailable(
                f"{self.base_url}: {path} answered HTTP {status}: {text[:200]!r}"
            ) from error
        if status != 200 or "code" in data:
            raise refusal(int(data.get("code", 2)), str(data.get("message", data.get("error", text[:200]))))
        return dict(data)

    async def _stream(
        self, path: str, body: dict[str, Any], idle_s: float | None
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The results of a streaming call; ``idle_s`` seconds without a byte count as unavailable."""
        import aiohttp

        limit = aiohttp.ClientTimeout(total=None, sock_connect=self._timeout_s, sock_read=idle_s)
        headers = {"Grpc-Metadata-hasleader": "true"}  # a member that loses its leader ends the stream
        try:
            async with self._http().post(
                self.base_url + path, json=body, timeout=limit, headers=headers
            ) as answer:
                if answer.status != 200:
                    self._answer(answer.status, await answer.text(), path)
                async for line in _lines(answer.content):
                    message = json.loads(line)
                    if "error" in message:
                        error = message["error"]
                        code = int(error.get("grpc_code", error.get("code", 2)))
                        raise refusal(code, str(error.get("message", error)))
                    yield message["result"]
        except TimeoutError as error:
            raise EtcdUnavailable(f"{self.base_url}: {path} has been silent for {idle_s} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise EtcdUnavailable(f"{self.base_url}: {error}") from error

    async def range(
        self,
        key: bytes,
        range_end: bytes | None = None,
        *,
        limit: int = 0,
        revision: int = 0,
        serializable: bool = False,
        keys_only: bool = False,
        count_only: bool = False,
    ) -> RangeResult:
        """Reads a key, or the keys of [key, range_end) in key order.

        Parameters
        ----------
        limit
            At most so many keys; 0 for all.
        revision
            As of this revision; 0 for now.
        serializable
            Answered from this member's own copy without asking the quorum: may be stale, works without a
            leader.

        Raises
        ------
        Compacted
            The revision is older than the last compaction.
        """
        body = span(key, range_end) | {
            "limit": str(limit),
            "revision": str(revision),
            "serializable": serializable,
            "keys_only": keys_only,
            "count_only": count_only,
        }
        return range_result(await self._call("/v3/kv/range", body))

    async def put(self, key: bytes, value: bytes, *, lease: int = 0) -> int:
        """Writes a key and gives the store's new revision."""
        return revision_of(await self._call("/v3/kv/put", put_json(key, value, lease)))

    async def delete(self, key: bytes, range_end: bytes | None = None) -> tuple[int, int]:
        """Deletes a key, or the keys of [key, range_end); gives (how many, revision)."""
        data = await self._call("/v3/kv/deleterange", span(key, range_end))
        return int(data.get("deleted", 0)), revision_of(data)

    async def txn(
        self, compare: Sequence[Compare], success: Sequence[Op], failure: Sequence[Op] = ()
    ) -> TxnResult:
        """Runs ``success`` if all conditions hold, else ``failure``, atomically."""
        body = {
            "compare": [condition.as_json() for condition in compare],
            "success": [{f"request_{op.kind}": op.request} for op in success],
            "failure": [{f"request_{op.kind}": op.request} for op in failure],
        }
        data = await self._call("/v3/kv/txn", body)
        responses = [txn_response(answer) for answer in data.get("responses", [])]
        return TxnResult(bool(data.get("succeeded", False)), revision_of(data), responses)

    async def watch(
        self,
        key: bytes,
        range_end: bytes | None = None,
        *,
        start_revision: int = 0,
        prev_kv: bool = True,
        progress: bool = False,
        idle_s: float | None = None,
    ) -> AsyncGenerator[WatchBatch, None]:
        """Follows the changes of a key, or of [key, range_end), from ``start_revision`` (0: from now on).

        To miss nothing after a read, start at its revision + 1. With ``progress`` also batches without events
        are given, at the server's progress interval.

        Parameters
        ----------
        idle_s
            So many seconds without a byte count as a lost connection. A cut link is silent, so set this to a
            few of the server's progress intervals, with ``progress``; None waits for ever.

        Raises
        ------
        Compacted
            The start revision is older than the last compaction.
        EtcdUnavailable
            The connection broke, went silent, or the member lost its leader; resume at the last revision + 1.
        """
        request = span(key, range_end) | {
            "start_revision": str(start_revision),
            "prev_kv": prev_kv,
            "progress_notify": progress,
        }
        stream = self._stream("/v3/watch", {"create_request": request}, idle_s)
        async with contextlib.aclosing(stream):
            async for result in stream:
                if int(result.get("compact_revision", 0)):
                    raise Compacted(int(result["compact_revision"]))
                if result.get("canceled", False):
                    raise EtcdUnavailable(
                        f"watch cancelled: {result.get('cancel_reason', 'no reason given')}"
                    )
                events = [watch_event(event) for event in result.get("events", [])]
                if events or (progress and not result.get("created", False)):
                    yield WatchBatch(revision_of(result), events)
        raise EtcdUnavailable(f"{self.base_url}: the watch stream ended")

    async def compact(self, revision: int) -> None:
        """Forgets everything older than ``revision``; waits until it is done on disk."""
        await self._call("/v3/kv/compaction", {"revision": str(revision), "physical": True})

    async def lease_grant(self, ttl_s: int) -> int:
        """Makes a lease that ends ``ttl_s`` seconds after its last renewal, and gives its id."""
        return int((await self._call("/v3/lease/grant", {"TTL": str(ttl_s)}))["ID"])

    async def lease_revoke(self, lease: int) -> None:
        """Ends a lease; the keys bound to it are deleted."""
        await self._call("/v3/lease/revoke", {"ID": str(lease)})

    async def member_list(self, *, linearizable: bool = True) -> list[Member]:
        """The members of the cluster, by id."""
        data = await self._call("/v3/cluster/member/list", {"linearizable": linearizable})
        return sorted((member_of(member) for member in data.get("members", [])), key=lambda member: member.id)

    async def member_add(self, peer_urls: Sequence[str], *, learner: bool = True) -> Member:
        """Adds a member, as a learner without a vote unless told otherwise."""
        body = {"peerURLs": list(peer_urls), "isLearner": learner}
        return member_of((await self._call("/v3/cluster/member/add", body))["member"])

    async def member_promote(self, member_id: int) -> list[Member]:
        """Gives a learner its vote; refused (code 9) while it lags behind the leader."""
        data = await self._call("/v3/cluster/member/promote", {"ID": str(member_id)})
        return [member_of(member) for member in data.get("members", [])]

    async def member_remove(self, member_id: int) -> list[Member]:
        """Removes a member."""
        data = await self._call("/v3/cluster/member/remove", {"ID": str(member_id)})
        return [member_of(member) for member in data.get("members", [])]

    async def status(self) -> Status:
        """What this member says about itself."""
        data = await self._call("/v3/maintenance/status", {})
        return Status(
            str(data.get("version", "")),
            int(data.get("dbSize", 0)),
            int(data.get("leader", 0)),
            int(data.get("raftIndex", 0)),
            int(data.get("raftTerm", 0)),
            int(data.get("raftAppliedIndex", 0)),
            bool(data.get("isLearner", False)),
            [str(error) for error in data.get("errors", [])],
            int(data["header"]["member_id"]),
        )

    async def move_leader(self, target_id: int) -> None:
        """Hands leadership to another member; only the leader can be asked (else EtcdError)."""
        await self._call("/v3/maintenance/transfer-leadership", {"targetID": str(target_id)})

    async def alarms(self) -> list[Alarm]:
        """The alarms that are raised."""
        data = await self._call("/v3/maintenance/alarm", {"action": "GET"})
        return [Alarm(int(a.get("memberID", 0)), str(a.get("alarm", ""))) for a in data.get("alarms", [])]

    async def defragment(self) -> None:
        """Gives free pages of this member's database back to the disk; the member stalls meanwhile."""
        await self._call("/v3/maintenance/defragment", {}, timeout_s=120.0)

    async def snapshot(self) -> AsyncGenerator[bytes, None]:
        """The member's database as chunks of a file (with etcd's SHA-256 at its end)."""
        stream = self._stream("/v3/maintenance/snapshot", {}, self._timeout_s)
        async with contextlib.aclosing(stream):
            async for result in stream:
                blob = base64.b64decode(result.get("blob", ""))
                if blob:
                    yield blob

    async def health(self) -> bool:
        """Whether the member answers that it is healthy: it has a leader and can commit."""
        import aiohttp

        limit = aiohttp.ClientTimeout(total=self._timeout_s)
        try:
            async with self._http().get(self.base_url + "/health", timeout=limit) as answer:
                return bool(json.loads(await answer.text()).get("health") == "true")
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
            return False

    async def wait_healthy(self, deadline_s: float = 30.0) -> None:
        """Waits until the member is healthy.

        Raises
        ------
        EtcdUnavailable
            It is not within ``deadline_s`` seconds.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + deadline_s
        while not await self.health():
            if loop.time() > end:
                raise EtcdUnavailable(f"{self.base_url} is not healthy after {deadline_s:g} s")
            await asyncio.sleep(0.05)


async def _lines(content: aiohttp.StreamReader) -> AsyncGenerator[bytes, None]:
    """Lines of any length (a snapshot chunk is longer than aiohttp's own limit for a line)."""
    parts: list[bytes] = []
    async for chunk in content.iter_any():
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            parts.append(piece)
            line = b"".join(parts)
            parts = []
            if line.strip():
                yield line
        if rest:
            parts.append(rest)
    if parts:
        yield b"".join(parts)
