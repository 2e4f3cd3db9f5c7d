"""The etcd calls of ``machine.MachineService``, answered by the machine's real etcd (facts: §1.3, §1.8)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from meshlab.emulate.etcd.wire import EtcdError, EtcdUnavailable
from meshlab.emulate.talos.api.faults import Fault
from meshlab.emulate.talos.api.tls import Caller
from meshlab.emulate.talos.etcd import cluster_url
from meshlab.live._generated import common_pb2, machine_pb2

if TYPE_CHECKING:
    from meshlab.emulate.talos.site import Etcd, Host

pb: Any = machine_pb2
common: Any = common_pb2

ALARMS = {"NONE": 0, "NOSPACE": 1, "CORRUPT": 2}


class EtcdCalls:
    """The calls that begin with Etcd."""

    def __init__(self, machine: Host) -> None:
        self._machine = machine

    def _etcd(self) -> Etcd:
        machine = self._machine
        if machine.config is None or not machine.config.is_control_plane:
            raise Fault("UNIMPLEMENTED", "method can be only called on a control plane node")
        if machine.etcd is None:
            raise Fault("UNAVAILABLE", "etcd is not running on this machine")
        return machine.etcd

    async def EtcdMemberList(self, request: Any, caller: Caller) -> Any:
        """Give the members, with the addresses the machines publish."""
        client = self._etcd().client()
        members = [
            pb.EtcdMember(
                id=member.id,
                hostname=member.name,
                peer_urls=[cluster_url(url) for url in member.peer_urls],
                client_urls=[cluster_url(url) for url in member.client_urls],
                is_learner=member.is_learner,
            )
            for member in await client.member_list(linearizable=not request.query_local)
        ]
        names = [member.hostname for member in members]
        return pb.EtcdMemberListResponse(messages=[pb.EtcdMembers(legacy_members=names, members=members)])

    async def EtcdStatus(self, request: Any, caller: Caller) -> Any:
        """Give the state of this machine's member."""
        status = await self._etcd().client().status()
        reply = pb.EtcdMemberStatus(
            member_id=status.member_id,
            protocol_version=status.version,
            storage_version=".".join(status.version.split(".")[:2]),
            db_size=status.db_size,
            db_size_in_use=status.db_size,
            leader=status.leader,
            raft_index=status.raft_index,
            raft_term=status.raft_term,
            raft_applied_index=status.raft_applied_index,
            errors=status.errors,
            is_learner=status.is_learner,
        )
        return pb.EtcdStatusResponse(messages=[pb.EtcdStatus(member_status=reply)])

    async def EtcdRemoveMemberByID(self, request: Any, caller: Caller) -> Any:
        """Remove a member."""
        client = self._etcd().client()
        if request.member_id not in {member.id for member in await client.member_list()}:
            raise Fault("NOT_FOUND", f"etcd member {request.member_id:016x} not found")
        await client.member_remove(request.member_id)
        return pb.EtcdRemoveMemberByIDResponse(messages=[pb.EtcdRemoveMemberByID()])

    async def EtcdLeaveCluster(self, request: Any, caller: Caller) -> Any:
        """Leave the cluster and drop the data."""
        await self._etcd().leave()
        return pb.EtcdLeaveClusterResponse(messages=[pb.EtcdLeaveCluster()])

    async def EtcdForfeitLeadership(self, request: Any, caller: Caller) -> Any:
        """Hand leadership to the first other voting member."""
        client = self._etcd().client()
        status = await client.status()
        others = [m for m in await client.member_list() if m.id != status.member_id and not m.is_learner]
        if not others:
            raise Fault("UNKNOWN", "cannot forfeit leadership, only one member")
        moved = ""
        if status.leader == status.member_id:
            await client.move_leader(others[0].id)
            moved = others[0].name
        return pb.EtcdForfeitLeadershipResponse(messages=[pb.EtcdForfeitLeadership(member=moved)])

    async def EtcdAlarmList(self, request: Any, caller: Caller) -> Any:
        """Give the alarms."""
        alarms = await self._etcd().client().alarms()
        reply = [
            pb.EtcdMemberAlarm(member_id=alarm.member_id, alarm=ALARMS.get(alarm.alarm, 0))
            for alarm in alarms
        ]
        return pb.EtcdAlarmListResponse(messages=[pb.EtcdAlarm(member_alarms=reply)])

    async def EtcdDefragment(self, request: Any, caller: Caller) -> Any:
        """Defragment this member."""
        await self._etcd().client().defragment()
        return pb.EtcdDefragmentResponse(messages=[pb.EtcdDefragment()])

    async def EtcdSnapshot(self, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """Give a snapshot in pieces."""
        try:
            async for piece in self._etcd().client().snapshot():
                yield common.Data(bytes=piece)
        except (EtcdUnavailable, EtcdError) as error:
            raise Fault("UNAVAILABLE", str(error)) from None
