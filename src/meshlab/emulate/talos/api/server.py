"""The API of an emulated machine: listening, authorisation, forwarding to other machines (facts: §1.2, §1.5, §1.7).

The calls themselves are in :mod:`meshlab.emulate.talos.api.calls` and its neighbours; each is a method of the gRPC name
that takes the request and the caller, and raises a Fault.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from meshlab.emulate.network.addresses import loopback
from meshlab.emulate.talos import pki as machine_pki
from meshlab.emulate.talos.api import roles as talos_roles
from meshlab.emulate.talos.api.faults import Fault, from_exception
from meshlab.emulate.talos.api.tls import Caller, TlsFront
from meshlab.live import rpc
from meshlab.live.talos.channel import TALOS_PORT
from meshlab.live.talos.pki import CertificateAndKey

if TYPE_CHECKING:
    from meshlab.emulate.talos.site import Host

FAN_OUT_PACKAGES = ("machine.MachineService", "cluster.", "inspect.", "storage.", "time.")


@dataclass(frozen=True)
class _Call:
    """One method of one service."""

    service: str
    name: str
    reply: Any

    @property
    def path(self) -> str:
        return f"/{self.service}/{self.name}"

    @property
    def fans_out(self) -> bool:
        return self.service.startswith(FAN_OUT_PACKAGES)


class TalosApi:
    """What answers on port 50000 of a machine."""

    def __init__(self, machine: Host) -> None:
        self._machine = machine
        self._server: Any = None
        self._front: TlsFront | None = None
        self._implementations: dict[str, Any] = {}
        self._maintenance = False

    @property
    def listening(self) -> bool:
        """Whether it takes connections."""
        return self._front is not None

    @property
    def in_maintenance(self) -> bool:
        """Whether callers come without a certificate."""
        return self._maintenance

    async def start(self) -> None:
        """Listen; until a certificate is shown, connections are closed."""
        import grpc.aio

        options = [
            ("grpc.max_receive_message_length", rpc.MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", rpc.MAX_MESSAGE_BYTES),
            ("grpc.so_reuseport", 0),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ]
        self._server = grpc.aio.server(options=options)
        self._server.add_generic_rpc_handlers(self._handlers())
        self._front = TlsFront(self._machine.directory)
        self._server.add_insecure_port(self._front.backend)
        await self._server.start()
        self._maintenance = False
        machine = self._machine
        if machine.site.exposure is None:
            await self._front.start(loopback(machine.hardware.address), TALOS_PORT)
        else:
            hidden = await self._front.start("127.0.0.1", 0)
            await machine.site.exposure.expose(machine.name, TALOS_PORT, ("127.0.0.1", hidden))

    async def stop(self) -> None:
        """Stop listening; calls under way are cut."""
        front, server, self._front, self._server = self._front, self._server, None, None
        exposure = self._machine.site.exposure
        if front is not None:
            if exposure is not None:
                await exposure.withdraw(self._machine.name, TALOS_PORT)
            await front.stop()
        if server is not None:
            await server.stop(None)

    def show_maintenance(self) -> None:
        """Show a self-signed certificate and ask callers for none; they are readers."""
        if self._front is not None:
            certificate = machine_pki.maintenance_certificate(self._machine)
            self._front.show(certificate, client_ca=None, roles=frozenset({talos_roles.READER}))
            self._maintenance = True

    def show(self, certificate: CertificateAndKey, *, client_ca: str) -> None:
        """Show the machine's certificate and ask callers for one of the cluster; ends connections without."""
        if self._front is not None:
            self._front.show(certificate, client_ca=client_ca)
            if self._maintenance:
                self._maintenance = False
                asyncio.get_running_loop().call_later(
                    0.2, self._front.drop
                )  # the reply to the apply gets out first

    # --- handlers

    def _handlers(self) -> tuple[Any, ...]:
        from meshlab.emulate.talos.api.services import implementations

        handlers = []
        for service, implementation in implementations(self._machine):
            self._implementations[service.full_name] = implementation
            wrapped = _Wrapped()
            for method, _, _, reply in rpc.methods(service):
                if not hasattr(implementation, method.name):
                    continue
                call = _Call(service.full_name, method.name, reply)
                if method.server_streaming:
                    setattr(wrapped, method.name, self._streaming(call))
                else:
                    setattr(wrapped, method.name, self._unary(call))
            handlers.append(rpc.handler(service, wrapped))
        return tuple(handlers)

    def _unary(self, call: _Call) -> Any:
        async def behaviour(request: Any, context: Any) -> Any:
            try:
                caller, metadata = self._admit(call, context)
                return await self._route(call, request, caller, metadata)
            except Exception as error:
                fault = from_exception(error)
                await context.abort(fault.status, fault.message)

        return behaviour

    def _streaming(self, call: _Call) -> Any:
        async def behaviour(request: Any, context: Any) -> AsyncIterator[Any]:
            try:
                caller, metadata = self._admit(call, context)
                async with contextlib.aclosing(self._route_stream(call, request, caller, metadata)) as items:
                    async for item in items:
                        yield item
            except Exception as error:
                fault = from_exception(error)
                await context.abort(fault.status, fault.message)

        return behaviour

    def _admit(self, call: _Call, context: Any) -> tuple[Caller, dict[str, list[str]]]:
        metadata: dict[str, list[str]] = {}
        for key, value in context.invocation_metadata() or ():
            metadata.setdefault(key, []).append(value if isinstance(value, str) else value.decode())
        caller = self._front.caller(str(context.peer())) if self._front is not None else None
        if caller is None:
            raise Fault("UNAUTHENTICATED", "no client certificate")
        if talos_roles.IMPERSONATOR in caller.roles:
            caller = Caller(frozenset(metadata.get("talos-role", [])), caller.address)
        if not talos_roles.may_call(call.path, caller.roles):
            raise Fault("PERMISSION_DENIED", "not authorized")
        return caller, metadata

    async def perform(self, call: _Call, request: Any, caller: Caller) -> Any:
        """Make a unary call on this machine."""
        return await getattr(self._implementations[call.service], call.name)(request, caller)

    def perform_stream(self, call: _Call, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """Make a streaming call on this machine."""
        items: AsyncIterator[Any] = getattr(self._implementations[call.service], call.name)(request, caller)
        return items

    # --- routing

    def _targets(self, call: _Call, metadata: dict[str, list[str]]) -> tuple[list[str], bool]:
        """Give whom to ask (nobody: this machine) and whether the reply is a collection."""
        nodes = [part for value in metadata.get("nodes", []) for part in value.split(",")]
        node = metadata.get("node", [])
        if "proxyfrom" in metadata or not (nodes or node):
            return [], False
        if nodes:
            if not call.fans_out:
                raise Fault("INVALID_ARGUMENT", f"one-2-many proxying is not supported for {call.path}")
            return nodes, True
        if len(node) > 1:
            raise Fault("INVALID_ARGUMENT", "node metadata must be single-valued")
        return node, False

    def _target(self, name: str) -> Host:
        """Find the machine to forward to; this one, or one that can be reached.

        Raises
        ------
        Fault
            This machine may not forward, or the other one does not answer.
        """
        machine = self._machine
        own = (machine.hardware.address, machine.hostname, loopback(machine.hardware.address), "127.0.0.1")
        if name in own:
            return machine
        config = machine.config
        if self._maintenance or config is None or not config.is_control_plane:
            raise Fault("PERMISSION_DENIED", "no request forwarding")
        target = machine.site.find(name)
        usable = target is not None and target.config is not None and target.api.listening
        if target is None or not usable or not machine.site.both_ways(machine.name, target.name):
            raise Fault("UNAVAILABLE", f"connection error: {name} does not answer")
        return target

    async def _reach(self, name: str) -> Host:
        try:
            return self._target(name)
        except Fault as fault:
            if fault.code == "UNAVAILABLE":  # a silent machine costs the caller a wait, as it does apid
                await asyncio.sleep(self._machine.site.timings.proxy_timeout_s)
            raise

    async def _route(self, call: _Call, request: Any, caller: Caller, metadata: dict[str, list[str]]) -> Any:
        targets, collected = self._targets(call, metadata)
        if not targets:
            return await self.perform(call, request, caller)
        if not collected:
            target = await self._reach(targets[0])
            return await target.api.perform(call, request, caller)
        merged = call.reply()

        async def ask(name: str) -> Any:
            try:
                return await (await self._reach(name)).api.perform(call, request, caller)
            except Exception as error:
                return from_exception(error)

        for name, reply in zip(targets, await asyncio.gather(*(ask(name) for name in targets)), strict=True):
            if isinstance(reply, Fault):
                _mark_failed(merged.messages.add().metadata, name, reply)
                continue
            for message in reply.messages:
                message.metadata.hostname = name
                merged.messages.append(message)
        return merged

    async def _route_stream(
        self, call: _Call, request: Any, caller: Caller, metadata: dict[str, list[str]]
    ) -> AsyncGenerator[Any, None]:
        targets, collected = self._targets(call, metadata)
        if not targets:
            async for item in self.perform_stream(call, request, caller):
                yield item
            return
        if not collected:
            target = await self._reach(targets[0])
            async for item in target.api.perform_stream(call, request, caller):
                yield item
            return
        async for item in self._merged(call, request, caller, targets):
            yield item

    async def _merged(
        self, call: _Call, request: Any, caller: Caller, targets: list[str]
    ) -> AsyncIterator[Any]:
        queue: asyncio.Queue[Any] = asyncio.Queue(maxsize=64)

        async def follow(name: str) -> None:
            try:
                target = await self._reach(name)
                async for item in target.api.perform_stream(call, request, caller):
                    copy = call.reply()
                    copy.CopyFrom(item)
                    copy.metadata.hostname = name
                    await queue.put(copy)
            except Exception as error:
                failed = call.reply()
                _mark_failed(failed.metadata, name, from_exception(error))
                await queue.put(failed)
            await queue.put(None)

        tasks = [asyncio.create_task(follow(name)) for name in targets]
        try:
            left = len(tasks)
            while left:
                item = await queue.get()
                if item is None:
                    left -= 1
                else:
                    yield item
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class _Wrapped:
    """Holds the wrapped methods of one service."""


def _mark_failed(metadata: Any, node: str, fault: Fault) -> None:
    metadata.hostname = node
    metadata.error = f"rpc error: code = {fault.go_code} desc = {fault.message}"
    metadata.status.code = fault.status.value[0]
    metadata.status.message = fault.message
