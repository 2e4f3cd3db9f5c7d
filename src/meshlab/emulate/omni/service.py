"""A small Omni: machines join it, a cluster template drives them (facts: talos-omni-kubespan §6, §7.3).

It serves plaintext gRPC on one port: COSI state with its resources, ManagementService in part, and SideroLink's
provisioning. Every call but provisioning must be signed (:mod:`meshlab.live.omni.signature`).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

from meshlab.emulate.cosi.store import Conflict, ResourceStore, matches, watch_events
from meshlab.emulate.cosi.store import pb as cosi
from meshlab.emulate.kubespan.identity import PURPOSE_SIDEROLINK, ula_prefix
from meshlab.emulate.network.hidden import Front
from meshlab.emulate.omni.cluster import OmniCluster
from meshlab.emulate.processes.tasks import end
from meshlab.emulate.talos.api.faults import Fault, from_exception
from meshlab.emulate.talos.machine import BASE62
from meshlab.emulate.talos.site import Host, Site
from meshlab.live import rpc, yaml_text
from meshlab.live._generated import cosi_resource_pb2, omni_management_pb2, omni_specs_pb2, siderolink_pb2
from meshlab.live.omni import resources as types
from meshlab.live.omni.signature import InvalidSignature, ServiceAccount, verify
from meshlab.live.secret import Secret

management: Any = omni_management_pb2
specs: Any = omni_specs_pb2
link: Any = siderolink_pb2

VERSION = "v1.10.4"
API_VERSION = 3
WRITABLE = frozenset(
    kind.name for kind in (types.CLUSTER, types.MACHINE_SET, types.MACHINE_SET_NODE, types.CONFIG_PATCH)
)
ROLES = {"controlplane": 1, "worker": 2}


class Omni:
    """The emulated Omni of one site.

    Parameters
    ----------
    site
        Whose machines may join.
    accounts
        Service accounts that may call, all with full rights.
    folder
        Where the folder of its hidden socket is made; None: in the temporary folder.
    """

    def __init__(self, site: Site, accounts: Iterable[ServiceAccount], *, folder: Path | None = None) -> None:
        self.site = site
        self._within = folder
        self._front: Front | None = None
        self.store = ResourceStore(types.OMNI_TYPES, yaml=_omni_yaml)
        self.machines: dict[str, Host] = {}
        self.join_token = Secret("".join(secrets.choice(BASE62) for _ in range(43)), name="Omni join token")
        self.url = ""
        self._keys = {account.identity: account.public_key for account in accounts}
        self._clusters: dict[str, OmniCluster] = {}
        self._unique_tokens: dict[str, str] = {}
        self._server: Any = None
        self._task: asyncio.Task[None] | None = None
        self.problem = ""
        version = specs.SysVersionSpec(
            backend_version=VERSION, instance_name="meshlab", backend_api_version=API_VERSION
        )
        self.store.put(types.SYS_VERSION, "current", version)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Serve; gives the URL."""
        import grpc.aio

        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        services = (
            (cosi_resource_pb2, "State", _State(self)),
            (omni_management_pb2, "ManagementService", _Management(self)),
            (siderolink_pb2, "ProvisionService", _Provision(self)),
        )
        handlers = [
            rpc.handler(descriptor, _guarded(self, descriptor, implementation))
            for module, name, implementation in services
            for descriptor in [module.DESCRIPTOR.services_by_name[name]]
        ]
        self._server.add_generic_rpc_handlers(tuple(handlers))
        self._front = Front(self._within)
        self._server.add_insecure_port(f"unix:{self._front.server}")
        await self._server.start()
        self.url = f"http://{host}:{self._front.start(host, port)}"
        self._task = asyncio.create_task(self._run(), name="omni")
        return self.url

    async def stop(self) -> None:
        """Stop serving and driving; the machines go on."""
        await end(self._task)
        self._task = None
        if self._front is not None:
            await self._front.stop()
            self._front = None
        if self._server is not None:
            await self._server.stop(None)
            self._server = None

    def cluster(self, name: str) -> OmniCluster:
        """Give the cluster of a name.

        Raises
        ------
        Fault
            There is none.
        """
        if self.store.get(types.CLUSTER, name) is None:
            raise Fault("NOT_FOUND", f"cluster {name!r} does not exist")
        return self._clusters.setdefault(name, OmniCluster(name, self.store, self.machines))

    async def _run(self) -> None:
        while True:
            try:
                await self._reconcile()
                self.problem = ""
            except Exception as error:  # the next round may do better; the reason stays to be seen
                self.problem = f"{type(error).__name__}: {error}"
            await asyncio.sleep(self.site.timings.omni_poll_s)

    async def _reconcile(self) -> None:
        for uuid, machine in self.machines.items():
            self._publish_machine(uuid, machine)
        wanted = set(self.store.specs(types.CLUSTER))
        for name in set(self._clusters) - wanted:
            gone = self._clusters.pop(name)
            for uuid in list(gone._configured):
                gone.release(uuid)
            for kind in (types.CLUSTER_STATUS, types.CLUSTER_BOOTSTRAP_STATUS):
                self.store.remove(kind, name)
        for name in sorted(wanted):
            await self.cluster(name).reconcile()

    def _publish_machine(self, uuid: str, machine: Host) -> None:
        hardware = machine.hardware
        node = self.store.get(types.MACHINE_SET_NODE, uuid)
        cluster = node.metadata.labels.get(types.LABEL_CLUSTER, "") if node is not None else ""
        role = ROLES.get(machine.config.role, 0) if machine.config is not None else 0
        spec = specs.MachineStatusSpec(
            talos_version=machine.talos_version,
            network={"hostname": machine.hostname, "addresses": [hardware.address]},
            management_address=hardware.address,
            connected=machine.powered,
            maintenance=machine.stage == "maintenance",
            cluster=cluster,
            role=role if cluster else 0,
            platform_metadata={
                "platform": hardware.platform,
                "region": hardware.region,
                "zone": hardware.zone,
            },
        )
        labels = {
            f"{types.PREFIX}{'connected' if machine.powered else 'disconnected'}": "",
            f"{types.PREFIX}platform": hardware.platform,
            f"{types.PREFIX}hostname": machine.hostname,
        }
        if not cluster:
            labels[f"{types.PREFIX}available"] = ""
        self.store.put(types.MACHINE_STATUS, uuid, spec, labels=labels)
        link_spec = specs.MachineSpec(management_address=hardware.address, connected=machine.powered)
        self.store.put(types.MACHINE, uuid, link_spec)

    def admit(self, path: str, context: Any) -> str:
        """Check a call's signature; gives the caller's identity."""
        metadata = [
            (key, value) for key, value in context.invocation_metadata() or () if isinstance(value, str)
        ]
        try:
            return verify(path, metadata, self._keys)
        except InvalidSignature as error:
            raise Fault("UNAUTHENTICATED", str(error)) from None


