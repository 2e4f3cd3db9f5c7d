from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest

from meshlab.emulate.network.addresses import free_port
from meshlab.emulate.network.fabric import Fabric, LinkPolicy, PortTaken
from meshlab.emulate.network.links import Link, Pipe, next_retransmission
from own_addresses import dialled, network
from own_time import PATIENCE_S

HOSTS = dialled(network(0))
A, B, C = (f"{network(0)}.10.{i}" for i in (1, 2, 3))
A_HOST, B_HOST, C_HOST = (f"{HOSTS}.10.{i}" for i in (1, 2, 3))
CUT = LinkPolicy(cut=True)
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Rig:
    """Machines a, b, c; an echo server of b, with what it has received; connections opened by a test."""

    def __init__(self, fabric: Fabric, port: int, peers: list[str], received: bytearray) -> None:
        self.fabric = fabric
        self.port = port
        self.peers = peers
        self.received = received
        self.hidden = 0
        self._open: list[asyncio.StreamWriter] = []

    async def dial(self, source: str = A_HOST, port: int | None = None, host: str = B_HOST) -> Streams:
        reader, writer = await asyncio.open_connection(host, port or self.port, local_addr=(source, 0))
        self._open.append(writer)
        return reader, writer

    async def close(self) -> None:
        for writer in self._open:
            writer.transport.abort()
            with suppress(ConnectionError):
                await writer.wait_closed()
        await self.fabric.close()


@asynccontextmanager
async def rig() -> AsyncIterator[Rig]:
    peers: list[str] = []
    received = bytearray()
    serving: list[asyncio.Task[None]] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.append(task)
        peers.append(writer.get_extra_info("peername")[0])
        try:
            while data := await reader.read(65536):
                received.extend(data)
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            received.extend(b"<reset>")
        finally:
            writer.transport.abort()
            with suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    fabric = Fabric({"a": A, "b": B, "c": C})
    port = free_port(B_HOST)
    await fabric.expose("b", port, server.sockets[0].getsockname()[:2])
    it = Rig(fabric, port, peers, received)
    it.hidden = server.sockets[0].getsockname()[1]
    try:
        yield it
    finally:
        await it.close()
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


def run(scenario: Callable[[Rig], Awaitable[None]]) -> None:
    async def main() -> None:
        async with rig() as it, asyncio.timeout(PATIENCE_S):
            await scenario(it)

    asyncio.run(main())


async def round_trip(streams: Streams, data: bytes = b"ping") -> float:
    reader, writer = streams
    began = time.perf_counter()
    writer.write(data)
    assert await reader.readexactly(len(data)) == data
    return time.perf_counter() - began


async def quickest(streams: Streams, below_s: float, data: bytes = b"ping") -> float:
    """The least of as many round trips as it takes for one to be below a time: what the links cost, not the machine."""
    took = [await round_trip(streams, data)]
    while took[-1] >= below_s:
        took.append(await round_trip(streams, data))
    return min(took)


async def silent(reader: asyncio.StreamReader, for_s: float) -> bool:
    try:
        await asyncio.wait_for(reader.read(1), for_s)
    except TimeoutError:
        return True
    return False


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 (the condition is a state of other processes; `run` has the deadline)
        await asyncio.sleep(0.01)


def test_bytes_cross_unchanged_and_are_counted() -> None:
    async def scenario(it: Rig) -> None:
        data = bytes(range(256)) * 20_000
        streams = await it.dial()
        await round_trip(streams, data)
        (flow,) = it.fabric.flows()
        assert (flow.source, flow.target, flow.port) == ("a", "b", it.port)
        assert (flow.sent, flow.received) == (len(data), len(data))
        streams[1].close()
        await until(lambda: it.fabric.flows() == [])
        total = it.fabric.traffic()[("a", "b", it.port)]
        assert (total.connections, total.sent, total.received) == (1, len(data), len(data))

    run(scenario)


def test_the_server_sees_the_machine_that_dialled() -> None:
    async def scenario(it: Rig) -> None:
        await round_trip(await it.dial(A_HOST))
        await round_trip(await it.dial(C_HOST))
        assert it.peers == [A_HOST, C_HOST]

    run(scenario)


def test_a_process_owned_by_a_machine_is_its_source_without_binding_its_address() -> None:
    program = f"""
import socket, sys
sys.stdin.readline()
s = socket.create_connection(("{B_HOST}", int(sys.argv[1]))); s.sendall(b"x"); s.recv(1); print("done", flush=True)
sys.stdin.readline()
"""

    async def scenario(it: Rig) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", program, str(it.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as child:
            assert child.stdin is not None and child.stdout is not None
            it.fabric.own(child.pid, "c")
            child.stdin.write(b"\n")
            child.stdin.flush()
            assert await asyncio.to_thread(child.stdout.readline) == b"done\n"
            assert [flow.source for flow in it.fabric.flows()] == ["c"]
            child.kill()

    run(scenario)


