"""What machines tell of themselves: the log of the real etcd over the Talos API, and events with ids that are xids."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from talos_site import Cluster, call, cluster, shared_bundle, until

from meshlab.emulate.cosi import xid
from meshlab.emulate.network.fabric import Fabric
from meshlab.emulate.pods.pods import Pods
from meshlab.emulate.processes import log_file
from meshlab.emulate.processes.processes import ProcessTable
from meshlab.emulate.talos.api.calls import MachineCalls
from meshlab.emulate.talos.api.faults import Fault
from meshlab.emulate.talos.hooks import ClusterHooks
from meshlab.emulate.talos.site import NoHooks
from meshlab.incident.evidence.readers.talos_events import xid_seconds
from meshlab.live._generated import common_pb2, machine_pb2
from meshlab.live.talos.errors import TalosError
from own_addresses import network
from own_time import PATIENCE_S

NETWORK = network(2)
WAIT = PATIENCE_S


def piece(log: Path, tail: int) -> bytes:
    async def read() -> bytes:
        return b"".join([part async for part in log_file.pieces(log, tail, lambda: False)])

    return asyncio.run(read())


@given(
    content=st.lists(st.sampled_from([b"a", b"bc", b"", b"defghij"]), max_size=12).map(b"\n".join),
    ended=st.booleans(),
    tail=st.integers(-1, 14),
    block=st.integers(1, 9),
)
def test_the_last_lines_of_a_log_are_what_splitlines_says(
    content: bytes, ended: bool, tail: int, block: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log = tmp_path_factory.getbasetemp() / "lines.log"
    log.write_bytes(content + b"\n" * ended)
    lines = log.read_bytes().splitlines(keepends=True)
    expected = lines if tail < 0 else lines[-tail:] if tail else []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_file, "BLOCK", block)
        assert piece(log, tail) == b"".join(expected)


def test_a_log_that_is_begun_anew_is_followed_from_its_beginning(tmp_path: Path) -> None:
    async def story() -> None:
        log = tmp_path / "x.log"
        log.write_bytes(b"first\nsecond\n")
        parts = log_file.pieces(log, 1, lambda: True)
        async with asyncio.timeout(WAIT):
            assert await anext(parts) == b"second\n"
            log.unlink()
            log.write_bytes(b"new\n")
            assert await anext(parts) == b"new\n"
        await parts.aclose()

    asyncio.run(story())


async def founded(site: Cluster) -> None:
    (master,) = await site.control_planes(1)
    await until(lambda: master.etcd and (s := master.services.get("apid")) and s.state == "Running", "apid")
    with pytest.raises(TalosError, match="not registered"):  # its process has not run yet
        await call(site.client(11).logs, "etcd")
    await call(site.client(11).bootstrap)
    await master.wait_for("running", PATIENCE_S)


def test_etcds_log_over_the_talos_api_is_its_own_with_tail_and_follow(tmp_path: Path) -> None:
    async def story() -> None:
        async with cluster(tmp_path, shared_bundle(), 11, network=NETWORK) as site:
            await founded(site)
            client, master = site.client(11), site.site.machines["master-1"]
            written = (master.directory / "etcd.log").read_text()
            entries = [json.loads(line) for line in (await call(client.logs, "etcd")).splitlines()]
            assert entries[: written.count("\n")] == [json.loads(line) for line in written.splitlines()]
            assert any("became leader at term" in entry["msg"] for entry in entries)
            last = (await call(client.logs, "etcd", tail=3)).splitlines()
            assert len(last) == 3
            assert all(json.loads(line)["msg"] for line in last)
            assert await call(client.logs, "etcd", tail=0) == ""
            assert "Health check successful" not in written  # which is the machine's word, not etcd's
            assert "Running" in await call(
                client.logs, "apid"
            )  # has no process of its own: the machine tells
            await follows(site)

    asyncio.run(story())


async def follows(site: Cluster) -> None:
    """Follow sees what etcd writes later, and ends with the machine's power."""
    client, master = site.client(11), site.site.machines["master-1"]
    request = machine_pb2.LogsRequest(
        namespace="system", id="etcd", driver=common_pb2.ContainerDriver.CONTAINERD, tail_lines=0, follow=True
    )
    seen = bytearray()

    def read() -> None:
        for item in client._stream(client._machine, "Logs", request, 2 * WAIT):
            seen.extend(item.bytes)

    reading = asyncio.create_task(asyncio.to_thread(read))
    member = site.hooks.clients["master-1"]

    async with asyncio.timeout(WAIT):
        while b"finished scheduled compaction" not in seen:
            await member.compact(await member.put(b"key", b"value"))
            await asyncio.sleep(0.1)
    await master.power_off()
    with pytest.raises(TalosError):
        await asyncio.wait_for(reading, WAIT)


