"""The calls of ``machine.MachineService`` on an emulated machine (facts: talos-omni-kubespan §1.3, §1.4, §1.8)."""

from __future__ import annotations

import asyncio
import contextlib
import io
import tarfile
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from meshlab.emulate.processes import log_file
from meshlab.emulate.talos import pki as machine_pki
from meshlab.emulate.talos.api import roles as talos_roles
from meshlab.emulate.talos.api.etcd_calls import EtcdCalls
from meshlab.emulate.talos.api.faults import Fault
from meshlab.emulate.talos.api.tls import Caller
from meshlab.emulate.talos.api.upgrade import version_of
from meshlab.emulate.talos.log import actor_id
from meshlab.emulate.talos.request import Request
from meshlab.live import yaml_text
from meshlab.live._generated import common_pb2, machine_pb2, storage_pb2, time_pb2
from meshlab.live.talos.validation import ConfigError, validate

if TYPE_CHECKING:
    from meshlab.emulate.talos.site import Host

pb: Any = machine_pb2
common: Any = common_pb2
storage: Any = storage_pb2
times: Any = time_pb2

BOOT_ID = "/proc/sys/kernel/random/boot_id"
CONFIG = "/system/state/config.yaml"
DISK_TYPES = {"nvme": 3, "sata": 1, "virtio": 1}
TRY_TIMEOUT_S = 60.0
NEEDS_REBOOT = ("machine.type", "machine.install", "machine.sysctls", "cluster.etcd", "cluster.id")
MODES = {"REBOOT": 0, "AUTO": 1, "NO_REBOOT": 2, "STAGED": 3, "TRY": 4}


