"""The life of instances: pending, running, stopping, stopped, shutting-down, terminated, each taking its
time.

moto goes from one state to the other at once. Here the state is kept by the layer, moto is told when a
change is complete, and whoever asked is called back, so that an emulated machine can be powered on and off.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from meshlab.emulate.aws.moto.backend import MotoBackend
from meshlab.emulate.aws.settings import AwsTimings
from meshlab.emulate.aws.wire import AwsFault

_LOG = logging.getLogger(__name__)

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}


@dataclass(frozen=True)
class Instance:
    """What a power callback is told about an instance."""

    id: str
    zone: str
    private_ip: str
    tags: Mapping[str, str]
    user_data: bytes = field(repr=False)
    public_ip: str | None = None
    subnet: str = ""
    vcpus: int = 0
    profile: str | None = None


Callback = Callable[[Instance], Awaitable[None]]


@dataclass
class PowerHooks:
    """Whom to call when an instance's power changes.

    ``on_rebooted`` is called at once when a reboot is asked for.
    """

    on_running: Callback | None = None
    on_stopped: Callback | None = None
    on_terminated: Callback | None = None
    on_rebooted: Callback | None = None


@dataclass
class _Life:
    instance: Instance
    state: str
    since: float
    reason_code: str = ""
    reason: str = ""
    impaired: bool = False
    halted: bool = False
    events: list[dict[str, Any]] = field(default_factory=list)
    task: asyncio.Task[None] | None = None


class Instances:
    """All instances of one cloud and the state each is in."""

    def __init__(
        self,
        backend: MotoBackend,
        timings: AwsTimings,
        hooks: PowerHooks,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._backend = backend
        self._timings = timings
        self._hooks = hooks
        self._now = clock
        self._sleep = sleep
        self._lives: dict[str, _Life] = {}
        self.impaired_zones: set[str] = set()
        self.hook_errors: list[str] = []

    def __contains__(self, instance_id: str) -> bool:
        return instance_id in self._lives

    def state(self, instance_id: str) -> str | None:
        """The state's name, None for an instance this cloud did not launch."""
        life = self._lives.get(instance_id)
        return life.state if life else None

    def all(self) -> list[Instance]:
        """Every instance ever launched, in order of launch."""
        return [life.instance for life in self._lives.values()]

    def vcpus_in_use(self) -> int:
        """vCPUs that count towards the quota: those of pending, running and stopping instances."""
        return sum(
            life.instance.vcpus
            for life in self._lives.values()
            if life.state in ("pending", "running", "stopping")
        )

    def launched(self, instance: Instance) -> None:
        """Takes over a new instance, which is pending now."""
        life = _Life(instance, "pending", self._now())
        self._lives[instance.id] = life
        self._later(life, self._timings.pending_s, self._become_running)

    def start(self, ids: list[str]) -> list[dict[str, Any]]:
        """StartInstances: only a stopped instance can be started. Starting a running one changes nothing."""
        self._require(ids, ("stopped", "running", "pending"), "started")
        changes = [
            self._change(i, "pending") if self._lives[i].state == "stopped" else self._same(i) for i in ids
        ]
        for instance_id in ids:
            life = self._lives[instance_id]
            if life.state == "pending" and life.task is None:
                self._later(life, self._timings.pending_s, self._become_running)
        return changes

    def stop(self, ids: list[str]) -> list[dict[str, Any]]:
        """StopInstances: a pending instance cannot be stopped (IncorrectInstanceState)."""
        self._require(ids, ("running", "stopping", "stopped"), "stopped")
        changes = [
            self._change(i, "stopping") if self._lives[i].state == "running" else self._same(i) for i in ids
        ]
        for instance_id in ids:
            life = self._lives[instance_id]
            if life.state == "stopping" and life.task is None:
                _by_user(life)
                self._later(life, self._timings.stopping_s, self._become_stopped)
        return changes

    def terminate(self, ids: list[str]) -> list[dict[str, Any]]:
        """TerminateInstances: from any state; repeating it changes nothing."""
        self._require(ids, tuple(CODES), "terminated")
        changes = []
        for instance_id in ids:
            life = self._lives[instance_id]
            if life.state in ("shutting-down", "terminated"):
                changes.append(self._same(instance_id))
                continue
            changes.append(self._change(instance_id, "shutting-down"))
            _by_user(life)
            self._later(life, self._timings.shutting_down_s, self._become_terminated)
        return changes

    async def reboot(self, ids: list[str]) -> None:
        """RebootInstances: the state stays running."""
        self._require(ids, ("running",), "rebooted")
        for instance_id in ids:
            await self._call(self._hooks.on_rebooted, self._lives[instance_id].instance)

    def impair(self, instance_id: str, impaired: bool = True) -> None:
        """Makes the status checks of one instance fail, or pass again."""
        self._require([instance_id], tuple(CODES), "impaired")
        self._lives[instance_id].impaired = impaired

    def schedule_event(
        self,
        instance_id: str,
        code: str,
        not_before: datetime,
        not_after: datetime | None = None,
        text: str = "",
    ) -> None:
        """Announces an event of AWS's own: instance-reboot, system-maintenance, instance-retirement, …"""
        self._require([instance_id], tuple(CODES), "scheduled")
        event: dict[str, Any] = {
            "InstanceEventId": f"instance-event-{len(self._lives[instance_id].events):017x}",
            "Code": code,
            "Description": text or f"Scheduled {code}",
            "NotBefore": not_before.astimezone(UTC),
        }
        if not_after is not None:
            event["NotAfter"] = not_after.astimezone(UTC)
        self._lives[instance_id].events.append(event)

    def amend(self, row: dict[str, Any]) -> dict[str, Any]:
        """Puts the state kept here into one instance of a DescribeInstances or RunInstances result."""
        life = self._lives.get(row.get("InstanceId", ""))
        if life is not None:
            row["State"] = {"Code": CODES[life.state], "Name": life.state}
            row["StateTransitionReason"] = life.reason
            row.pop("StateReason", None)
            if life.reason_code:
                row["StateReason"] = {"Code": life.reason_code, "Message": life.reason}
            if life.state == "terminated":
                for gone in ("PrivateIpAddress", "PublicIpAddress", "SubnetId", "VpcId"):
                    row.pop(gone, None)
                row["NetworkInterfaces"], row["SecurityGroups"], row["BlockDeviceMappings"] = [], [], []
        return row

    def statuses(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """What DescribeInstanceStatus answers: running instances only, unless all are asked for."""
        wanted: list[str] = params.get("InstanceIds") or list(self._lives)
        self._require(wanted, tuple(CODES), "described")
        rows = [self._status(self._lives[i]) for i in wanted]
        if not params.get("IncludeAllInstances"):
            rows = [row for row in rows if row["InstanceState"]["Name"] == "running"]
        for condition in params.get("Filters") or []:
            rows = [row for row in rows if _has(row, condition["Name"], condition["Values"])]
        return {"InstanceStatuses": rows}

    def _status(self, life: _Life) -> dict[str, Any]:
        if life.state != "running":
            verdict = "not-applicable"
        elif life.impaired or life.instance.zone in self.impaired_zones:
            verdict = "impaired"
        elif self._now() - life.since < self._timings.status_s:
            verdict = "initializing"
        else:
            verdict = "ok"
        detail = {"impaired": "failed", "initializing": "initializing", "ok": "passed"}.get(verdict)
        summary: dict[str, Any] = {"Status": verdict}
        if detail:
            summary["Details"] = [{"Name": "reachability", "Status": detail}]
        return {
            "InstanceId": life.instance.id,
            "AvailabilityZone": life.instance.zone,
            "InstanceState": {"Code": CODES[life.state], "Name": life.state},
            "InstanceStatus": summary,
            "SystemStatus": dict(summary),
            "Events": list(life.events),
        }

    async def close(self) -> None:
        """Stops every transition that is under way."""
        tasks = [life.task for life in self._lives.values() if life.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _require(self, ids: list[str], states: tuple[str, ...], what: str) -> None:
        for instance_id in ids:
            life = self._lives.get(instance_id)
            if life is None:
                raise AwsFault(
                    "InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist"
                )
            if life.state not in states:
                raise AwsFault(
                    "IncorrectInstanceState",
                    f"The instance '{instance_id}' is not in a state from which it can be {what}. "
                    f"(current state: {life.state})",
                )

    def _same(self, instance_id: str) -> dict[str, Any]:
        state = self._lives[instance_id].state
        shown = {"Code": CODES[state], "Name": state}
        return {"InstanceId": instance_id, "PreviousState": shown, "CurrentState": dict(shown)}

    def _change(self, instance_id: str, state: str) -> dict[str, Any]:
        life = self._lives[instance_id]
        before = life.state
        if life.task is not None:
            life.task.cancel()
            life.task = None
        life.state, life.since, life.reason, life.reason_code = state, self._now(), "", ""
        return {
            "InstanceId": instance_id,
            "PreviousState": {"Code": CODES[before], "Name": before},
            "CurrentState": {"Code": CODES[state], "Name": state},
        }

    def _later(self, life: _Life, delay_s: float, change: Callable[[_Life], Awaitable[None]]) -> None:
        async def run() -> None:
            await self._sleep(delay_s)
            life.task = None  # from here on the change is not taken back by another request
            try:
                await change(life)
            except AwsFault as fault:
                self.hook_errors.append(f"{life.instance.id}: {fault}")
                _LOG.error("%s stays %s: %s", life.instance.id, life.state, fault)

        life.task = asyncio.create_task(run(), name=f"{life.instance.id} after {life.state}")

    async def _become_running(self, life: _Life) -> None:
        if life.halted:
            await self._backend.ask("ec2", "StartInstances", InstanceIds=[life.instance.id])
            life.halted = False
        life.state, life.since = "running", self._now()
        await self._call(self._hooks.on_running, life.instance)

    async def _become_stopped(self, life: _Life) -> None:
        await self._backend.ask("ec2", "StopInstances", InstanceIds=[life.instance.id])
        life.halted = True
        life.state, life.since = "stopped", self._now()
        await self._call(self._hooks.on_stopped, life.instance)

    async def _become_terminated(self, life: _Life) -> None:
        """The public address is let go (moto keeps it) and the interfaces go, as the launch asked moto to do."""
        ask = self._backend.ask
        addresses = await ask("ec2", "DescribeAddresses")
        for address in addresses.get("Addresses", []):
            if address.get("InstanceId") == life.instance.id and address.get("AssociationId"):
                await ask("ec2", "DisassociateAddress", AssociationId=address["AssociationId"])
        await ask("ec2", "TerminateInstances", InstanceIds=[life.instance.id])
        life.state, life.since = "terminated", self._now()
        await self._call(self._hooks.on_terminated, life.instance)

    async def _call(self, callback: Callback | None, instance: Instance) -> None:
        if callback is None:
            return
        try:
            await callback(instance)
        except Exception as error:  # a broken callback must not stop the cloud; it is shown, not hidden
            self.hook_errors.append(f"{instance.id}: {type(error).__name__}: {error}")
            _LOG.exception("power callback of %s failed", instance.id)

    def retag(self, instance_id: str, tags: Mapping[str, str]) -> None:
        """Notes tags that were added after launch."""
        life = self._lives[instance_id]
        life.instance = replace(life.instance, tags={**life.instance.tags, **tags})


def _by_user(life: _Life) -> None:
    stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S GMT")
    life.reason_code = "Client.UserInitiatedShutdown"
    life.reason = f"User initiated ({stamp})"


def _has(row: Mapping[str, Any], name: str, values: list[str]) -> bool:
    read: dict[str, Callable[[], list[str]]] = {
        "availability-zone": lambda: [row["AvailabilityZone"]],
        "instance-state-name": lambda: [row["InstanceState"]["Name"]],
        "instance-state-code": lambda: [str(row["InstanceState"]["Code"])],
        "instance-status.status": lambda: [row["InstanceStatus"]["Status"]],
        "system-status.status": lambda: [row["SystemStatus"]["Status"]],
        "event.code": lambda: [event["Code"] for event in row["Events"]],
    }
    if name not in read:
        raise AwsFault("InvalidParameterValue", f"The filter '{name}' is invalid")
    return any(value in values for value in read[name]())