def _omni_yaml(kind: Any, spec: Any) -> str:
    from meshlab.emulate.cosi.store import RESOURCE_DEFINITION, definition_yaml
    from meshlab.emulate.cosi.yaml import spec_data

    if kind.name == RESOURCE_DEFINITION.name:
        return definition_yaml(spec)
    data = spec_data(spec, keep_names=True)
    return yaml_text.dump({key.replace("_", ""): value for key, value in data.items()})


def _guarded(omni: Omni, service: Any, implementation: Any) -> Any:
    """Wrap each method of a service: signature first, errors to status codes."""

    class Guarded:
        pass

    guarded = Guarded()
    for method, path, _, _ in rpc.methods(service):
        behaviour = getattr(implementation, method.name, None)
        if behaviour is None:
            continue
        wrap = _guard_stream if method.server_streaming else _guard_unary
        setattr(guarded, method.name, wrap(omni, path, behaviour, signed=implementation.signed))
    return guarded


def _guard_unary(omni: Omni, path: str, behaviour: Any, *, signed: bool) -> Any:
    async def call(request: Any, context: Any) -> Any:
        try:
            identity = omni.admit(path, context) if signed else ""
            return await behaviour(request, context, identity)
        except Conflict as error:
            await context.abort(Fault(error.code, str(error)).status, str(error))
        except Exception as error:
            fault = from_exception(error)
            await context.abort(fault.status, fault.message)

    return call


