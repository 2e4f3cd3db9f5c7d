"""The tunnel to a Talos machine leaves no socket behind, at whatever moment it is closed."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import warnings
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from meshlab.live.talos import tls_tunnel
from meshlab.live.talos.tls_tunnel import TlsTunnel, tls_context
from own_time import PATIENCE_S

T = TypeVar("T")
MOMENTS = range(6)
"""Turns of the tunnels' event loop between a connection's arrival and the end; asyncio takes three to know of it."""


def tunnel(port: int = 1) -> TlsTunnel:
    return TlsTunnel("127.0.0.1", port, tls_context(None), None)


def caller(of: TlsTunnel) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(20.0)
    made.connect(of.target.removeprefix("unix:"))
    return made


async def called_and_closed(of: TlsTunnel, turns: int) -> socket.socket:
    """In the tunnels' own loop: a caller comes, some turns later the tunnel is closed."""
    made = caller(of)
    for _ in range(turns):
        await asyncio.sleep(0)
    of.close()
    for _ in range(20):  # the end is asked for from another thread: it comes at the next turn
        await asyncio.sleep(0)
    return made


def hung_up(made: socket.socket) -> bool:
    """Whether the other end of a connection is closed, with or without a word of goodbye."""
    with made:
        try:
            return made.recv(1) == b""
        except ConnectionResetError:
            return True


def in_the_loop(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run_coroutine_threadsafe(work, tls_tunnel._Loop.get()).result(PATIENCE_S)


@pytest.mark.parametrize("turns", MOMENTS)
def test_a_closed_tunnel_leaves_no_socket_to_the_garbage_collector(turns: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        one = tunnel(silent.getsockname()[1])
        made = in_the_loop(called_and_closed(one, turns))
        with warnings.catch_warnings(record=True) as left:
            warnings.simplefilter("always")
            gc.collect()
        assert [str(warning.message) for warning in left if "unclosed" in str(warning.message)] == []
        assert hung_up(made), "the other end is held open"


def test_a_caller_of_a_machine_that_is_not_there_is_hung_up_on_with_the_reason() -> None:
    one = tunnel()
    with caller(one) as made:
        assert made.recv(1) == b""
    assert one.problem.startswith("cannot connect to 127.0.0.1:1: ")
    one.close()


def test_a_dropped_tunnel_ends_its_connections_and_takes_new_ones() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        one = tunnel(silent.getsockname()[1])
        first = caller(one)
        held, _ = silent.accept()  # its TLS hello is never answered
        one.drop()
        with first, held:
            assert first.recv(1) == b""
        second = caller(one)
        again, _ = silent.accept()
        one.close()
        with second, again:
            assert second.recv(1) == b""


def test_what_listens_needs_no_turn_of_the_loop_to_be_dialled() -> None:
    """gRPC may dial at once; a loop that is busy is waited for by the kernel, not by a time-out of ours."""
    ours: list[socket.socket] = []

    async def busy() -> None:
        one = tunnel()  # made in the loop's own thread: nothing here may wait for that loop
        ours.append(caller(one))
        one.close()

    in_the_loop(busy())
    assert hung_up(ours[0])


def test_no_proof_is_asked_of_a_machine_in_maintenance_mode() -> None:
    assert tls_context(None).verify_mode is ssl.CERT_NONE