def test_what_is_no_machine_comes_from_outside() -> None:
    async def scenario(it: Rig) -> None:
        await round_trip(await it.dial("127.0.0.1"))
        assert [flow.source for flow in it.fabric.flows()] == ["outside"]

    run(scenario)


def test_a_pod_address_belongs_to_its_machine() -> None:
    async def scenario(it: Rig) -> None:
        port = free_port(f"{HOSTS}.244.7")
        target = ("127.0.0.1", free_port())
        await it.fabric.expose("c", port, target, address=f"{HOSTS}.244.7")
        await round_trip(await it.dial(f"{HOSTS}.244.7"))
        assert [flow.source for flow in it.fabric.flows()] == ["c"]

    run(scenario)


def test_a_pods_address_moves_with_the_pod_but_is_never_on_two_machines() -> None:
    async def scenario(it: Rig) -> None:
        port, address = free_port(f"{HOSTS}.244.8"), f"{HOSTS}.244.8"
        target = ("127.0.0.1", it.hidden)
        await it.fabric.expose("b", port, target, address=address)
        with pytest.raises(ValueError, match="belongs to b, not to c"):
            await it.fabric.expose("c", port, target, address=address)
        it.fabric.power("b", False)
        await it.fabric.withdraw("b", port, address=address)
        await it.fabric.expose("c", port, target, address=address)
        await it.dial(host=address, port=port)
        await until(lambda: [(flow.source, flow.target) for flow in it.fabric.flows()] == [("a", "c")])

    run(scenario)


def test_delay_is_one_way_and_per_direction() -> None:
    async def scenario(it: Rig) -> None:
        streams = await it.dial()
        await round_trip(streams)
        it.fabric.set_link("a", "b", LinkPolicy(delay_s=0.03))
        there = await quickest(streams, 0.058)
        it.fabric.set_link("b", "a", LinkPolicy(delay_s=0.05))
        both = await quickest(streams, 0.110)
        assert there >= 0.029
        assert both >= 0.079

    run(scenario)


def test_opening_a_connection_costs_a_round_trip() -> None:
    async def scenario(it: Rig) -> None:
        it.fabric.set_link("a", "b", LinkPolicy(delay_s=0.03))
        it.fabric.set_link("b", "a", LinkPolicy(delay_s=0.02))
        took = [1.0]
        while took[-1] >= 0.149:  # three ways there and back would be 0.15 s
            began = time.perf_counter()
            await round_trip(await it.dial())
            took.append(time.perf_counter() - began)
        assert min(took) >= 0.099

    run(scenario)


def test_jitter_keeps_the_order_of_a_stream() -> None:
    async def scenario(it: Rig) -> None:
        it.fabric.set_link("a", "b", LinkPolicy(delay_s=0.01, jitter_s=0.01))
        reader, writer = await it.dial()
        sent = b""
        for i in range(200):
            piece = i.to_bytes(2, "big")
            sent += piece
            writer.write(piece)
            await asyncio.sleep(0.0005)
        assert await reader.readexactly(len(sent)) == sent

    run(scenario)


def test_a_slow_link_is_as_slow_as_its_rate() -> None:
    async def scenario(it: Rig) -> None:
        it.fabric.set_link("a", "b", LinkPolicy(rate_bps=4e6))
        streams = await it.dial()
        assert await quickest(streams, 0.99, b"x" * 250_000) >= 0.48  # 2 Mbit at 4 Mbit/s

    run(scenario)


def test_connections_share_the_rate_of_a_link() -> None:
    async def scenario(it: Rig) -> None:
        it.fabric.set_link("a", "b", LinkPolicy(rate_bps=8e6))
        one, two = await it.dial(), await it.dial()
        took = [1.0]
        while took[-1] >= 0.79:
            both = await asyncio.gather(round_trip(one, b"x" * 200_000), round_trip(two, b"y" * 200_000))
            took.append(max(both))
        assert min(took) >= 0.38

    run(scenario)


