"""What chain nodes answer to the calls that probes and operators make, in each chain's own words.

Each function is pure: a request and what the node knows give an HTTP status and a body.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from meshlab.emulate.pods.chain_head import View

Answer = tuple[int, str, bytes]
"""HTTP status, content type, body."""

_JSON = "application/json"
_METHOD_NOT_FOUND = -32601
_NODE_UNHEALTHY = -32005


class _RpcError(Exception):
    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.body = {"code": code, "message": message} | ({} if data is None else {"data": data})


def answer(view: View, method: str, path: str, body: bytes) -> Answer:
    """Answers one HTTP request as the node of ``view``'s chain does."""
    path = path.partition("?")[0].rstrip("/") or "/"
    serve = {"solana": _solana, "ethereum": _ethereum, "tron": _tron}[view.chain.name]
    return serve(view, method, path, body)


def _json(data: object, status: int = 200) -> Answer:
    return status, _JSON, json.dumps(data).encode()


def _text(text: str, status: int = 200) -> Answer:
    return status, "text/plain", text.encode()


def _digest(view: View, *parts: object) -> str:
    return hashlib.sha256(":".join(str(part) for part in (view.chain.name, *parts)).encode()).hexdigest()


def _rpc(view: View, body: bytes, methods: dict[str, Callable[[View], object]]) -> Answer:
    """JSON-RPC 2.0, single or batch."""
    try:
        request = json.loads(body)
    except ValueError:
        return _json({"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "parse error"}})
    if isinstance(request, list):
        return _json([_rpc_one(view, one, methods) for one in request])
    return _json(_rpc_one(view, request, methods))


def _rpc_one(view: View, request: Any, methods: dict[str, Callable[[View], object]]) -> dict[str, object]:
    if not isinstance(request, dict) or "method" not in request:
        return {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "invalid request"}}
    reply: dict[str, object] = {"jsonrpc": "2.0", "id": request.get("id")}
    call = methods.get(str(request["method"]))
    try:
        if call is None:
            message = f"the method {request['method']} does not exist/is not available"
            raise _RpcError(_METHOD_NOT_FOUND, message)
        reply["result"] = call(view)
    except _RpcError as error:
        reply["error"] = error.body
    return reply


def _solana(view: View, method: str, path: str, body: bytes) -> Answer:
    if method == "GET" and path == "/health":  # agave answers 200 whatever the state; the body tells
        return _text("ok" if view.healthy else "behind" if view.following else "unknown")
    if method == "POST":
        return _rpc(view, body, _SOLANA)
    return _text("Used HTTP Method is not allowed. POST or OPTIONS is required", 405)


def _solana_health(view: View) -> object:
    if view.healthy:
        return "ok"
    if not view.following:
        raise _RpcError(_NODE_UNHEALTHY, "Node is unhealthy", {"numSlotsBehind": None})
    behind = {"numSlotsBehind": view.behind}
    raise _RpcError(_NODE_UNHEALTHY, f"Node is behind by {view.behind} slots", behind)


def _solana_nodes(view: View) -> object:
    return [
        {
            "pubkey": view.identity[:44],
            "gossip": "127.0.0.1:8001",
            "rpc": "127.0.0.1:8899",
            "tpu": None,
            "version": "3.0.0",
            "featureSet": 3_294_202_862,
            "shredVersion": 50_093,
        }
    ]


_SLOTS_PER_EPOCH = 432_000

_SOLANA: dict[str, Callable[[View], object]] = {
    "getHealth": _solana_health,
    "getSlot": lambda view: view.head,
    "getBlockHeight": lambda view: view.head,
    "getMaxShredInsertSlot": lambda view: view.tip if view.following else view.head,
    "getVersion": lambda view: {"solana-core": "3.0.0", "feature-set": 3_294_202_862},
    "getIdentity": lambda view: {"identity": view.identity[:44]},
    "getClusterNodes": _solana_nodes,
    "getEpochInfo": lambda view: {
        "absoluteSlot": view.head,
        "blockHeight": view.head,
        "epoch": view.head // _SLOTS_PER_EPOCH,
        "slotIndex": view.head % _SLOTS_PER_EPOCH,
        "slotsInEpoch": _SLOTS_PER_EPOCH,
    },
}


def _ethereum(view: View, method: str, path: str, body: bytes) -> Answer:
    if path.startswith("/eth/v1/node/"):
        return _beacon(view, path.removeprefix("/eth/v1/node/"))
    if method == "GET":  # geth says 200 with an empty body: good for liveness only
        return _text("")
    return _rpc(view, body, _ETHEREUM)


def _syncing(view: View) -> object:
    if view.healthy:
        return False
    head, tip = hex(view.head), hex(view.tip)
    return {"startingBlock": head, "currentBlock": head, "highestBlock": tip}


_ETHEREUM: dict[str, Callable[[View], object]] = {
    "eth_blockNumber": lambda view: hex(view.head),
    "eth_syncing": _syncing,
    "eth_chainId": lambda view: "0x1",
    "net_version": lambda view: "1",
    "net_listening": lambda view: True,
    "net_peerCount": lambda view: hex(view.peers),
    "web3_clientVersion": lambda view: "Geth/v1.17.0-stable/linux-amd64/go1.26",
}

_BEACON_GENESIS = 1_606_824_023
"""Unix time of slot 0 of the beacon chain [K]."""


def _beacon(view: View, call: str) -> Answer:
    slot = int(view.now - _BEACON_GENESIS) // 12
    if call == "health":
        return 200 if view.healthy else 206 if view.following else 503, _JSON, b""
    data: dict[str, dict[str, object]] = {
        "syncing": {
            "head_slot": str(slot - view.behind),
            "sync_distance": str(view.behind),
            "is_syncing": not view.healthy,
            "is_optimistic": False,
            "el_offline": not view.following,
        },
        "version": {"version": "Lighthouse/v8.0.0/x86_64-linux"},
        "peer_count": {"connected": str(view.peers), "connecting": "0", "disconnected": "0"},
    }
    if call in data:
        return _json({"data": data[call]})
    return _json({"code": 404, "message": f"no such call: /eth/v1/node/{call}"}, 404)


_SOLID_BEHIND = 19
"""A block is final when 19 of the 27 witnesses have built on it."""


def _tron(view: View, method: str, path: str, body: bytes) -> Answer:
    if path == "/wallet/getnowblock":
        return _json(_tron_block(view))
    if path == "/wallet/getnodeinfo":
        return _json(_tron_node(view))
    return _json({"Error": f"no such call: {path}"}, 404)


def _tron_id(view: View, number: int) -> str:
    return f"{number:016x}" + _digest(view, number)[16:]


def _tron_block(view: View) -> dict[str, object]:
    raw = {
        "number": view.head,
        "timestamp": int(view.chain.time_of(view.head) * 1000),
        "parentHash": _tron_id(view, view.head - 1),
        "txTrieRoot": _digest(view, "trie", view.head),
        "witness_address": "41" + _digest(view, "witness", view.head % 27)[:40],
        "version": 32,
    }
    return {"blockID": _tron_id(view, view.head), "block_header": {"raw_data": raw}}


def _tron_node(view: View) -> dict[str, object]:
    solid = max(0, view.head - _SOLID_BEHIND)
    return {
        "beginSyncNum": view.head,
        "block": f"Num:{view.head},ID:{_tron_id(view, view.head)}",
        "solidityBlock": f"Num:{solid},ID:{_tron_id(view, solid)}",
        "currentConnectCount": view.peers,
        "activeConnectCount": view.peers,
        "passiveConnectCount": 0,
        "peerList": [],
        "configNodeInfo": {"codeVersion": "4.8.1", "p2pVersion": "11111"},
    }
