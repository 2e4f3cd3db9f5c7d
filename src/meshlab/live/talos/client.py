"""A client of the Talos API: what ``talosctl`` does, for code (facts: talos-omni-kubespan §1, live-bringup §1.9)."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from meshlab.live.secret import Secret
from meshlab.live.talos.channel import TalosChannel
from meshlab.live.talos.errors import TalosError
from meshlab.live.talos.resources import Resource, ResourceType, from_message, known_type
from meshlab.live.talos.talosconfig import Talosconfig

ApplyMode = Literal["reboot", "auto", "no-reboot", "staged", "try"]
BOOT_ID = "/proc/sys/kernel/random/boot_id"


@dataclass(frozen=True)
class MachineEvent:
    """One event of a machine: ``kind`` is the message's name (``SequenceEvent``…), ``payload`` the message."""

    id: str
    actor_id: str
    kind: str
    payload: Any


@dataclass(frozen=True)
class Change:
    """One change of a resource under watch: ``created``, ``updated``, ``destroyed`` or ``bootstrapped``."""

    kind: Literal["created", "updated", "destroyed", "bootstrapped", "errored", "noop"]
    resource: Resource
    old: Resource | None = None


class TalosClient:
    """The API of one machine.

    Parameters
    ----------
    endpoint
        Host, ``host:port`` or URL.
    talosconfig
        Credentials; None for a machine in maintenance mode (``talosctl --insecure``).
    node
        Another machine that the endpoint shall forward calls to.
    timeout_s
        Deadline of each call.
    dial
        Maps the endpoint's host to the address really dialled; None: as it is.

    Raises
    ------
    TalosError
        Every method, when the call fails: code, the machine's words, the machine.
    """

    def __init__(
        self,
        endpoint: str,
        talosconfig: Talosconfig | None,
        *,
        node: str | None = None,
        timeout_s: float = 10.0,
        dial: Callable[[str], str] | None = None,
    ) -> None:
        from meshlab.live._generated import (
            cluster_pb2,
            cosi_resource_pb2,
            lifecycle_pb2,
            machine_pb2,
            storage_pb2,
        )

        self.node = node
        self._channel = TalosChannel(endpoint, talosconfig, timeout_s=timeout_s, dial=dial)
        self._pb: Any = machine_pb2
        self._cosi: Any = cosi_resource_pb2
        self._storage: Any = storage_pb2
        self._cluster: Any = cluster_pb2
        self._lifecycle: Any = lifecycle_pb2
        self._machine: Any = machine_pb2.DESCRIPTOR.services_by_name["MachineService"]
        self._state: Any = cosi_resource_pb2.DESCRIPTOR.services_by_name["State"]

    def __enter__(self) -> TalosClient:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._channel.close()

    @property
    def name(self) -> str:
        """The machine that answers, as its caller named it."""
        return self.node or self._channel.host

    # --- calls

    def _one(self, method: str, request: Any = None, *, timeout_s: float | None = None) -> Any:
        """Make a unary call of MachineService and give the one message of its reply."""
        return self._single(method, self._call(self._machine, method, request, timeout_s=timeout_s))

    def _call(self, service: Any, method: str, request: Any = None, *, timeout_s: float | None = None) -> Any:
        from google.protobuf.empty_pb2 import Empty

        message = Empty() if request is None else request
        return self._channel.call(service, method, message, node=self.node, timeout_s=timeout_s)

    def _single(self, method: str, reply: Any) -> Any:
        for message in reply.messages:
            failed = _error_in(message, self.name, method)
            if failed is not None:
                raise failed
            return message
        raise TalosError("INTERNAL", "empty reply", self.name, method)

    def fan_out(
        self, method: str, nodes: Sequence[str], request: Any = None, *, timeout_s: float | None = None
    ) -> dict[str, Any | TalosError]:
        """Make a unary MachineService call on several machines through this one.

        Returns
        -------
        dict
            By node: its message, or the TalosError it ended in. A failed node does not fail the call.
        """
        from google.protobuf.empty_pb2 import Empty

        metadata = [("nodes", node) for node in nodes]
        message = Empty() if request is None else request
        reply = self._channel.call(self._machine, method, message, metadata=metadata, timeout_s=timeout_s)
        result: dict[str, Any | TalosError] = {}
        for item in reply.messages:
            node = item.metadata.hostname or self.name
            result[node] = _error_in(item, node, method) or item
        for node in nodes:
            result.setdefault(node, TalosError("INTERNAL", "no reply for this node", node, method))
        return result

    # --- what it is

    def version(self, *, timeout_s: float | None = None) -> Any:
        """Give ``machine.Version``: ``version.tag``, ``platform``, ``features``."""
        return self._one("Version", timeout_s=timeout_s)

    def hostname(self) -> str:
        """Give the hostname."""
        return str(self._one("Hostname").hostname)

    def service_list(self) -> dict[str, Any]:
        """Give ``machine.ServiceInfo`` by service id: ``state`` (Running, Preparing…), ``health``."""
        return {service.id: service for service in self._one("ServiceList").services}

    def disks(self) -> list[Any]:
        """Give ``storage.Disk`` of each disk."""
        service = self._storage.DESCRIPTOR.services_by_name["StorageService"]
        return list(self._single("Disks", self._call(service, "Disks")).disks)

    def memory(self) -> Any:
        """Give ``machine.MemInfo`` (KiB)."""
        return self._one("Memory").meminfo

    def read(self, path: str, *, timeout_s: float | None = None) -> bytes:
        """Give the content of a file."""
        return self._bytes("Read", self._pb.ReadRequest(path=path), timeout_s=timeout_s)

    def boot_id(self, *, timeout_s: float | None = None) -> str:
        """Give the kernel's boot id; another one proves a reboot."""
        return self.read(BOOT_ID, timeout_s=timeout_s).decode().strip()

    def dmesg(self) -> str:
        """Give the kernel log."""
        return self._bytes("Dmesg", self._pb.DmesgRequest()).decode(errors="replace")

    def logs(self, service: str, *, tail: int = -1) -> str:
        """Give the log of a service; ``tail`` lines, -1 for all."""
        request = self._pb.LogsRequest(namespace="system", id=service, driver="CONTAINERD", tail_lines=tail)
        return self._bytes("Logs", request).decode(errors="replace")

    def _bytes(self, method: str, request: Any, *, timeout_s: float | None = None) -> bytes:
        parts = []
        for item in self._stream(self._machine, method, request, timeout_s):
            failed = _error_in(item, self.name, method)
            if failed is not None:
                raise failed
            parts.append(item.bytes)
        return b"".join(parts)

    def _stream(self, service: Any, method: str, request: Any, timeout_s: float | None) -> Iterator[Any]:
        return self._channel.stream(service, method, request, node=self.node, timeout_s=timeout_s)

    # --- configuration and life

    def apply_configuration(
        self,
        config: Secret[str] | str,
        *,
        mode: ApplyMode = "auto",
        dry_run: bool = False,
        timeout_s: float | None = None,
    ) -> Any:
        """Send a configuration; gives ``machine.ApplyConfiguration`` with ``mode_details`` and ``warnings``.

        The default mode is ``auto``, as in talosctl; the wire's own default would be a reboot.
        """
        text = config.reveal() if isinstance(config, Secret) else config
        request = self._pb.ApplyConfigurationRequest(
            data=text.encode(), mode=mode.upper().replace("-", "_"), dry_run=dry_run
        )
        return self._one("ApplyConfiguration", request, timeout_s=timeout_s)

    def bootstrap(self, *, recover_etcd: bool = False, recover_skip_hash_check: bool = False) -> None:
        """Found the cluster's etcd on this machine: once in a cluster's life, on one machine.

        Nothing stops a second machine from founding a second cluster; the caller must know that none was bootstrapped.
        ``ALREADY_EXISTS`` means that this machine is done, ``FAILED_PRECONDITION`` that it is too early.
        """
        request = self._pb.BootstrapRequest(
            recover_etcd=recover_etcd, recover_skip_hash_check=recover_skip_hash_check
        )
        self._one("Bootstrap", request)

    def reboot(self, *, mode: Literal["default", "powercycle", "force"] = "default") -> str:
        """Ask for a reboot; gives the actor id to follow in :meth:`events`."""
        return str(self._one("Reboot", self._pb.RebootRequest(mode=mode.upper())).actor_id)

    def shutdown(self, *, force: bool = False) -> str:
        """Ask for a shutdown; gives the actor id."""
        return str(self._one("Shutdown", self._pb.ShutdownRequest(force=force)).actor_id)

    def reset(
        self,
        *,
        graceful: bool = True,
        reboot: bool = True,
        wipe: Sequence[str] = (),
        timeout_s: float | None = None,
    ) -> str:
        """Ask for a reset; gives the actor id.

        Parameters
        ----------
        graceful
            Drain, and leave etcd first.
        wipe
            Partitions to wipe (``STATE``, ``EPHEMERAL``), none means the whole disk; a cloud machine does not
            boot again after that.
        """
        labels = [self._pb.ResetPartitionSpec(label=label, wipe=True) for label in wipe]
        request = self._pb.ResetRequest(graceful=graceful, reboot=reboot, system_partitions_to_wipe=labels)
        return str(self._one("Reset", request, timeout_s=timeout_s).actor_id)

    def upgrade(self, image: str, *, timeout_s: float | None = None) -> list[str]:
        """Upgrade as talosctl 1.13 does: pull, install beside, then (by :meth:`reboot`) boot it. Gives the messages.

        Neither the machine nor this method looks at etcd's quorum; the caller does.
        """
        images = self._lifecycle.DESCRIPTOR.services_by_name["ImageService"]
        lifecycle = self._lifecycle.DESCRIPTOR.services_by_name["LifecycleService"]
        containerd = {"driver": "CONTAINERD", "namespace": "NS_SYSTEM"}
        pull = self._lifecycle.ImageServicePullRequest(containerd=containerd, image_ref=image)
        for _ in self._stream(images, "Pull", pull, timeout_s):
            pass
        request = self._lifecycle.LifecycleServiceUpgradeRequest(
            containerd=containerd, source={"image_name": image}
        )
        messages = []
        for item in self._stream(lifecycle, "Upgrade", request, timeout_s):
            if item.progress.WhichOneof("response") == "message":
                messages.append(str(item.progress.message))
            elif item.progress.exit_code != 0:
                raise TalosError(
                    "ABORTED", f"installer ended with {item.progress.exit_code}", self.name, "Upgrade"
                )
        return messages

    def kubeconfig(self) -> Secret[str]:
        """Give an admin kubeconfig for the cluster."""
        from google.protobuf.empty_pb2 import Empty

        packed = self._bytes("Kubeconfig", Empty())
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
            member = archive.extractfile("kubeconfig")
            if member is None:
                raise TalosError("INTERNAL", "the reply holds no kubeconfig", self.name, "Kubeconfig")
            return Secret(member.read().decode(), name="kubeconfig")

    # --- etcd

    def etcd_member_list(self, *, query_local: bool = False) -> list[Any]:
        """Give ``machine.EtcdMember`` of each member: id, hostname, URLs, whether it is a learner."""
        return list(
            self._one("EtcdMemberList", self._pb.EtcdMemberListRequest(query_local=query_local)).members
        )

    def etcd_status(self) -> Any:
        """Give ``machine.EtcdMemberStatus`` of this machine's member: leader, raft term and index, size."""
        return self._one("EtcdStatus").member_status

    def etcd_alarms(self) -> list[Any]:
        """Give ``machine.EtcdMemberAlarm`` of each alarm."""
        return list(self._one("EtcdAlarmList").member_alarms)

    def etcd_remove_member(self, member_id: int) -> None:
        """Remove a member by its id."""
        self._one("EtcdRemoveMemberByID", self._pb.EtcdRemoveMemberByIDRequest(member_id=member_id))

    def etcd_leave(self) -> None:
        """Make this machine leave the etcd cluster and drop its data."""
        self._one("EtcdLeaveCluster", self._pb.EtcdLeaveClusterRequest(), timeout_s=60.0)

    def etcd_forfeit_leadership(self) -> str:
        """Hand leadership over; gives the new leader's name, empty if this machine did not lead."""
        return str(self._one("EtcdForfeitLeadership", self._pb.EtcdForfeitLeadershipRequest()).member)

    def etcd_defragment(self) -> None:
        """Defragment this machine's member (it answers nothing meanwhile)."""
        self._one("EtcdDefragment", timeout_s=60.0)

    def etcd_snapshot(self, *, timeout_s: float = 120.0) -> Iterator[bytes]:
        """Give a snapshot of etcd in pieces."""
        for item in self._stream(self._machine, "EtcdSnapshot", self._pb.EtcdSnapshotRequest(), timeout_s):
            yield item.bytes

    def etcd_recover(self, snapshot: Iterable[bytes], *, timeout_s: float = 120.0) -> None:
        """Upload a snapshot to bootstrap from, see :meth:`bootstrap`."""
        from meshlab.live._generated import common_pb2

        data: Any = common_pb2
        pieces = (data.Data(bytes=piece) for piece in snapshot)
        self._single(
            "EtcdRecover",
            self._channel.send_stream(self._machine, "EtcdRecover", pieces, timeout_s=timeout_s),
        )

    # --- watching

    def events(
        self, *, tail: int = 0, since_s: int = 0, actor_id: str = "", timeout_s: float = 60.0
    ) -> Iterator[MachineEvent]:
        """Give events as they happen, after up to ``tail`` earlier ones (-1: all that are kept).

        The iterator ends when the machine ends the stream; after ``timeout_s`` it raises DEADLINE_EXCEEDED. The first
        event is the machine's empty hello: whoever sees it misses nothing that happens later.
        """
        request = self._pb.EventsRequest(tail_events=tail, tail_seconds=since_s, with_actor_id=actor_id)
        for item in self._stream(self._machine, "Events", request, timeout_s):
            yield self._event(item)

    def _event(self, item: Any) -> MachineEvent:
        kind = item.data.type_url.rsplit("/", 1)[-1].rsplit(".", 1)[-1]
        known = getattr(self._pb, kind, None) if kind else None
        payload = known.FromString(item.data.value) if known is not None else None
        return MachineEvent(item.id, item.actor_id, kind or "hello", payload)

    def health_check(
        self, *, control_planes: Sequence[str] = (), workers: Sequence[str] = (), wait_s: float = 60.0
    ) -> Iterator[str]:
        """Run the machine's own check of the whole cluster; gives its lines, raises when it does not end well."""
        from google.protobuf.duration_pb2 import Duration

        info = self._cluster.ClusterInfo(control_plane_nodes=control_planes, worker_nodes=workers)
        request = self._cluster.HealthCheckRequest(
            wait_timeout=Duration(seconds=round(wait_s)), cluster_info=info
        )
        service = self._cluster.DESCRIPTOR.services_by_name["ClusterService"]
        for item in self._stream(service, "HealthCheck", request, wait_s + 10.0):
            failed = _error_in(item, self.name, "HealthCheck")
            if failed is not None:
                raise failed
            yield str(item.message)

    # --- resources

    def get(self, kind: ResourceType | str, id: str, namespace: str | None = None) -> Resource:
        """Give one resource; ``NOT_FOUND`` if it is not there."""
        type_name, where = _type_and_namespace(kind, namespace)
        request = self._cosi.GetRequest(namespace=where, type=type_name, id=id)
        return from_message(self._call(self._state, "Get", request).resource)

    def list(self, kind: ResourceType | str, namespace: str | None = None) -> list[Resource]:
        """Give every resource of a type, sorted by id."""
        type_name, where = _type_and_namespace(kind, namespace)
        request = self._cosi.ListRequest(namespace=where, type=type_name)
        found = [from_message(item.resource) for item in self._stream(self._state, "List", request, None)]
        return sorted(found, key=lambda resource: resource.id)

    def watch(
        self,
        kind: ResourceType | str,
        id: str | None = None,
        namespace: str | None = None,
        *,
        timeout_s: float = 60.0,
    ) -> Iterator[Change]:
        """Give what is there, then every change; of one resource or of a whole type.

        For a whole type a ``bootstrapped`` change marks the end of what was there at first.
        """
        type_name, where = _type_and_namespace(kind, namespace)
        options = None if id is not None else self._cosi.WatchOptions(bootstrap_contents=True)
        request = self._cosi.WatchRequest(
            namespace=where, type=type_name, id=id, options=options, api_version=1
        )
        for reply in self._stream(self._state, "Watch", request, timeout_s):
            for event in reply.event:
                yield _change(self._cosi, event)


def _change(cosi: Any, event: Any) -> Change:
    kind: Any = cosi.EventType.Name(event.event_type).lower()
    old = from_message(event.old) if event.HasField("old") else None
    return Change(kind, from_message(event.resource), old)


def _type_and_namespace(kind: ResourceType | str, namespace: str | None) -> tuple[str, str]:
    known = known_type(kind) if isinstance(kind, str) else kind
    if known is None and namespace is None:
        raise ValueError(f"resource type {kind!r} is not known here; give its namespace too")
    return (known.name if known else str(kind)), namespace or (known.namespace if known else "")


def _error_in(item: Any, node: str, method: str) -> TalosError | None:
    """Give the error that a proxied reply carries inside a success."""
    if not item.HasField("metadata") or not item.metadata.error:
        return None
    import grpc

    metadata = item.metadata
    names = {code.value[0]: code.name for code in grpc.StatusCode}
    name = names.get(metadata.status.code, "UNKNOWN") if metadata.HasField("status") else "UNKNOWN"
    return TalosError(name, metadata.error, metadata.hostname or node, method)