def test_a_lost_segment_is_a_stall_of_a_retransmission_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[float] = []
    stall = Link.stall_s

    def told(link: Link, size: int, round_trip_s: float) -> float:
        drawn.append(stall(link, size, round_trip_s))
        return drawn[-1]

    monkeypatch.setattr(Link, "stall_s", told)

    async def scenario(it: Rig) -> None:
        streams = await it.dial()
        await round_trip(streams)
        it.fabric.set_link("a", "b", LinkPolicy(loss=0.3))
        drawn.clear()
        took = [await round_trip(streams) for _ in range(20)]  # none lost: 0.7 ** 20, once in 1 250 seeds
        assert len(drawn) == len(took) and any(drawn)
        assert all(at_least in (0.0, 0.2) or at_least >= 0.6 for at_least in drawn)
        assert all(t >= at_least for t, at_least in zip(took, drawn, strict=True))

    run(scenario)


def test_a_cut_is_silence_and_its_bytes_arrive_after_it_heals() -> None:
    async def scenario(it: Rig) -> None:
        reader, writer = await it.dial()
        await round_trip((reader, writer))
        it.fabric.set_link("a", "b", CUT)
        writer.write(b"held")
        assert await silent(reader, 0.3)
        assert bytes(it.received) == b"ping"
        it.fabric.set_link("a", "b", LinkPolicy())
        assert await reader.readexactly(4) == b"held"

    run(scenario)


def test_what_was_on_its_way_when_a_link_was_cut_arrives_and_what_came_after_waits_for_it_to_heal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[bytes] = []
    feed = Pipe.feed
    monkeypatch.setattr(Pipe, "feed", lambda pipe, data: (taken.append(data), feed(pipe, data)))

    async def scenario(it: Rig) -> None:
        reader, writer = await it.dial()
        await round_trip((reader, writer))
        slow = LinkPolicy(delay_s=0.3)
        it.fabric.set_link("a", "b", slow)
        writer.write(b"left")
        await until(lambda: b"left" in taken)
        it.fabric.set_link("a", "b", replace(slow, cut=True))
        writer.write(b"late")
        assert await reader.readexactly(4) == b"left"
        assert await silent(reader, 0.5)
        assert bytes(it.received) == b"pingleft"
        it.fabric.set_link("a", "b", slow)
        assert await reader.readexactly(4) == b"late"

    run(scenario)


def test_one_direction_can_be_cut_alone() -> None:
    async def scenario(it: Rig) -> None:
        reader, writer = await it.dial()
        await round_trip((reader, writer))
        it.fabric.set_link("b", "a", CUT)
        writer.write(b"heard")
        await until(lambda: bytes(it.received) == b"pingheard")
        assert await silent(reader, 0.2)

    run(scenario)


def test_a_cut_between_two_machines_leaves_a_third_alone() -> None:
    async def scenario(it: Rig) -> None:
        it.fabric.set_link("a", "b", CUT)
        await round_trip(await it.dial(C_HOST))

    run(scenario)


def test_a_new_connection_over_a_cut_hangs_and_opens_at_the_next_try_after_it_heals() -> None:
    async def scenario(it: Rig) -> None:
        it.fabric.set_link("b", "a", CUT)
        reader, writer = await it.dial()
        writer.write(b"late")
        assert await silent(reader, 0.3)
        assert it.peers == []
        it.fabric.set_link("b", "a", LinkPolicy())
        assert await reader.readexactly(4) == b"late"

    run(scenario)


def test_what_a_client_sent_over_a_cut_before_it_gave_up_never_arrives() -> None:
    async def scenario(it: Rig) -> None:
        it.fabric.set_link("a", "b", CUT)
        _, writer = await it.dial()
        writer.write(b"ghost")
        await writer.drain()
        writer.close()
        await until(lambda: it.fabric.flows() == [])
        it.fabric.set_link("a", "b", LinkPolicy())
        await round_trip(await it.dial())
        assert bytes(it.received) == b"ping"

    run(scenario)


def test_a_machine_without_power_is_silent_not_refusing() -> None:
    async def scenario(it: Rig) -> None:
        old = await it.dial()
        await round_trip(old)
        it.fabric.power("b", False)
        await it.fabric.withdraw("b", it.port)
        old[1].write(b"anyone?")
        assert await silent(old[0], 0.2)
        new = await it.dial()
        assert await silent(new[0], 0.2)
        assert bytes(it.received).startswith(b"ping")
        assert b"anyone?" not in it.received

    run(scenario)


def test_a_port_withdrawn_before_power_goes_is_silent_too() -> None:
    async def scenario(it: Rig) -> None:
        await it.fabric.withdraw("b", it.port)
        it.fabric.power("b", False)
        streams: list[Streams] = []

        async def connected() -> None:
            while not streams:
                try:
                    streams.append(await it.dial())
                except ConnectionRefusedError:
                    await asyncio.sleep(0.01)

        await connected()
        assert await silent(streams[0][0], 0.2)

    run(scenario)