def _guard_stream(omni: Omni, path: str, behaviour: Any, *, signed: bool) -> Any:
    async def call(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            identity = omni.admit(path, context) if signed else ""
            async for item in behaviour(request, context, identity):
                yield item
        except Exception as error:
            fault = from_exception(error)
            await context.abort(fault.status, fault.message)

    return call


class _State:
    """Omni's COSI state: reading everything, writing what clusters are made of."""

    signed = True

    def __init__(self, omni: Omni) -> None:
        self._store = omni.store

    def _kind(self, type_name: str, *, write: bool = False) -> Any:
        kind = self._store.kinds.get(type_name)
        if kind is None or (write and type_name not in WRITABLE):
            raise Fault("PERMISSION_DENIED", f"{type_name}: access is not allowed")
        return kind

    async def Get(self, request: Any, context: Any, identity: str) -> Any:
        found = self._store.get(self._kind(request.type), request.id, request.namespace)
        if found is None:
            where = f"{request.namespace}/{request.id}"
            raise Fault("NOT_FOUND", f"resource {request.type}({where}@undefined) doesn't exist")
        return cosi.GetResponse(resource=found)

    async def List(self, request: Any, context: Any, identity: str) -> AsyncIterator[Any]:
        self._kind(request.type)
        for resource in self._store.list(request.namespace, request.type):
            if matches(resource, request.options):
                yield cosi.ListResponse(resource=resource)

    async def Watch(self, request: Any, context: Any, identity: str) -> AsyncIterator[Any]:
        self._kind(request.type)
        async for reply in watch_events(self._store, request):
            yield reply

    async def Create(self, request: Any, context: Any, identity: str) -> Any:
        metadata = request.resource.metadata
        kind = self._kind(metadata.type, write=True)
        if self._store.get(kind, metadata.id, metadata.namespace) is not None:
            raise Conflict("ALREADY_EXISTS", f"resource {metadata.type}({metadata.id}) already exists")
        return cosi.CreateResponse(resource=self._put(kind, request.resource))

    async def Update(self, request: Any, context: Any, identity: str) -> Any:
        metadata = request.new_resource.metadata
        kind = self._kind(metadata.type, write=True)
        current = self._store.get(kind, metadata.id, metadata.namespace)
        if current is None:
            raise Conflict("NOT_FOUND", f"resource {metadata.type}({metadata.id}) doesn't exist")
        if metadata.version != current.metadata.version:
            raise Conflict(
                "FAILED_PRECONDITION", f"resource {metadata.type}({metadata.id}): version conflict"
            )
        return cosi.UpdateResponse(resource=self._put(kind, request.new_resource))

    def _put(self, kind: Any, resource: Any) -> Any:
        metadata = resource.metadata
        return self._store.put(
            kind,
            metadata.id,
            kind.spec_class.FromString(resource.spec.proto_spec),
            namespace=metadata.namespace,
            labels=dict(metadata.labels),
            annotations=dict(metadata.annotations),
        )

    async def Teardown(self, request: Any, context: Any, identity: str) -> Any:
        kind = self._kind(request.type, write=True)
        return cosi.TeardownResponse(destroy_ready=self._store.teardown(kind, request.id, request.namespace))

    async def Destroy(self, request: Any, context: Any, identity: str) -> Any:
        kind = self._kind(request.type, write=True)
        if not self._store.remove(kind, request.id, request.namespace):
            raise Conflict("NOT_FOUND", f"resource {request.type}({request.id}) doesn't exist")
        return cosi.DestroyResponse()


class _Management:
    """The part of ``management.ManagementService`` that is used."""

    signed = True

    def __init__(self, omni: Omni) -> None:
        self._omni = omni

    async def Talosconfig(self, request: Any, context: Any, identity: str) -> Any:
        metadata = dict(context.invocation_metadata() or ())
        cluster = self._omni.cluster(str(metadata.get("cluster") or metadata.get("context") or ""))
        text = cluster.talosconfig(self._omni.url, identity).reveal()
        return management.TalosconfigResponse(talosconfig=text.encode())

    async def GetMachineJoinConfig(self, request: Any, context: Any, identity: str) -> Any:
        token = self._omni.join_token.reveal()
        url = f"{self._omni.url}?jointoken={token}"
        sink = {
            "apiVersion": "v1alpha1",
            "kind": "EventSinkConfig",
            "endpoint": "[fdae:41e4:649b:9303::1]:8090",
        }
        config = yaml_text.dump_all(
            [{"apiVersion": "v1alpha1", "kind": "SideroLinkConfig", "apiUrl": url}, sink]
        )
        return management.GetMachineJoinConfigResponse(kernel_args=[f"siderolink.api={url}"], config=config)

    async def ValidateConfig(self, request: Any, context: Any, identity: str) -> Any:
        from google.protobuf.empty_pb2 import Empty

        from meshlab.live.talos.validation import ConfigError, validate

        try:
            validate(request.config)
        except ConfigError as error:
            raise Fault("INVALID_ARGUMENT", str(error)) from None
        return Empty()


class _Provision:
    """``sidero.link.ProvisionService``: how a machine joins; the join token is its proof."""

    signed = False

    def __init__(self, omni: Omni) -> None:
        self._omni = omni

    async def Provision(self, request: Any, context: Any, identity: str) -> Any:
        omni = self._omni
        known = omni._unique_tokens.get(request.node_uuid)
        if known is not None and request.node_unique_token != known:
            raise Fault("PERMISSION_DENIED", "the machine has joined before: its unique token is needed")
        if known is None and request.join_token != omni.join_token.reveal():
            raise Fault("PERMISSION_DENIED", "unauthorized: invalid join token")
        machine = next((m for m in omni.site.machines.values() if m.hardware.uuid == request.node_uuid), None)
        if machine is None:
            raise Fault("FAILED_PRECONDITION", f"no machine {request.node_uuid} at this site")
        omni._unique_tokens[request.node_uuid] = request.node_unique_token or request.node_uuid
        omni.machines[request.node_uuid] = machine
        omni._publish_machine(request.node_uuid, machine)
        prefix = ula_prefix("", PURPOSE_SIDEROLINK)
        node = prefix.network_address + int.from_bytes(secrets.token_bytes(8), "big")
        return link.ProvisionResponse(
            server_endpoint=["127.0.0.1:50180"],
            server_public_key=secrets.token_hex(16),
            node_address_prefix=f"{node}/64",
            server_address=str(prefix.network_address + 1),
        )
