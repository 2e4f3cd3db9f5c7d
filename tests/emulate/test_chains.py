from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from meshlab.emulate.network.addresses import free_port
from meshlab.emulate.pods.chain_calls import answer
from meshlab.emulate.pods.chain_head import CHAINS, Head, View
from own_addresses import dialled, network
from own_time import PATIENCE_S, until

HOST = f"{dialled(network(0))}.40.1"


class Clock:
    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float, head: Head, step: float = 0.5) -> View:
        """Lets time go by with a look every half second, as a running node does."""
        for _ in range(round(seconds / step)):
            self.now += step
            head.view()
        return head.view()


def synced(name: str, directory: Path, clock: Clock) -> Head:
    """A node that has caught up."""
    head = Head(CHAINS[name], directory, speed=60, clock=clock)
    assert clock.pass_by(60, head).healthy
    return head


@pytest.mark.parametrize("name", sorted(CHAINS))
def test_a_healthy_node_advances_with_its_chains_block_time(name: str, tmp_path: Path) -> None:
    clock = Clock()
    head = synced(name, tmp_path, clock)
    before = head.view().head
    after = clock.pass_by(120, head).head
    assert abs((after - before) - 120 / CHAINS[name].block_s) <= 1


@pytest.mark.parametrize(("name", "missed"), [("solana", 9000), ("ethereum", 300), ("tron", 1200)])
def test_a_node_stopped_for_an_hour_misses_an_hour_of_blocks(name: str, missed: int, tmp_path: Path) -> None:
    """H.*.missed_*_after_outage: 2.5 T, T / 12 and T / 3."""
    clock = Clock()
    synced(name, tmp_path, clock).save(clean=True)
    clock.now += 3600
    assert abs(Head(CHAINS[name], tmp_path, clock=clock).view().behind - missed) <= 1


def test_catching_up_takes_the_gap_over_the_difference_of_the_rates(tmp_path: Path) -> None:
    """H.solana.catch_up_formula: t = gap / (replay rate - 2.5)."""
    clock = Clock()
    chain = CHAINS["solana"]
    synced("solana", tmp_path, clock).save(clean=True)
    clock.now += 400  # 1000 slots
    head = Head(chain, tmp_path, clock=clock)
    clock.pass_by(chain.warm_start_s, head)
    gap = head.view().behind
    began = clock.now
    while head.view().behind > 1:
        clock.pass_by(1, head)
    assert clock.now - began == pytest.approx(gap / (chain.catch_up_per_s - 2.5), rel=0.02)


def test_a_paused_node_has_stood_still(tmp_path: Path) -> None:
    clock = Clock()
    head = synced("solana", tmp_path, clock)
    clock.now += 600  # nobody looked: the process was stopped by a signal
    assert head.view().behind > 1000


def test_geth_goes_back_after_an_unclean_end_and_not_after_a_clean_one(tmp_path: Path) -> None:
    clock = Clock()
    head = synced("ethereum", tmp_path, clock)
    height = head.view().head
    head.save(clean=True)
    assert Head(CHAINS["ethereum"], tmp_path, clock=clock).view().head == height
    assert Head(CHAINS["ethereum"], tmp_path, clock=clock).view().head == height - 128


def test_data_of_another_chain_is_refused(tmp_path: Path) -> None:
    Head(CHAINS["tron"], tmp_path)
    with pytest.raises(ValueError, match="holds the data of a tron node"):
        Head(CHAINS["solana"], tmp_path)


def at(name: str, behind: int, following: bool = True) -> View:
    return View(
        CHAINS[name], 1_800_000_000.0, 1_000_000 - behind, 1_000_000, following, 25 * following, "ab" * 32
    )


def rpc(view: View, method: str) -> dict[str, Any]:
    status, _, body = answer(
        view, "POST", "/", json.dumps({"jsonrpc": "2.0", "id": 7, "method": method}).encode()
    )
    assert status == 200
    reply = json.loads(body)
    assert reply["id"] == 7
    return dict(reply)


def test_solana_is_unhealthy_from_128_slots_behind() -> None:
    """H.solana.health_behind_slots."""
    assert rpc(at("solana", 127), "getHealth")["result"] == "ok"
    error = rpc(at("solana", 128), "getHealth")["error"]
    assert error == {
        "code": -32005,
        "message": "Node is behind by 128 slots",
        "data": {"numSlotsBehind": 128},
    }


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (at("solana", 0), b"ok"),
        (at("solana", 500), b"behind"),
        (at("solana", 500, following=False), b"unknown"),
    ],
)
def test_solanas_health_page_says_its_state_with_status_200_whatever_it_is(view: View, said: bytes) -> None:
    assert answer(view, "GET", "/health", b"") == (200, "text/plain", said)