class MachineCalls(EtcdCalls):
    """``machine.MachineService`` of one machine."""

    def __init__(self, machine: Host) -> None:
        super().__init__(machine)
        self._applying = False
        self._undo: asyncio.TimerHandle | None = None

    # --- configuration

    async def ApplyConfiguration(self, request: Any, caller: Caller) -> Any:
        """Take a configuration over, now, at the next boot, or for a trial."""
        machine = self._machine
        maintenance = machine.api.in_maintenance
        if not maintenance and talos_roles.ADMIN not in caller.roles:
            raise Fault("PERMISSION_DENIED", "not authorized")
        if self._applying:
            raise Fault("FAILED_PRECONDITION", "another apply configuration is already in progress")
        if machine.busy not in (None, "configured") or machine.stage not in (
            "maintenance",
            "booting",
            "running",
        ):
            raise Fault("FAILED_PRECONDITION", f"the machine is {machine.stage}")
        try:
            text = request.data.decode()
            view = validate(text, mode="cloud" if machine.installed else "metal")
        except (UnicodeDecodeError, ConfigError) as error:
            raise Fault("INVALID_ARGUMENT", str(error)) from None
        mode, details = self._mode(request, view, maintenance)
        reply = pb.ApplyConfiguration(mode=MODES[mode], mode_details=details)
        if not request.dry_run:
            self._apply(mode, text, request)
        else:
            reply.mode_details = f"Dry run summary:\n{details}"
        return pb.ApplyConfigurationResponse(messages=[reply])

    def _mode(self, request: Any, view: Any, maintenance: bool) -> tuple[str, str]:
        mode = pb.ApplyConfigurationRequest.Mode.Name(request.mode)
        if maintenance:
            return "NO_REBOOT", "Applied configuration without a reboot"
        current = self._machine.config
        changed = [path for path in NEEDS_REBOOT if current is None or current.at(path) != view.at(path)]
        if mode in ("NO_REBOOT", "TRY") and changed:
            what = ", ".join(changed)
            raise Fault("INVALID_ARGUMENT", f"the change of {what} can't be applied in immediate mode")
        if mode == "AUTO":
            mode = "REBOOT" if changed else "NO_REBOOT"
        details = {
            "REBOOT": "Applied configuration with a reboot",
            "NO_REBOOT": "Applied configuration without a reboot",
            "STAGED": "Staged configuration to be applied after the next reboot",
            "TRY": "Applied configuration; it is rolled back unless it is applied again in time",
        }
        return mode, details[mode]

    def _apply(self, mode: str, text: str, request: Any) -> None:
        machine = self._machine
        if self._undo is not None:
            self._undo.cancel()
            self._undo = None
        if mode == "STAGED":
            machine.save_config(text)
        elif mode == "REBOOT":
            machine.save_config(text)
            machine.request(Request("reboot", actor_id()))
        elif mode == "TRY":
            before = machine.config_text
            machine.configure(text, save=False)
            wait = request.try_mode_timeout.ToTimedelta().total_seconds() or TRY_TIMEOUT_S
            if before is not None:
                restore = before.reveal()
                self._undo = asyncio.get_running_loop().call_later(wait, machine.configure, restore)
        else:
            machine.configure(text)

    async def Bootstrap(self, request: Any, caller: Caller) -> Any:
        """Found the cluster's etcd here: once, on a booted control plane whose data directory is empty."""
        machine = self._machine
        if machine.config is not None and not machine.config.is_control_plane:
            raise Fault("UNIMPLEMENTED", "bootstrap can only be performed on a control plane node")
        etcd = machine.etcd
        if machine.config is None or etcd is None or machine.stage not in ("booting", "running"):
            raise Fault("FAILED_PRECONDITION", "bootstrap is not available yet")
        if etcd.has_data or etcd.running:
            raise Fault("ALREADY_EXISTS", "etcd data directory is not empty")
        if request.recover_etcd:
            raise Fault("UNIMPLEMENTED", "recovery from a snapshot is not emulated")
        etcd.bootstrap()
        return pb.BootstrapResponse(messages=[pb.Bootstrap()])

    async def Kubeconfig(self, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """Give an admin kubeconfig, packed as talosctl expects it."""
        machine = self._machine
        if machine.config is None or not machine.config.is_control_plane:
            raise Fault("UNIMPLEMENTED", "kubeconfig is only available on control plane nodes")
        text = machine_pki.admin_kubeconfig(machine).reveal().encode()
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            entry = tarfile.TarInfo("kubeconfig")
            entry.size, entry.mode, entry.mtime = len(text), 0o600, int(time.time())
            archive.addfile(entry, io.BytesIO(text))
        yield common.Data(bytes=packed.getvalue())

    # --- life

    def _end_boot(self, request: Request) -> str:
        machine = self._machine
        if machine.busy is not None or machine.stage not in ("maintenance", "booting", "running"):
            raise Fault("FAILED_PRECONDITION", f"the machine is busy: {machine.busy or machine.stage}")
        machine.request(request)
        return request.actor_id

    async def Reboot(self, request: Any, caller: Caller) -> Any:
        """Reboot."""
        return pb.RebootResponse(messages=[pb.Reboot(actor_id=self._end_boot(Request("reboot", actor_id())))])

    async def Shutdown(self, request: Any, caller: Caller) -> Any:
        """Switch off."""
        return pb.ShutdownResponse(
            messages=[pb.Shutdown(actor_id=self._end_boot(Request("shutdown", actor_id())))]
        )

    async def Reset(self, request: Any, caller: Caller) -> Any:
        """Leave etcd (if graceful), wipe, and reboot or halt."""
        ended = self._end_boot(
            Request(
                "reset",
                actor_id(),
                graceful=request.graceful,
                then="reboot" if request.reboot else "halt",
                wipe=frozenset(part.label for part in request.system_partitions_to_wipe if part.wipe),
            )
        )
        return pb.ResetResponse(messages=[pb.Reset(actor_id=ended)])

    async def Upgrade(self, request: Any, caller: Caller) -> Any:
        """The older upgrade: install and reboot in one."""
        version = version_of(request.image)
        if not self._machine.installed:
            raise Fault("FAILED_PRECONDITION", "the machine is not installed")
        self._machine.stage_image(version)
        ended = "" if request.stage else self._end_boot(Request("reboot", actor_id()))
        return pb.UpgradeResponse(messages=[pb.Upgrade(ack="Upgrade request received", actor_id=ended)])

    # --- facts

    async def Version(self, request: Any, caller: Caller) -> Any:
        """Give the version that is booted."""
        machine = self._machine
        version = pb.VersionInfo(
            tag=machine.talos_version, sha="emulated", os="linux", arch="amd64", go_version="go1.26.6"
        )
        platform = pb.PlatformInfo(
            name=machine.hardware.platform, mode="metal" if machine.hardware.platform == "metal" else "cloud"
        )
        reply = pb.Version(version=version, platform=platform, features=pb.FeaturesInfo(rbac=True))
        return pb.VersionResponse(messages=[reply])

    async def Hostname(self, request: Any, caller: Caller) -> Any:
        """Give the hostname."""
        return pb.HostnameResponse(messages=[pb.Hostname(hostname=self._machine.hostname)])

    async def Memory(self, request: Any, caller: Caller) -> Any:
        """Give the memory, in KiB."""
        total = self._machine.hardware.memory_bytes // 1024
        info = pb.MemInfo(memtotal=total, memfree=total // 2, memavailable=total * 3 // 4)
        return pb.MemoryResponse(messages=[pb.Memory(meminfo=info)])

    async def ServiceList(self, request: Any, caller: Caller) -> Any:
        """Give every service with its state, history and health."""
        services = [service.info() for service in self._machine.services]
        return pb.ServiceListResponse(messages=[pb.ServiceList(services=services)])

    async def Events(self, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """Give an empty hello, the backlog asked for, then each event."""
        log = self._machine.events
        with log.subscribed() as queue:
            yield pb.Event()
            for event in log.backlog(request):
                if request.with_actor_id in ("", event.actor_id):
                    yield event
            while (event := await queue.get()) is not None:
                if request.with_actor_id in ("", event.actor_id):
                    yield event

    async def Dmesg(self, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """Give the kernel log since boot, and with ``follow`` what comes."""
        lines, sent = self._machine.kernel.lines, 0
        while True:
            for line in lines[sent:]:
                yield common.Data(bytes=line.encode())
            sent = len(lines)
            if not request.follow:
                return
            await asyncio.sleep(0.2)

    async def Logs(self, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """Give the log of a service: of its process if it has one, else what the machine says of the service."""
        machine = self._machine
        file = machine.site.hooks.service_log(machine, request.id)
        if file is not None and file.exists():
            boot = machine.boot_id

            def follow() -> bool:
                return bool(request.follow) and machine.powered and machine.boot_id == boot

            async with contextlib.aclosing(log_file.pieces(file, request.tail_lines, follow)) as pieces:
                async for piece in pieces:
                    yield common.Data(bytes=piece)
            if request.follow:  # it goes on for ever, so it was the machine that ended
                raise Fault("UNAVAILABLE", "error reading from server: EOF")
            return
        log = machine.services.logs.get(request.id) if file is None else None
        if log is None:
            raise Fault("NOT_FOUND", f"log {request.id!r} was not registered")
        lines = list(log)
        if request.tail_lines >= 0:
            lines = lines[-request.tail_lines :] if request.tail_lines else []
        for line in lines:
            yield common.Data(bytes=f"{line}\n".encode())

    async def Read(self, request: Any, caller: Caller) -> AsyncIterator[Any]:
        """Give a file; the few that there are."""
        machine = self._machine
        files = {
            BOOT_ID: f"{machine.boot_id}\n",
            "/etc/os-release": f'NAME="Talos"\nID=talos\nVERSION_ID={machine.talos_version}\n',
            "/etc/hostname": f"{machine.hostname}\n",
        }
        if machine.config_text is not None:
            files[CONFIG] = machine.config_text.reveal()
        if request.path not in files:
            raise Fault("NOT_FOUND", f"stat {request.path}: no such file or directory")
        yield common.Data(bytes=files[request.path].encode())

    async def GenerateClientConfiguration(self, request: Any, caller: Caller) -> Any:
        """Issue a client certificate with the roles asked for."""
        from meshlab.live.talos import pki
        from meshlab.live.talos.secrets_bundle import encode

        config = self._machine.config
        authority = config.authority("machine.ca") if config is not None else None
        lifetime = request.crt_ttl.ToTimedelta()
        if authority is None or config is None:
            raise Fault("UNIMPLEMENTED", "client configuration can only be generated on control plane nodes")
        if lifetime.total_seconds() <= 0:
            raise Fault("INVALID_ARGUMENT", "crt_ttl should be positive")
        pair = pki.issue(authority, usage="client", organizations=list(request.roles), lifetime=lifetime)
        ca, crt, key = (encode(part) for part in (authority.certificate, pair.certificate, pair.key))
        context = {"endpoints": [self._machine.hardware.address], "ca": ca, "crt": crt, "key": key}
        document = {"context": config.cluster_name, "contexts": {config.cluster_name: context}}
        reply = pb.GenerateClientConfiguration(
            ca=authority.certificate.encode(),
            crt=pair.certificate.encode(),
            key=pair.key.reveal_bytes(),
            talosconfig=yaml_text.dump(document).encode(),
        )
        return pb.GenerateClientConfigurationResponse(messages=[reply])


class StorageCalls:
    """``storage.StorageService`` of one machine."""

    def __init__(self, machine: Host) -> None:
        self._machine = machine

    async def Disks(self, request: Any, caller: Caller) -> Any:
        """Give the disks."""
        machine = self._machine
        disks = [
            storage.Disk(
                size=disk.size,
                model=disk.model,
                device_name=f"/dev/{disk.name}",
                name=disk.name,
                type=DISK_TYPES.get(disk.transport, 0),
                system_disk=number == 0 and machine.installed,
            )
            for number, disk in enumerate(machine.hardware.disks)
        ]
        return storage.DisksResponse(messages=[storage.Disks(disks=disks)])


class TimeCalls:
    """``time.TimeService``: the machine's clock is this machine's."""

    def __init__(self, machine: Host) -> None:
        self._machine = machine

    async def Time(self, request: Any, caller: Caller) -> Any:
        """Give the time."""
        reply = times.Time(server="time.cloudflare.com")
        reply.localtime.GetCurrentTime()
        reply.remotetime.GetCurrentTime()
        return times.TimeResponse(messages=[reply])
