"""Port forwarding to a pod over a websocket (subprotocol v4.channel.k8s.io, as the Python client speaks it)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from meshlab.emulate.kubernetes.objects import status
from meshlab.emulate.kubernetes.objects.resources import resource_named
from meshlab.emulate.kubernetes.objects.status import ApiError
from meshlab.emulate.kubernetes.server.requestinfo import RequestInfo
from meshlab.emulate.kubernetes.server.streams import Streams
from meshlab.emulate.kubernetes.storage.registry import Registry

if TYPE_CHECKING:
    from aiohttp import web

_PROTOCOL = "v4.channel.k8s.io"


async def portforward(
    request: web.Request, info: RequestInfo, registry: Registry, streams: Streams
) -> web.StreamResponse:
    """Joins the client's channels with TCP connections to the pod: channel 2i is data of port i, 2i+1 its errors."""
    from aiohttp import WSMsgType, web

    pod = await registry.get(resource_named("pods"), info.namespace, info.name)
    ports = [int(p) for text in request.query.getall("ports", []) for p in text.split(",")]
    if "websocket" not in request.headers.get("Upgrade", "").lower():
        raise ApiError(
            400, "BadRequest", "Upgrade request required: port forwarding is served over websockets only"
        )
    if not ports:
        raise status.bad_request('query parameter "ports" is required')
    if pod["status"].get("phase") != "Running":
        raise status.bad_request(
            f"unable to forward port because pod is not running. Current status={pod['status'].get('phase')}"
        )
    socket = web.WebSocketResponse(protocols=(_PROTOCOL,))
    await socket.prepare(request)
    writers: dict[int, asyncio.StreamWriter] = {}
    tasks: list[asyncio.Task[None]] = []
    try:
        for index, port in enumerate(ports):
            for channel in (2 * index, 2 * index + 1):
                await socket.send_bytes(bytes([channel]) + port.to_bytes(2, "little"))
            try:
                reader, writer = await streams.connect(pod["status"]["podIP"], port)
            except (OSError, TimeoutError) as error:
                await socket.send_bytes(bytes([2 * index + 1]) + str(error).encode())
                continue
            writers[2 * index] = writer
            tasks.append(asyncio.create_task(_pump(reader, socket, 2 * index)))
        async for message in socket:
            if message.type == WSMsgType.BINARY and message.data and message.data[0] in writers:
                writers[message.data[0]].write(message.data[1:])
                await writers[message.data[0]].drain()
    except ConnectionError:
        return socket
    finally:
        for task in tasks:
            task.cancel()
        for writer in writers.values():
            writer.close()
    return socket


async def _pump(reader: asyncio.StreamReader, socket: web.WebSocketResponse, channel: int) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            await socket.send_bytes(bytes([channel]) + data)
        await socket.close()
