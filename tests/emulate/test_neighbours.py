"""Another user of the same machine gets nothing from the embedded world: tried as one, at every kind of door."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from another_user import NOBODY, answer_to_nobody, as_nobody, needs_root
from meshlab.emulate import lifecycle
from meshlab.emulate.network import sources
from meshlab.emulate.network.hidden import Front
from meshlab.emulate.network.sockets import Listener, listening
from meshlab.emulate.network.sources import opened_by_this_user, user_of, users_are_told
from meshlab.live.aws.errors import AwsError, ErrorKind
from meshlab.live.aws.session import AwsSession
from meshlab.live.target import Target
from meshlab.model import MeshlabError
from own_addresses import dialled, network

RACKS = network(9)
SPEC = f"""
meshlab: v1
name: tiny
sites: [{{name: dc, network: {RACKS}.0.0/24}}]
machines:
  - {{name: rack-1, role: worker, site: dc, address: {RACKS}.0.11}}
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("world")
    (folder / "tiny.yaml").write_text(SPEC)
    lifecycle.up(folder / "tiny.yaml", state=folder / "state")
    yield folder / "state"
    lifecycle.down(folder / "state")


def pair() -> tuple[socket.socket, socket.socket, socket.socket]:
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    return server, client, server.accept()[0]


def test_the_user_of_a_connection_is_told() -> None:
    server, client, accepted = pair()
    with server, client, accepted:
        assert user_of(client.getsockname(), server.getsockname()) == os.geteuid()
        assert users_are_told()


def test_an_end_that_was_closed_belongs_to_nobody_and_not_to_root() -> None:
    """The kernel calls the owner of an orphaned socket user 0: who closes at once must not pass for root."""
    server, client, accepted = pair()
    with server, accepted:
        name = client.getsockname()
        client.close()
        assert user_of(name, server.getsockname()) is None
        assert not opened_by_this_user(name, server.getsockname())


def test_the_kernels_answer_and_its_table_say_the_same() -> None:
    server, client, accepted = pair()
    with server, client, accepted:
        ends: tuple[Any, Any] = client.getsockname(), server.getsockname()
        assert sources._asked(*ends) == sources._listed(*ends)


def test_a_caller_that_cannot_be_looked_up_is_refused_where_users_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*ends: Any) -> Any:
        raise OSError("no answer from the kernel")

    assert users_are_told()
    server, client, accepted = pair()
    with server, client, accepted:
        monkeypatch.setattr(sources, "_client_end", broken)
        assert not opened_by_this_user(client.getsockname(), server.getsockname())


def test_where_users_are_not_told_everybody_is_served_and_that_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """macOS: `emulate up` warns of it, by this."""
    monkeypatch.setattr(sources.platform, "system", lambda: "Darwin")
    users_are_told.cache_clear()
    server, client, accepted = pair()
    with server, client, accepted:
        told, served = users_are_told(), opened_by_this_user(client.getsockname(), server.getsockname())
    users_are_told.cache_clear()
    assert (told, served) == (False, True)


@needs_root
def test_a_listener_serves_its_own_user_and_resets_every_other() -> None:
    async def main() -> tuple[str, bytes, int]:
        served = 0

        async def serve(accepted: socket.socket, peer: tuple[str, int]) -> None:
            nonlocal served
            served += 1
            await asyncio.get_running_loop().sock_sendall(accepted, b"hello")

        listener = Listener("127.0.0.1", 0, serve)
        refused = await asyncio.to_thread(answer_to_nobody, "127.0.0.1", listener.port)
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        said = await reader.read()
        writer.close()
        await writer.wait_closed()
        await listener.end()
        return refused, said, served

    assert asyncio.run(main()) == ("ConnectionResetError", b"hello", 1)


@needs_root
def test_a_caller_of_another_user_in_front_does_not_keep_out_those_behind() -> None:
    door = listening("127.0.0.1", 0)
    port = door.getsockname()[1]
    with door:
        code = f"them = [socket.create_connection(('127.0.0.1', {port})) for _ in range(3)]\nprint(len(them))"
        assert as_nobody(code).strip() == "3"
        with socket.create_connection(("127.0.0.1", port)) as own:
            accepted, peer = door.accept()
            with accepted:
                assert peer == own.getsockname()


