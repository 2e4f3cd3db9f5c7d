"""The two calls of etcd's own gRPC API that a validation makes: put a key, and ask a member who leads.

Field numbers: etcd's ``rpc.proto`` (etcdserverpb: PutRequest, StatusResponse, ResponseHeader).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import grpc.aio

_OPTIONS = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
_HASTE = [
    ("grpc.initial_reconnect_backoff_ms", 20),
    ("grpc.min_reconnect_backoff_ms", 20),
    ("grpc.max_reconnect_backoff_ms", 100),
]
"""For a member on this machine that was just killed and started again; 20 ms are also the time to connect in."""


@dataclass(frozen=True)
class Standing:
    """What a member says: its own id, the id of the leader it follows (0: none), term and applied index."""

    member: int
    leader: int
    term: int
    applied: int

    @property
    def leads(self) -> bool:
        return self.leader == self.member != 0


@cache
def _messages() -> dict[str, Any]:
    """Message classes, made at run time of the fields that are used; unknown fields are passed over."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kind = descriptor_pb2.FieldDescriptorProto
    fields = {
        "Header": {"member_id": (2, kind.TYPE_UINT64)},
        "Put": {"key": (1, kind.TYPE_BYTES), "value": (2, kind.TYPE_BYTES)},
        "Done": {},
        "Ask": {},
        "Status": {
            "header": (1, kind.TYPE_MESSAGE),
            "leader": (4, kind.TYPE_UINT64),
            "raft_term": (6, kind.TYPE_UINT64),
            "raft_applied_index": (7, kind.TYPE_UINT64),
        },
    }
    file = descriptor_pb2.FileDescriptorProto(
        name="meshlab_validation.proto", package="meshlab.validation", syntax="proto3"
    )
    for message, members in fields.items():
        described = file.message_type.add(name=message)
        for field, (number, type_) in members.items():
            added = described.field.add(name=field, number=number, type=type_, label=kind.LABEL_OPTIONAL)
            if type_ == kind.TYPE_MESSAGE:
                added.type_name = ".meshlab.validation.Header"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"meshlab.validation.{name}"))
        for name in fields
    }


class EtcdCaller:
    """A connection to the client port of one member, in an event loop; ``far``: over a link with a delay."""

    def __init__(self, host: str, port: int, *, far: bool = False) -> None:
        os.environ.setdefault(
            "GRPC_ENABLE_FORK_SUPPORT", "0"
        )  # children are started by exec: nothing to prepare
        import grpc.aio

        self._channel: grpc.aio.Channel = grpc.aio.insecure_channel(
            f"{host}:{port}", options=_OPTIONS if far else _OPTIONS + _HASTE
        )
        messages = _messages()
        self._put = self._channel.unary_unary(
            "/etcdserverpb.KV/Put",
            request_serializer=messages["Put"].SerializeToString,
            response_deserializer=messages["Done"].FromString,
        )
        self._status = self._channel.unary_unary(
            "/etcdserverpb.Maintenance/Status",
            request_serializer=messages["Ask"].SerializeToString,
            response_deserializer=messages["Status"].FromString,
        )

    async def put(self, key: bytes, value: bytes, timeout_s: float) -> bool:
        """Puts a key; gives whether it was acknowledged in time."""
        import grpc

        try:
            await self._put(_messages()["Put"](key=key, value=value), timeout=timeout_s)
        except grpc.RpcError:
            return False
        return True

    async def standing(self, timeout_s: float = 0.25) -> Standing | None:
        """Asks who leads; None when there is no answer in time."""
        import grpc

        try:
            told = await self._status(_messages()["Ask"](), timeout=timeout_s)
        except grpc.RpcError:
            return None
        return Standing(told.header.member_id, told.leader, told.raft_term, told.raft_applied_index)

    async def close(self) -> None:
        await self._channel.close(None)
