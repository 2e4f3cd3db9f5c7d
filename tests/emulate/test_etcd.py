"""Real etcd processes behind the fabric."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

import pytest
from certificates import Authority

from meshlab.emulate.etcd.client import (
    Compacted,
    Compare,
    EtcdClient,
    EtcdError,
    EtcdUnavailable,
    Op,
    RangeResult,
    WatchBatch,
    prefix_end,
)
from meshlab.emulate.etcd.member import EtcdMember, TlsFiles
from meshlab.emulate.network.fabric import Fabric, LinkPolicy
from meshlab.emulate.processes.processes import ProcessTable, leftovers
from own_addresses import network
from own_time import PATIENCE_S

MACHINES = {f"m{i}": f"{network(0)}.20.{i}" for i in (1, 2, 3)}
CUT = LinkPolicy(cut=True)
T = TypeVar("T")


class Cluster:
    """Members of an etcd cluster on machines m1, m2, m3, and a client of each that dials from its machine."""

    def __init__(self, directory: Path, stack: AsyncExitStack) -> None:
        authority = Authority(directory)
        self.fabric = Fabric(MACHINES)
        self.processes = ProcessTable(directory / "state", self.fabric)
        self.members: dict[str, EtcdMember] = {}
        self.tls: dict[str, TlsFiles] = {}
        self._clients: dict[str, EtcdClient] = {}
        self._stack = stack
        for name, address in MACHINES.items():
            tls = self.tls[name] = authority.issue(name, [address, address.replace("10.", "127.", 1)])
            self.members[name] = EtcdMember(
                name,
                address,
                data_dir=directory / name / "etcd",
                client_tls=tls,
                peer_tls=tls,
                processes=self.processes,
                fabric=self.fabric,
            )

    async def start(self, *names: str) -> None:
        urls = {name: self.members[name].peer_url for name in names}
        for name in names:
            await self.members[name].start(urls)
        await asyncio.gather(*(self.members[name].wait_healthy(PATIENCE_S) for name in names))

    async def client(self, name: str) -> EtcdClient:
        if name not in self._clients:
            client = self.members[name].client(self.members[name].host)
            self._clients[name] = await self._stack.enter_async_context(client)
        return self._clients[name]

    async def leader(self, *names: str) -> str:
        """The machine that all of ``names`` hold for the leader, once they agree on one of themselves."""
        ids: dict[int, str] = {}
        while True:
            said = set()
            for name in names:
                try:
                    status = await (await self.client(name)).status()
                except EtcdUnavailable:
                    said.add(0)
                    continue
                ids[status.member_id] = name
                said.add(status.leader)
            if len(said) == 1 and (leader := said.pop()) in ids:
                return ids[leader]
            await asyncio.sleep(0.02)


@asynccontextmanager
async def cluster(directory: Path) -> AsyncIterator[Cluster]:
    async with AsyncExitStack() as stack:
        it = Cluster(directory, stack)
        try:
            yield it
        finally:
            await stack.aclose()
            await it.processes.close(grace_s=0)
            await it.fabric.close()
    assert leftovers(directory / "state") == []


def run(directory: Path, scenario: Callable[[Cluster], Awaitable[None]]) -> None:
    async def main() -> None:
        async with cluster(directory) as it, asyncio.timeout(PATIENCE_S):
            await scenario(it)

    asyncio.run(main())


async def answered(ask: Callable[[], Awaitable[T]]) -> T:
    """The first answer of a member that may still be finding its leader."""
    while True:
        try:
            return await ask()
        except EtcdUnavailable:
            await asyncio.sleep(0.05)


async def quickest_put_s(client: EtcdClient, below_s: float) -> float:
    """The least of as many writes as it takes for one to be below a time: what the links cost, not the machine."""
    took = [below_s]
    while took[-1] >= below_s:
        began = time.perf_counter()
        await answered(lambda: client.put(b"/latency", b"x"))
        took.append(time.perf_counter() - began)
    return min(took)


def test_one_member_serves_the_calls_an_api_server_needs(tmp_path: Path) -> None:
    async def scenario(it: Cluster) -> None:
        await it.start("m1")
        etcd = await it.client("m1")
        assert await etcd.health()

        created = await etcd.put(b"/pods/a", b"\x00\xff")
        await etcd.put(b"/pods/b", b"2")
        await etcd.put(b"/nodes/a", b"3")
        both = await etcd.range(b"/pods/", prefix_end(b"/pods/"))
        assert [(kv.key, kv.value) for kv in both.kvs] == [(b"/pods/a", b"\x00\xff"), (b"/pods/b", b"2")]
        first = await etcd.range(b"/pods/", prefix_end(b"/pods/"), limit=1)
        assert (len(first.kvs), first.more, first.count) == (1, True, 2)
        counted = await etcd.range(b"/pods/", prefix_end(b"/pods/"), count_only=True)
        assert (counted.kvs, counted.count) == ([], 2)
        keys = await etcd.range(b"/pods/a", keys_only=True)
        assert [(kv.key, kv.value, kv.mod_revision) for kv in keys.kvs] == [(b"/pods/a", b"", created)]

        unchanged = Compare(b"/pods/a", "MOD", "EQUAL", created)
        swap = await etcd.txn([unchanged], [Op.put(b"/pods/a", b"new")], [Op.get(b"/pods/a")])
        assert swap.succeeded
        late = await etcd.txn([unchanged], [Op.put(b"/pods/a", b"late")], [Op.get(b"/pods/a")])
        assert not late.succeeded
        assert isinstance(late.responses[0], RangeResult)
        assert late.responses[0].kvs[0].value == b"new"
        absent = Compare(b"/pods/c", "CREATE", "EQUAL", 0)
        assert (await etcd.txn([absent], [Op.put(b"/pods/c", b"")])).succeeded
        as_was = await etcd.range(b"/pods/a", revision=created)
        assert as_was.kvs[0].value == b"\x00\xff"

        assert (await etcd.delete(b"/pods/", prefix_end(b"/pods/")))[0] == 3
        lease = await etcd.lease_grant(60)
        await etcd.put(b"/events/a", b"", lease=lease)
        await etcd.lease_revoke(lease)
        assert (await etcd.range(b"/events/a")).kvs == []

        await etcd.compact((await etcd.range(b"/")).revision)
        with pytest.raises(Compacted):
            await etcd.range(b"/pods/a", revision=created)
        with pytest.raises(Compacted) as compacted:
            async for _ in etcd.watch(b"/", start_revision=created):
                pass
        assert compacted.value.revision > created
        with pytest.raises(EtcdError, match="key is not provided"):
            await etcd.put(b"", b"")
        await etcd.defragment()
        assert await etcd.alarms() == []
        blob = b"".join([chunk async for chunk in etcd.snapshot()])
        assert len(blob) == (await etcd.status()).db_size + 32  # the database and its SHA-256

    run(tmp_path, scenario)


def test_a_watch_from_a_revision_sees_every_change_after_it_and_progress(tmp_path: Path) -> None:
    async def scenario(it: Cluster) -> None:
        it.members["m1"]._timers = type(it.members["m1"]._timers)(progress_ms=200)
        await it.start("m1")
        etcd = await it.client("m1")
        at = await etcd.put(b"/a/1", b"one")
        await etcd.put(b"/b/1", b"elsewhere")
        await etcd.put(b"/a/1", b"two")
        await etcd.delete(b"/a/1")
        seen: list[WatchBatch] = []
        async for batch in etcd.watch(b"/a/", prefix_end(b"/a/"), start_revision=at + 1, progress=True):
            seen.append(batch)
            if not batch.events:
                break
        events = [event for batch in seen for event in batch.events]
        assert [(e.type, e.kv.value, e.prev_kv.value if e.prev_kv else None) for e in events] == [
            ("PUT", b"two", b"one"),
            ("DELETE", b"", b"two"),
        ]
        assert seen[-1].revision >= events[-1].kv.mod_revision

    run(tmp_path, scenario)


def test_a_learner_joins_and_is_promoted_to_a_voter(tmp_path: Path) -> None:
    async def scenario(it: Cluster) -> None:
        await it.start("m1")
        etcd = await it.client("m1")
        m1, m2 = it.members["m1"], it.members["m2"]
        added = await etcd.member_add([m2.peer_url])
        assert added.is_learner
        await m2.start({"m1": m1.peer_url, "m2": m2.peer_url}, state="existing")
        while True:
            try:
                await etcd.member_promote(added.id)
                break
            except (EtcdError, EtcdUnavailable):  # not yet in step with the leader
                await asyncio.sleep(0.05)
        assert [(m.name, m.is_learner) for m in await etcd.member_list() if m.id == added.id] == [
            ("m2", False)
        ]
        while await it.leader("m1", "m2") != "m2":
            # raft gives a transfer up that takes longer than an election timeout, as on a busy machine
            with suppress(EtcdError, EtcdUnavailable):
                await etcd.move_leader(added.id)
        m1_id = (await etcd.status()).member_id
        while True:
            try:
                await (await it.client("m2")).member_remove(m1_id)
                break
            except EtcdUnavailable as refused:  # until the two have been connected for 5 s
                assert "unhealthy cluster" in str(refused)
                await asyncio.sleep(0.1)
        assert [m.name for m in await (await it.client("m2")).member_list()] == ["m2"]

    run(tmp_path, scenario)


def test_after_a_leaders_power_loss_the_other_two_elect_a_new_one_in_a_later_term(tmp_path: Path) -> None:
    async def scenario(it: Cluster) -> None:
        await it.start("m1", "m2", "m3")
        leader = await it.leader("m1", "m2", "m3")
        others = [name for name in it.members if name != leader]
        survivors = [await it.client(name) for name in others]
        links = {(flow.source, flow.target) for flow in it.fabric.flows() if flow.port == 2380}
        assert {(a, b) for a in it.members for b in it.members if a != b} <= links
        await answered(lambda: survivors[0].put(b"/before", b"x"))
        term = (await survivors[0].status()).raft_term
        it.fabric.power(leader, False)
        await it.members[leader].kill()
        new = await it.leader(*others)
        assert (await survivors[others.index(new)].status()).raft_term > term
        await answered(lambda: survivors[1].put(b"/after", b"x"))
        assert len((await answered(lambda: survivors[1].range(b"/", prefix_end(b"/")))).kvs) == 2

        it.fabric.power(leader, True)
        await it.members[leader].start({name: m.peer_url for name, m in it.members.items()})
        await it.members[leader].wait_healthy(PATIENCE_S)
        returned = await it.client(leader)
        assert (await answered(lambda: returned.range(b"/after"))).count == 1

    run(tmp_path, scenario)


def test_one_direction_of_the_leaders_links_cut_costs_it_its_leadership(tmp_path: Path) -> None:
    """Check-quorum: a leader that hears no quorum for an election time-out steps down."""

    async def scenario(it: Cluster) -> None:
        await it.start("m1", "m2", "m3")
        leader = await it.leader("m1", "m2", "m3")
        others = [name for name in it.members if name != leader]
        for other in others:
            it.fabric.set_link(other, leader, CUT)  # it can speak, but hears nothing
        assert await it.leader(*others) in others
        other = await it.client(others[0])
        await answered(lambda: other.put(b"/without", b"x"))
        etcd = await it.client(leader)
        for other in others:
            it.fabric.set_link(other, leader, LinkPolicy())
        assert (await answered(lambda: etcd.range(b"/without"))).count == 1

    run(tmp_path, scenario)


def test_two_members_lost_of_three_stop_writes_but_not_stale_reads(tmp_path: Path) -> None:
    async def scenario(it: Cluster) -> None:
        await it.start("m1", "m2", "m3")
        etcd = await it.client("m1")
        await answered(lambda: etcd.put(b"/a", b"x"))
        await it.members["m2"].kill()
        await it.members["m3"].kill()
        with pytest.raises(EtcdUnavailable):
            await etcd.put(b"/a", b"y")
        assert (await etcd.range(b"/a", serializable=True)).kvs[0].value == b"x"
        assert not await etcd.health()

    run(tmp_path, scenario)


def test_delay_between_machines_shows_in_the_commit_latency(tmp_path: Path) -> None:
    """A commit costs a round trip to the nearest follower beside the writes to disk (etcd's performance guide)."""

    async def scenario(it: Cluster) -> None:
        await it.start("m1", "m2", "m3")
        leader = await it.leader("m1", "m2", "m3")
        etcd = await it.client(leader)
        assert await quickest_put_s(etcd, 0.05) < 0.05
        for other in it.members.keys() - {leader}:
            it.fabric.set_link(leader, other, LinkPolicy(delay_s=0.025))
            it.fabric.set_link(other, leader, LinkPolicy(delay_s=0.025))
        assert await quickest_put_s(etcd, 0.25) >= 0.05

    run(tmp_path, scenario)


def test_a_client_over_a_cut_meets_its_own_timeout(tmp_path: Path) -> None:
    async def scenario(it: Cluster) -> None:
        await it.start("m1")
        member = it.members["m1"]
        it.fabric.set_link("m2", "m1", CUT)
        tls = it.tls["m2"].client_context()
        async with EtcdClient(member.client_url, tls, it.members["m2"].host, timeout_s=0.5) as client:
            began = time.monotonic()
            with pytest.raises(EtcdUnavailable):
                await client.put(b"/a", b"x")
            assert time.monotonic() - began > 0.4

    run(tmp_path, scenario)


def test_a_watch_over_a_cut_ends_when_it_has_been_silent_for_too_long(tmp_path: Path) -> None:
    async def scenario(it: Cluster) -> None:
        it.members["m1"]._timers = type(it.members["m1"]._timers)(progress_ms=100)
        await it.start("m1")
        tls = it.tls["m2"].client_context()
        async with EtcdClient(it.members["m1"].client_url, tls, it.members["m2"].host) as client:
            with pytest.raises(EtcdUnavailable, match="silent"):
                async for _ in client.watch(b"/a", progress=True, idle_s=1.0):
                    it.fabric.set_link("m1", "m2", CUT)

    run(tmp_path, scenario)


def test_etcd_without_a_client_certificate_answers_nobody(tmp_path: Path) -> None:
    async def scenario(it: Cluster) -> None:
        import ssl

        await it.start("m1")
        context = ssl.create_default_context(cafile=str(it.tls["m1"].ca))
        async with EtcdClient(it.members["m1"].client_url, context) as client:
            with pytest.raises(EtcdUnavailable):
                await client.range(b"/a")

    run(tmp_path, scenario)


def test_a_member_that_cannot_start_says_why(tmp_path: Path) -> None:
    async def scenario(it: Cluster) -> None:
        member = it.members["m1"]
        it.tls["m1"].cert.write_text("not a certificate")
        await member.start({"m1": member.peer_url})
        with pytest.raises((EtcdUnavailable, OSError)):
            await member.wait_healthy()

    run(tmp_path, scenario)


def test_data_survives_a_stop_and_is_gone_after_a_wipe(tmp_path: Path) -> None:
    async def scenario(it: Cluster) -> None:
        member = it.members["m1"]
        await it.start("m1")
        await (await it.client("m1")).put(b"/a", b"x")
        with pytest.raises(RuntimeError, match="still runs"):
            member.wipe()
        await member.stop()
        await it.start("m1")
        assert (await (await it.client("m1")).range(b"/a")).count == 1
        await member.stop()
        member.wipe()
        assert not member.has_data

    run(tmp_path, scenario)
