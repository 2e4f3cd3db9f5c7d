"""A client of Omni: machines, cluster templates, credentials (facts: talos-omni-kubespan §6.4, §7.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from meshlab.live import rpc
from meshlab.live.omni import resources as types
from meshlab.live.omni import template
from meshlab.live.omni.signature import ServiceAccount
from meshlab.live.secret import Secret
from meshlab.live.talos.resources import Resource, ResourceType, from_message
from meshlab.model.errors import LiveError


class OmniError(LiveError):
    """A call to Omni failed; ``code`` is the gRPC code by name."""

    def __init__(self, code: str, message: str, method: str) -> None:
        super().__init__(f"Omni: {method}: {message} ({code})")
        self.code = code
        self.message = message
        self.method = method


class OmniClient:
    """Omni as a service account sees it.

    Parameters
    ----------
    endpoint
        ``https://account.omni.siderolabs.io``, or ``http://host:port`` / ``grpc://host:port`` for plaintext.
    account
        Whose key signs each call.
    """

    def __init__(self, endpoint: str, account: ServiceAccount, *, timeout_s: float = 15.0) -> None:
        import grpc

        from meshlab.live._generated import cosi_resource_pb2, omni_management_pb2

        parts = urlsplit(endpoint)
        if parts.scheme not in ("https", "http", "grpc") or not parts.hostname:
            raise ValueError(f"Omni endpoint {endpoint!r} is not a https://, http:// or grpc:// URL")
        target = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
        options = [("grpc.max_receive_message_length", rpc.MAX_MESSAGE_BYTES), ("grpc.enable_retries", 0)]
        if parts.scheme == "https":
            self._channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(), options=options)
        else:
            self._channel = grpc.insecure_channel(target, options=options)
        self._account = account
        self._timeout_s = timeout_s
        self._cosi: Any = cosi_resource_pb2
        self._management: Any = omni_management_pb2
        self._state = rpc.Stub(self._channel, cosi_resource_pb2.DESCRIPTOR.services_by_name["State"])
        manager = omni_management_pb2.DESCRIPTOR.services_by_name["ManagementService"]
        self._manager = rpc.Stub(self._channel, manager)

    def __enter__(self) -> OmniClient:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._channel.close()

    def _call(self, service: str, method: str, request: Any, metadata: Sequence[tuple[str, str]] = ()) -> Any:
        import grpc

        stub = self._state if service == "cosi.resource.State" else self._manager
        signed = [*metadata, *self._account.sign(f"/{service}/{method}", metadata)]
        try:
            reply = getattr(stub, method)(
                request, timeout=self._timeout_s, metadata=signed, compression=grpc.Compression.Gzip
            )
            return list(reply) if method == "List" else reply
        except grpc.RpcError as error:
            raise OmniError(error.code().name, error.details() or "no answer", method) from None

    # --- resources

    def resources(self, kind: ResourceType) -> list[Resource]:
        """Give every resource of a type, by id."""
        request = self._cosi.ListRequest(namespace=kind.namespace, type=kind.name)
        found = self._call("cosi.resource.State", "List", request)
        return sorted(
            (from_message(item.resource, types.OMNI_TYPES) for item in found), key=lambda item: item.id
        )

    def get(self, kind: ResourceType, id: str) -> Resource:
        """Give one resource; ``NOT_FOUND`` when it is not there."""
        request = self._cosi.GetRequest(namespace=kind.namespace, type=kind.name, id=id)
        reply = self._call("cosi.resource.State", "Get", request)
        return from_message(reply.resource, types.OMNI_TYPES)

    def machines(self) -> list[Resource]:
        """Give ``MachineStatuses``: one for each machine that has ever joined."""
        return self.resources(types.MACHINE_STATUS)

    # --- clusters

    def apply_template(self, text: str) -> list[str]:
        """Create or update what a cluster template asks for, and remove what it no longer has.

        Returns
        -------
        list
            One line per change, empty when everything is as the template says.

        Raises
        ------
        meshlab.live.omni.template.TemplateError
            The template is not valid; nothing was sent.
        """
        wanted = template.read(text)
        cluster = wanted[0].id
        changes = [change for item in wanted if (change := self._apply(item))]
        keep = {(item.kind.name, item.id) for item in wanted}
        for kind in (types.CONFIG_PATCH, types.MACHINE_SET_NODE, types.MACHINE_SET):
            for resource in self.resources(kind):
                mine = resource.labels.get(types.LABEL_CLUSTER) == cluster
                if mine and (kind.name, resource.id) not in keep:
                    self._destroy(kind, resource.id)
                    changes.append(f"destroyed {kind.plural} {resource.id}")
        return changes

    def _apply(self, item: template.Wanted) -> str | None:
        try:
            current = self.get(item.kind, item.id)
        except OmniError as error:
            if error.code != "NOT_FOUND":
                raise
            request = self._cosi.CreateRequest(resource=self._resource(item, "1"), options={})
            self._call("cosi.resource.State", "Create", request)
            return f"created {item.kind.plural} {item.id}"
        if current.spec == item.spec and dict(current.labels) == dict(item.labels):
            return None
        request = self._cosi.UpdateRequest(new_resource=self._resource(item, current.version), options={})
        self._call("cosi.resource.State", "Update", request)
        return f"updated {item.kind.plural} {item.id}"

    def _resource(self, item: template.Wanted, version: str) -> Any:
        metadata = {
            "namespace": item.kind.namespace,
            "type": item.kind.name,
            "id": item.id,
            "version": version,
            "phase": "running",
            "labels": dict(item.labels),
        }
        return self._cosi.Resource(metadata=metadata, spec={"proto_spec": item.spec.SerializeToString()})

    def _destroy(self, kind: ResourceType, id: str) -> None:
        request = self._cosi.DestroyRequest(namespace=kind.namespace, type=kind.name, id=id, options={})
        self._call("cosi.resource.State", "Destroy", request)

    def delete_cluster(self, name: str) -> None:
        """Give up a cluster: its machines are reset and free again."""
        for kind in (types.CONFIG_PATCH, types.MACHINE_SET_NODE, types.MACHINE_SET):
            for resource in self.resources(kind):
                if resource.labels.get(types.LABEL_CLUSTER) == name:
                    self._destroy(kind, resource.id)
        self._destroy(types.CLUSTER, name)

    def cluster_status(self, name: str) -> Any:
        """Give ``ClusterStatusSpec``: phase, ready, machines in numbers."""
        return self.get(types.CLUSTER_STATUS, name).spec

    # --- credentials

    def talosconfig(self, cluster: str) -> str:
        """Give a talosconfig that reaches the cluster through Omni (no key inside: calls are signed)."""
        request = self._management.TalosconfigRequest()
        reply = self._call("management.ManagementService", "Talosconfig", request, [("cluster", cluster)])
        return str(reply.talosconfig.decode())

    def join_config(self) -> Secret[str]:
        """Give the configuration documents by which a machine joins; they hold the join token."""
        request = self._management.GetMachineJoinConfigRequest()
        reply = self._call("management.ManagementService", "GetMachineJoinConfig", request)
        return Secret(str(reply.config), name="Omni join configuration")