def test_ethereum_says_that_it_is_syncing_until_it_has_caught_up() -> None:
    assert rpc(at("ethereum", 0), "eth_syncing")["result"] is False
    syncing = rpc(at("ethereum", 500), "eth_syncing")["result"]
    assert int(syncing["highestBlock"], 16) - int(syncing["currentBlock"], 16) == 500
    assert rpc(at("ethereum", 0), "eth_blockNumber")["result"] == hex(1_000_000)
    assert rpc(at("ethereum", 0, following=False), "net_peerCount")["result"] == "0x0"


@pytest.mark.parametrize(
    ("view", "status"),
    [(at("ethereum", 0), 200), (at("ethereum", 500), 206), (at("ethereum", 500, following=False), 503)],
)
def test_the_beacon_health_call_answers_by_status(view: View, status: int) -> None:
    assert answer(view, "GET", "/eth/v1/node/health", b"")[0] == status


def test_a_batch_is_answered_in_order_and_an_unknown_method_by_its_code() -> None:
    batch = [{"jsonrpc": "2.0", "id": i, "method": m} for i, m in enumerate(["eth_chainId", "eth_mine"])]
    _, _, body = answer(at("ethereum", 0), "POST", "/", json.dumps(batch).encode())
    first, second = json.loads(body)
    assert (first["id"], first["result"]) == (0, "0x1")
    assert (second["id"], second["error"]["code"]) == (1, -32601)


@pytest.mark.parametrize("body", [b"{", b"[1, 2]", b'"x"', b"\xff"])
def test_a_malformed_request_is_an_error_answer(body: bytes) -> None:
    status, _, said = answer(at("solana", 0), "POST", "/", body)
    reply = json.loads(said)
    errors = [one["error"] for one in (reply if isinstance(reply, list) else [reply])]
    assert status == 200
    assert all(error["code"] in (-32700, -32600) for error in errors)


def test_a_tron_block_has_the_time_of_its_height() -> None:
    view = at("tron", 0)
    block = json.loads(answer(view, "GET", "/wallet/getnowblock", b"")[2])
    raw = block["block_header"]["raw_data"]
    assert raw["number"] == 1_000_000
    assert raw["timestamp"] == (1_529_891_469 + 3 * 1_000_000) * 1000
    info = json.loads(answer(view, "POST", "/wallet/getnodeinfo", b"{}")[2])
    assert info["block"] == f"Num:1000000,ID:{block['blockID']}"


@contextmanager
def node(chain: str, data: Path, speed: float = 600) -> Iterator[tuple[subprocess.Popen[str], str]]:
    port = free_port(HOST)
    argv = [sys.executable, "-m", "meshlab.emulate.pods.chains", "--chain", chain, "--data", str(data)]
    argv += ["--listen", f"{HOST}:{port}", "--speed", str(speed)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert "listens on" in process.stdout.readline()
            yield process, f"http://{HOST}:{port}"
        finally:
            process.kill()


def height(url: str) -> int:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "getSlot"}).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=PATIENCE_S) as reply:
        return int(json.load(reply)["result"])


def page(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_real_node_starts_fast_syncs_and_keeps_its_head_over_an_orderly_stop(tmp_path: Path) -> None:
    with node("solana", tmp_path) as (process, url):
        until(lambda: page(url + "/health") == (200, "ok"), "the node to have caught up")
        head = height(url)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    record = json.loads((tmp_path / "head.json").read_text())
    assert record["clean"]
    assert record["height"] >= head
    with node("solana", tmp_path, speed=1) as (_, url):
        assert page(url + "/health") == (200, "unknown")
        assert height(url) >= head


def test_a_killed_node_has_its_head_on_disk(tmp_path: Path) -> None:
    with node("tron", tmp_path) as (process, _):
        until((tmp_path / "head.json").exists, "the node's head")
        process.kill()
        process.wait(PATIENCE_S)
    assert json.loads((tmp_path / "head.json").read_text())["clean"] is False


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--listen", "nowhere"], "--listen wants HOST:PORT"),
        (["--speed", "0"], "--speed is above 0"),
    ],
)
def test_a_bad_option_is_explained(argv: list[str], message: str, tmp_path: Path) -> None:
    program = [
        sys.executable,
        "-m",
        "meshlab.emulate.pods.chains",
        "--chain",
        "tron",
        "--data",
        str(tmp_path),
        *argv,
    ]
    done = subprocess.run(program, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 2
    assert re.search(re.escape(message), done.stderr)