def test_what_is_handed_on_is_known_by_name_and_leaves_no_file() -> None:
    async def main() -> None:
        seen: list[object] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.append(front.behind(writer.get_extra_info("peername")))
            writer.write(await reader.read(4))
            writer.close()
            await writer.wait_closed()

        async def admit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str) -> str:
            return f"the caller from {address}"

        front = Front(admit=admit)
        folder = front.server.parent
        server = await asyncio.start_unix_server(serve, front.server)
        port = front.start("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"ping")
        assert await reader.read() == b"ping"
        writer.close()
        await writer.wait_closed()
        assert seen == ["the caller from 127.0.0.1"]
        assert [path.name for path in folder.iterdir()] == ["server"]
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        server.close()
        await server.wait_closed()
        await front.stop()
        assert not folder.exists()

    asyncio.run(main())


def test_who_is_not_admitted_reaches_no_server() -> None:
    async def main() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            raise AssertionError("reached")

        async def admit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str) -> None:
            return None

        front = Front(admit=admit)
        server = await asyncio.start_unix_server(serve, front.server)
        reader, writer = await asyncio.open_connection("127.0.0.1", front.start("127.0.0.1", 0))
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        server.close()
        await server.wait_closed()
        await front.stop()

    asyncio.run(main())


def listeners(pid: int) -> list[tuple[str, int]]:
    """Where a process listens."""
    found = psutil.Process(pid).net_connections("inet")
    return sorted({(c.laddr.ip, c.laddr.port) for c in found if c.status == psutil.CONN_LISTEN})


@needs_root
def test_nobody_is_answered_at_any_port_of_the_world(world: Path) -> None:
    pid = lifecycle.supervisor_pid(world)
    assert pid is not None
    doors = listeners(pid)
    assert (f"{dialled(RACKS)}.0.11", 50000) in doors
    assert len(doors) >= 4  # AWS, Omni, control, the machine's API and the front behind it
    answers = {door: answer_to_nobody(*door) for door in doors}
    assert set(answers.values()) == {"ConnectionResetError"}, answers


def test_the_children_of_an_empty_world_listen_nowhere(world: Path) -> None:
    """moto is behind a unix socket; etcd and the others are not there before a cluster is."""
    pid = lifecycle.supervisor_pid(world)
    assert pid is not None
    children = psutil.Process(pid).children(recursive=True)
    assert children
    assert [listeners(child.pid) for child in children] == [[]] * len(children)


@needs_root
def test_nobody_can_read_or_reach_a_hidden_socket(world: Path) -> None:
    sockets = [path for path in world.rglob("*") if path.is_socket()]
    sockets += [path for path in Path(tempfile.gettempdir()).glob("meshlab-*/*") if path.is_socket()]
    assert sockets
    code = (
        "for path in sys.argv[1:]:\n"
        "    try:\n"
        "        socket.socket(socket.AF_UNIX).connect(path)\n"
        "        print('reached', path)\n"
        "    except OSError as error:\n"
        "        print(type(error).__name__)\n"
    )
    assert set(as_nobody(code, *map(str, sockets)).split()) == {"PermissionError"}


@needs_root
def test_the_keys_of_the_world_are_its_owners_alone(world: Path) -> None:
    for name in ("aws-access-key", "control.json", "omni-service-account"):
        path = world / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, name
        assert path.stat().st_uid == os.geteuid() != NOBODY


def test_the_owner_reaches_the_cloud_through_the_target(world: Path) -> None:
    session = AwsSession.to(Target.embedded(world))
    assert session.identity().emulated
    session.close()


def test_a_copy_of_the_target_without_the_key_gets_nothing(world: Path, tmp_path: Path) -> None:
    """What was tried first: target.json with a directory of one's own is no credential."""
    session = AwsSession.to(replace(Target.embedded(world), directory=tmp_path))
    with pytest.raises(AwsError) as caught:
        session.call("ec2", "describe_vpcs")
    session.close()
    assert (caught.value.kind, caught.value.code) == (ErrorKind.DENIED, "AuthFailure")


@needs_root
def test_a_folder_of_another_user_is_not_taken_for_ours(tmp_path: Path) -> None:
    """In a place where others may write (MESHLAB_STATE=/tmp), somebody may have made it before, mark and all."""
    trap = tmp_path / "state"
    trap.mkdir()
    (trap / lifecycle.MADE_HERE).write_text("")
    os.chown(trap, NOBODY, NOBODY)
    with pytest.raises(MeshlabError, match="was not made by"):
        lifecycle.down(trap)
    assert (trap / lifecycle.MADE_HERE).exists()


def test_looking_up_a_caller_takes_well_under_a_millisecond() -> None:
    """A generous bound: measured 9 µs of processor time; the table in /proc takes milliseconds where it is long."""
    server, client, accepted = pair()
    with server, client, accepted:
        ends: tuple[Any, Any] = client.getsockname(), server.getsockname()
        began = time.process_time()
        for _ in range(200):
            assert opened_by_this_user(*ends)
        assert (time.process_time() - began) / 200 < 2e-3