def test_connections_from_before_a_power_loss_are_reset_when_power_returns() -> None:
    async def scenario(it: Rig) -> None:
        reader, writer = await it.dial()
        await round_trip((reader, writer))
        it.fabric.power("b", False)
        assert await silent(reader, 0.1)
        it.fabric.power("b", True)
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        await round_trip(await it.dial())

    run(scenario)


def test_a_withdrawn_port_refuses() -> None:
    async def scenario(it: Rig) -> None:
        await it.fabric.withdraw("b", it.port)
        with pytest.raises(ConnectionRefusedError):
            await it.dial()

    run(scenario)


def test_a_dead_server_behind_an_exposed_port_resets() -> None:
    async def scenario(it: Rig) -> None:
        port = free_port(B_HOST)
        await it.fabric.expose("b", port, ("127.0.0.1", free_port()))
        reader, _ = await it.dial(port=port)
        with pytest.raises(ConnectionResetError):
            await reader.read(1)

    run(scenario)


def test_an_end_of_stream_crosses_and_the_answer_still_comes_back() -> None:
    async def scenario(it: Rig) -> None:
        it.fabric.set_link("a", "b", LinkPolicy(delay_s=0.02))
        reader, writer = await it.dial()
        writer.write(b"question")
        writer.write_eof()
        assert await reader.read() == b"question"
        await until(lambda: it.fabric.flows() == [])

    run(scenario)


def test_a_clients_reset_reaches_the_server() -> None:
    async def scenario(it: Rig) -> None:
        import socket
        import struct

        _reader, writer = streams = await it.dial()
        await round_trip(streams)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        await until(lambda: bytes(it.received).endswith(b"<reset>"))
        await until(lambda: it.fabric.flows() == [])

    run(scenario)


def test_a_sender_over_a_cut_is_held_back_instead_of_buffered_without_bound() -> None:
    async def scenario(it: Rig) -> None:
        reader, writer = await it.dial()
        await round_trip((reader, writer))
        it.fabric.set_link("a", "b", CUT)
        blob = b"z" * (1 << 20)
        sent = 0
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                while sent < 1 << 30:
                    writer.write(blob)
                    await writer.drain()
                    sent += len(blob)
        assert sent < 64 << 20

    run(scenario)


def test_an_unshaped_link_carries_more_than_fifty_megabytes_a_second_and_adds_less_than_a_millisecond() -> (
    None
):
    async def scenario(it: Rig) -> None:
        streams = await it.dial()
        await quickest(streams, 0.002)  # both directions; 0.13 ms on an idle machine
        size = 50_000_000
        reader, writer = streams

        async def send() -> None:
            blob = b"x" * 500_000
            for _ in range(size // len(blob)):
                writer.write(blob)
                await writer.drain()

        began = time.process_time()  # of this process alone, however busy the machine is
        sending = asyncio.create_task(send())
        await reader.readexactly(size)
        rate = size / (time.process_time() - began)
        await sending
        assert rate > 50e6 / 2  # there and back through one event loop: each byte crosses twice

    run(scenario)


def test_a_port_used_by_another_program_is_named() -> None:
    async def scenario(it: Rig) -> None:
        other = await asyncio.start_server(lambda r, w: None, C_HOST, 0)
        port = other.sockets[0].getsockname()[1]
        with pytest.raises(PortTaken, match=rf"c cannot listen on {C_HOST}:{port}"):
            await it.fabric.expose("c", port, ("127.0.0.1", 1))
        other.close()

    run(scenario)


def test_an_unknown_machine_is_named_with_those_there_are() -> None:
    async def scenario(it: Rig) -> None:
        with pytest.raises(ValueError, match=r"no machine 'd'.*a, b, c"):
            it.fabric.set_link("a", "d", CUT)

    run(scenario)


@pytest.mark.parametrize("bad", [{"delay_s": -1}, {"loss": 1.0}, {"loss": -0.1}, {"rate_bps": 0}])
def test_a_link_policy_out_of_range_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="link"):
        LinkPolicy(**bad)  # type: ignore[arg-type]


def test_retransmissions_double_from_two_hundred_milliseconds() -> None:
    """Linux: first retransmission after RTO = 200 ms, each gap twice the last (tcp_retries2 schedule)."""
    assert next_retransmission(0, 0.1, 0.2) == pytest.approx(0.2)
    assert next_retransmission(0, 0.3, 0.2) == pytest.approx(0.6)
    assert next_retransmission(0, 10.0, 0.2) == pytest.approx(12.6)
    assert next_retransmission(0, 1000, 0.2) - next_retransmission(0, 900, 0.2) == pytest.approx(120)
