"""How a machine joins Omni: by its join token, as its kernel arguments tell it."""

from __future__ import annotations

import secrets
from typing import Any

from meshlab.emulate.talos.api.faults import Fault
from meshlab.emulate.talos.site import Host
from meshlab.live import private_file, rpc
from meshlab.live._generated import siderolink_pb2
from meshlab.live.secret import Secret

link: Any = siderolink_pb2


async def join(machine: Host, omni_url: str, token: Secret[str]) -> str:
    """Let a machine join Omni as its kernel arguments tell a real one; gives its SideroLink address.

    Raises
    ------
    Fault
        Omni refuses it.
    """
    import grpc.aio

    target = omni_url.partition("://")[2]
    descriptor = siderolink_pb2.DESCRIPTOR.services_by_name["ProvisionService"]
    unique = machine.directory / "META-unique-token"
    if not unique.exists():
        unique.parent.mkdir(parents=True, exist_ok=True)
        private_file.write(unique, secrets.token_hex(16))
    request = link.ProvisionRequest(
        node_uuid=machine.hardware.uuid,
        node_public_key=secrets.token_hex(16),
        join_token=token.reveal(),
        node_unique_token=unique.read_text(),
        talos_version=machine.talos_version,
    )
    async with grpc.aio.insecure_channel(target) as channel:
        try:
            reply = await rpc.Stub(channel, descriptor).Provision(request, timeout=30.0)
        except grpc.aio.AioRpcError as error:
            raise Fault(error.code().name, error.details() or "") from None
    return str(reply.node_address_prefix)
