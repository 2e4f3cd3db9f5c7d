"""gRPC stubs and handlers made from the message descriptors, so that services need no generated code of their own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

# Read by gRPC when it is first imported: without them each child process that is started prints a line about fork().
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

MAX_MESSAGE_BYTES = 32 * 1024 * 1024
"""Largest message each way, as Talos sets it (facts: talos-omni-kubespan §1.5)."""


def methods(service: Any) -> Iterator[tuple[Any, str, Any, Any]]:
    """Give each method of a service descriptor with its path, request class and response class."""
    from google.protobuf.message_factory import GetMessageClass

    for method in service.methods:
        yield (
            method,
            f"/{service.full_name}/{method.name}",
            GetMessageClass(method.input_type),
            GetMessageClass(method.output_type),
        )


class Stub:
    """The methods of one service as callables of their own names, on a sync or an asyncio channel."""

    def __init__(self, channel: Any, service: Any) -> None:
        for method, path, request, response in methods(service):
            kind = ("stream" if method.client_streaming else "unary") + (
                "_stream" if method.server_streaming else "_unary"
            )
            make = getattr(channel, kind)
            call = make(
                path, request_serializer=request.SerializeToString, response_deserializer=response.FromString
            )
            setattr(self, method.name, call)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        raise AttributeError(f"the service has no method {name}")


def handler(service: Any, implementation: object) -> Any:
    """Give the generic handler that serves the methods which ``implementation`` has, under their gRPC names.

    Methods that it lacks are answered with UNIMPLEMENTED by gRPC itself.
    """
    import grpc

    table = {}
    for method, _, request, response in methods(service):
        behaviour = getattr(implementation, method.name, None)
        if behaviour is None:
            continue
        kind = ("stream" if method.client_streaming else "unary") + (
            "_stream" if method.server_streaming else "_unary"
        )
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        table[method.name] = make(
            behaviour, request_deserializer=request.FromString, response_serializer=response.SerializeToString
        )
    return grpc.method_handlers_generic_handler(service.full_name, table)
