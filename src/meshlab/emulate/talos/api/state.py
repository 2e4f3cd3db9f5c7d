"""COSI resources of an emulated machine: read-only, with Talos' access rules (facts: talos-omni-kubespan §1.6)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from meshlab.emulate.cosi.store import matches, pb, watch_events
from meshlab.emulate.talos.api import roles as talos_roles
from meshlab.emulate.talos.api.faults import Fault
from meshlab.emulate.talos.api.tls import Caller

if TYPE_CHECKING:
    from meshlab.emulate.talos.site import Host


class StateCalls:
    """``cosi.resource.State`` of one machine."""

    def __init__(self, machine: Host) -> None:
        self._machine = machine

    def _allow(self, request: Any, caller: Caller) -> None:
        store = self._machine.store
        kind = store.kinds.get(request.type)
        if kind is None or request.namespace not in store.namespaces:
            raise Fault("PERMISSION_DENIED", "access is not allowed")
        if kind.sensitive and talos_roles.ADMIN not in caller.roles:
            raise Fault("PERMISSION_DENIED", "not authorized")

    async def Get(self, request: Any, caller: Caller) -> Any:
        """Give one resource."""
        self._allow(request, caller)
        store = self._machine.store
        found = store.get(store.kinds[request.type], request.id, request.namespace)
        if found is None:
            where = f"{request.namespace}/{request.id}"
            raise Fault("NOT_FOUND", f"resource {request.type}({where}@undefined) doesn't exist")
        return pb.GetResponse(resource=found)

    async def List(self, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """Give every resource of a type that the queries let through."""
        self._allow(request, caller)
        for resource in self._machine.store.list(request.namespace, request.type):
            if matches(resource, request.options):
                yield pb.ListResponse(resource=resource)

    async def Watch(self, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """Give what is there and every change; ends when the machine goes down."""
        self._allow(request, caller)
        by_id = request.HasField("id")
        if by_id and (request.options.bootstrap_contents or request.options.label_query):
            raise Fault("UNIMPLEMENTED", "a watch by id takes neither bootstrap contents nor label queries")
        async for reply in watch_events(self._machine.store, request):
            yield reply

    async def Create(self, request: Any, caller: Caller) -> Any:
        """Refuse."""
        raise Fault("PERMISSION_DENIED", "write access is not allowed")

    Update = Destroy = Create