def test_following_a_log_ends_with_the_power_of_its_machine(tmp_path: Path) -> None:
    """Also where the call came through another machine, whose connections live on."""

    async def story() -> None:
        log = tmp_path / "etcd.log"
        log.write_bytes(b"line\n")
        hooks = NoHooks()
        hooks.service_log = lambda machine, service: log  # type: ignore[method-assign]
        machine = SimpleNamespace(site=SimpleNamespace(hooks=hooks), boot_id="one", powered=True)
        request = machine_pb2.LogsRequest(id="etcd", tail_lines=-1, follow=True)
        stream = MachineCalls(machine).Logs(request, None)  # type: ignore[arg-type]
        async with asyncio.timeout(WAIT):
            assert (await anext(stream)).bytes == b"line\n"
            machine.powered = False
            with pytest.raises(Fault, match="EOF"):
                await anext(stream)

    asyncio.run(story())


def test_the_embedded_clusters_own_hooks_serve_etcds_log_from_the_machines_disk(tmp_path: Path) -> None:
    async def story() -> None:
        async with cluster(tmp_path, shared_bundle(), 12, network=NETWORK) as site:
            addresses = {"master-1": site.address(11)}
            fabric = Fabric(addresses)
            processes = ProcessTable(tmp_path / "processes", fabric)
            pods = Pods(fabric, processes, tmp_path / "pods", addresses)
            hooks = ClusterHooks(fabric, processes, pods)
            hooks.site, site.site.hooks, site.site.exposure = site.site, hooks, fabric
            try:
                await founded(site)
                machine = site.site.machines["master-1"]
                lines = (await call(site.client(11).logs, "etcd")).splitlines()
                assert any("became leader at term 2" in json.loads(line)["msg"] for line in lines)
                path = hooks.etcd_log(machine)
                assert path.is_relative_to(
                    machine.ephemeral
                )  # so a wiped or replaced machine tells no old tale
                assert hooks.service_log(machine, "etcd") == path
                assert hooks.service_log(machine, "apid") is None
                await machine.power_off()
            finally:
                await pods.close()
                await processes.close()
                await fabric.close()

    asyncio.run(story())


def test_event_ids_are_xids_of_the_second_they_were_made_in(tmp_path: Path) -> None:
    async def story() -> None:
        begun = int(time.time())
        async with cluster(tmp_path, shared_bundle(), 13, network=NETWORK) as site:
            machine = site.machine("worker-1", 21)
            await machine.power_on()
            await machine.wait_for("maintenance", PATIENCE_S)
            events = [event.id for event in machine.events.backlog(machine_pb2.EventsRequest(tail_events=-1))]
            assert len(events) > 2
            seconds = [xid_seconds(event) for event in events]
            assert all(second is not None and begun <= second <= time.time() for second in seconds)
            assert events == sorted(set(events))
            after = machine_pb2.EventsRequest(tail_events=-1, tail_id=events[0])
            assert [event.id for event in machine.events.backlog(after)] == events[1:]

    asyncio.run(story())


def test_xids_sort_though_the_clock_is_put_back_and_the_counter_comes_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([1_800_000_000.9, 1_800_000_000.95, 1_799_999_990.0, 1_799_999_990.0, 1_800_000_005.0])
    monkeypatch.setattr(xid.secrets, "randbits", lambda bits: 2**24 - 3)
    ids = xid.Xids()
    monkeypatch.setattr(xid.time, "time", lambda: next(clock))
    made = [ids.make() for _ in range(5)]
    assert made == sorted(set(made))
    assert [xid_seconds(one) for one in made] == [1_800_000_000] * 2 + [1_800_000_001] * 2 + [1_800_000_005]
    assert {one[-1] for one in made} <= {"0", "g"}  # 96 bits: the last character holds one


def test_an_xids_text_is_that_of_its_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of github.com/rs/xid's README: 9m4e2mr0ui3e8a215n4g."""
    raw = bytes([0x4D, 0x88, 0xE1, 0x5B, 0x60, 0xF4, 0x86, 0xE4, 0x28, 0x41, 0x2D, 0xC9])
    monkeypatch.setattr(xid.secrets, "token_bytes", lambda size: raw[4:9])
    monkeypatch.setattr(xid.secrets, "randbits", lambda bits: int.from_bytes(raw[9:], "big") - 1)
    monkeypatch.setattr(xid.time, "time", lambda: float(int.from_bytes(raw[:4], "big")))
    assert xid.Xids().make() == "9m4e2mr0ui3e8a215n4g"
