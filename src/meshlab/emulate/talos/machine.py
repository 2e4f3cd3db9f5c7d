"""One emulated Talos machine: power, stages, partitions, configuration and services (facts: §1.7, §2.3, §5.2).

It is a state that calls hooks when a real process must start or stop; its API is in `api.server`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import shutil
import string
import uuid
from pathlib import Path
from typing import Any

from meshlab.emulate.cosi.store import ResourceStore
from meshlab.emulate.etcd.wire import EtcdError, EtcdUnavailable
from meshlab.emulate.kubespan.discovery import Affiliate, DiscoveryUnavailable
from meshlab.emulate.kubespan.identity import KubeSpanIdentity
from meshlab.emulate.kubespan.service import MeshNode, mesh_endpoint
from meshlab.emulate.processes.tasks import end
from meshlab.emulate.talos import facts as machine_facts
from meshlab.emulate.talos import pki as machine_pki
from meshlab.emulate.talos.api.server import TalosApi
from meshlab.emulate.talos.etcd import EtcdNotHere, EtcdService
from meshlab.emulate.talos.hardware import Hardware
from meshlab.emulate.talos.log import EventLog, KernelLog, ServiceTable, pb
from meshlab.emulate.talos.request import Request
from meshlab.emulate.talos.site import Site, Stage
from meshlab.live.secret import Secret
from meshlab.live.talos.config_view import ConfigView
from meshlab.live.talos.resources import TALOS_TYPES
from meshlab.live.talos.settings import TALOS_VERSION
from meshlab.live.talos.validation import ConfigError, validate

BASE62 = string.digits + string.ascii_letters
STAGE_NUMBERS = {
    "off": 0,
    "booting": 1,
    "installing": 2,
    "maintenance": 3,
    "running": 4,
    "rebooting": 5,
    "shutting down": 6,
    "resetting": 7,
    "upgrading": 8,
}


class Machine:
    """A machine, from power-on to power-off; its disk stays in ``directory`` in between.

    Parameters
    ----------
    hardware
        What it is.
    site
        What it shares with the others; it enters itself there.
    directory
        Holds its partitions, ``STATE`` and ``EPHEMERAL``.
    user_data
        A configuration that the platform hands to it, as EC2 does.
    """

    def __init__(
        self, hardware: Hardware, site: Site, directory: Path, *, user_data: Secret[str] | str | None = None
    ) -> None:
        self.hardware = hardware
        self.site = site
        self.directory = directory
        self.user_data = user_data
        self.name = hardware.name
        self.stage: Stage = "off"
        self.powered = False
        self.boot_id = ""
        self.boots = 0
        self.config: ConfigView | None = None
        self.config_text: Secret[str] | None = None
        self.mesh: MeshNode | None = None
        self.etcd: EtcdService | None = None
        self.ready = False
        self.problem = ""
        self.events = EventLog()
        self.kernel = KernelLog()
        self.store = ResourceStore(TALOS_TYPES)
        self.services = ServiceTable(self.events, self._status_changed)
        self.api = TalosApi(self)
        self._requests: asyncio.Queue[Request] = asyncio.Queue()
        self._pending: Request | None = None
        self._life: asyncio.Task[None] | None = None
        self._helpers: set[asyncio.Task[None]] = set()
        self._moved = asyncio.Event()
        site.machines[self.name] = self

    def __repr__(self) -> str:
        return f"Machine({self.name}, {self.stage})"

    # --- disk

    @property
    def state(self) -> Path:
        """The STATE partition: configuration and identities."""
        return self.directory / "STATE"

    @property
    def ephemeral(self) -> Path:
        """The EPHEMERAL partition (``/var``): etcd's data, pods."""
        return self.directory / "EPHEMERAL"

    def user_volume(self, name: str) -> Path:
        """Give the directory of a user volume (``/var/mnt/<name>``); it survives a wipe of EPHEMERAL."""
        return self.directory / f"u-{name}"

    @property
    def _disk_image(self) -> Path:
        return self.directory / "BOOT.json"

    @property
    def talos_version(self) -> str:
        """The version that is booted."""
        return str(self._image().get("version", TALOS_VERSION))

    def _image(self) -> dict[str, Any]:
        if not self._disk_image.exists():
            return {"version": TALOS_VERSION} if self.hardware.installed else {}
        image: dict[str, Any] = json.loads(self._disk_image.read_text())
        return image

    @property
    def installed(self) -> bool:
        """Whether there is an image on the disk."""
        return bool(self._image())

    def stage_image(self, version: str) -> None:
        """Write another version beside the booted one, for the next boot."""
        self._disk_image.write_text(json.dumps(self._image() | {"next": version}))

    def _boot_image(self) -> None:
        image = self._image()
        if "next" in image:
            self._disk_image.write_text(json.dumps({"version": image["next"]}))

    # --- names

    @property
    def hostname(self) -> str:
        """The hostname: the configured one, else a stable one made of the machine's id."""
        configured = self.config.hostname if self.config is not None else None
        return configured or f"talos-{self.hardware.uuid[:3]}-{self.hardware.uuid[-3:]}"

    @property
    def node_id(self) -> str:
        """The identity in the cluster: 32 random bytes in base 62, kept in STATE."""
        path = self.state / "node-identity"
        if not path.exists():
            number = int.from_bytes(secrets.token_bytes(32), "big")
            digits = []
            while number:
                number, digit = divmod(number, 62)
                digits.append(BASE62[digit])
            path.write_text("".join(reversed(digits)))
        return path.read_text()

    # --- power

    async def power_on(self) -> None:
        """Give it power; it boots in the background. Nothing happens when it has power."""
        if self.powered:
            return
        self.powered = True
        for partition in (self.state, self.ephemeral):
            partition.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.problem = ""
        self._pending = None
        self._requests = asyncio.Queue()
        self._life = asyncio.create_task(self._live(), name=f"machine-{self.name}")

    async def power_off(self) -> None:
        """Cut the power: nothing is ended in order, whatever runs is stopped at once."""
        if not self.powered:
            return
        self.powered = False
        await self._end_life()
        power_lost = getattr(self.site.hooks, "power_lost", None)
        if power_lost is not None:
            await power_lost(self)
        await self._stop_everything()
        self._move("off")

    async def _end_life(self) -> None:
        life, self._life = self._life, None
        await end(life)

    async def wait_for(self, stage: Stage, deadline_s: float = 30.0) -> None:
        """Wait until it is in a stage.

        Raises
        ------
        TimeoutError
            It is in another one after ``deadline_s``; the message says which.
        """
        try:
            async with asyncio.timeout(deadline_s):
                while self.stage != stage:
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            why = f" ({self.problem})" if self.problem else ""
            raise TimeoutError(
                f"{self.name} is {self.stage} after {deadline_s:g} s, not {stage}{why}"
            ) from None

    # --- requests

    @property
    def busy(self) -> str | None:
        """What it is doing that excludes another request, None when it is free."""
        return self._pending.kind if self._pending is not None else None

    def request(self, request: Request) -> None:
        """Queue something that ends the present boot."""
        self._pending = request
        self._requests.put_nowait(request)

    def configure(self, text: str, *, save: bool = True) -> None:
        """Take a valid configuration over, now.

        Raises
        ------
        ConfigError
            It is not valid; nothing changes.
        """
        view = validate(text, mode="cloud" if self.installed else "metal")
        if save:
            self.save_config(text)
        before = self.config
        self.config, self.config_text = view, Secret(text, name="machine configuration")
        if self.stage == "maintenance":
            self.request(Request("configured"))
        elif self.stage in ("booting", "running"):
            self._publish_facts()
            self._keep(self._certify())
            if before is None or _mesh_settings(before) != _mesh_settings(view):
                self._keep(self._join_mesh())  # anything else leaves the tunnels alone

    def save_config(self, text: str) -> None:
        """Write a configuration to STATE, for the next boot."""
        path = self.state / "config.yaml"
        path.touch(mode=0o600)
        path.write_text(text)

    # --- life

    async def _live(self) -> None:
        try:
            while await self._boot():
                pass
        except Exception as error:
            self.problem = f"{type(error).__name__}: {error}"
            self.kernel.write(self.problem, level="crit")
        self.powered = False
        await self._stop_everything()
        self._move("off")

    async def _boot(self) -> bool:
        """One boot, from reset to reset; True to boot again."""
        self._fresh_boot()
        await asyncio.sleep(self.site.timings.boot_s)
        self._boot_image()
        self._load_config()
        await self.api.start()
        self._publish_facts()
        if self.config is None:
            request = await self._maintain()
        else:
            request = None
        if request is None or request.kind == "configured":
            self._pending = None
            if not self.installed:
                await self._install()
                return True
            await self._run()
            request = await self._requests.get()
        return await self._finish(request)

    def _fresh_boot(self) -> None:
        self.boots += 1
        self.boot_id = str(uuid.uuid4())
        self._pending = None
        self.events.end()
        self.events = EventLog()
        self.kernel = KernelLog()
        self.store = ResourceStore(TALOS_TYPES)
        self.services = ServiceTable(self.events, self._status_changed)
        self.config = None
        self.config_text = None
        self.kernel.write(f"booting Talos {self.talos_version}", "kern")
        self._move("booting")

    def _load_config(self) -> None:
        path = self.state / "config.yaml"
        text = path.read_text() if path.exists() else None
        if text is None and self.user_data is not None:
            text = self.user_data.reveal() if isinstance(self.user_data, Secret) else self.user_data
        if text is None:
            return
        try:
            self.config = validate(text, mode="cloud" if self.installed else "metal")
        except ConfigError as error:
            self.kernel.write(f"configuration is refused: {error}", level="err")
            self.events.publish(pb.ConfigValidationErrorEvent(error=str(error)))
            return
        self.config_text = Secret(text, name="machine configuration")
        self.save_config(text)

    async def _maintain(self) -> Request:
        self.api.show_maintenance()
        self.services.set("machined", "Running", "Service started", healthy=True)
        self.services.set("apid", "Running", "Service started", healthy=True)
        self.services.set("udevd", "Running", "Service started", healthy=True)
        self._move("maintenance")
        return await self._requests.get()

    async def _install(self) -> None:
        self._move("installing")
        self._sequence("install", "START")
        await asyncio.sleep(self.site.timings.install_s)
        self._disk_image.write_text(json.dumps({"version": self._wanted_version()}))
        self._sequence("install", "STOP")
        self._move("rebooting")
        await self._stop_everything()

    def _wanted_version(self) -> str:
        image = str(self.config.at("machine.install.image") or "") if self.config is not None else ""
        tag = image.rpartition(":")[2]
        return tag if tag.startswith("v") else TALOS_VERSION

    async def _run(self) -> None:
        config = self.config
        assert config is not None
        self._move("booting")
        self._sequence("boot", "START")
        for name in ("machined", "containerd", "udevd", "syslogd", "auditd", "cri"):
            self.services.set(name, "Running", "Service started", healthy=True)
        if config.is_control_plane:
            self.services.set("trustd", "Running", "Service started", healthy=True)
        self.services.set("apid", "Waiting", "Waiting for a certificate")
        self._keep(self._certify())
        await self._join_mesh()
        for volume in config.documents_of("UserVolumeConfig"):
            self.user_volume(str(volume["name"])).mkdir(parents=True, exist_ok=True, mode=0o700)
        self.services.set("kubelet", "Preparing", "Running pre state")
        self._keep(self._start_kubelet())
        if config.is_control_plane:
            self.etcd = EtcdService(self)
            self.etcd.start()
            self._keep(self._start_control_plane(self.etcd))

    async def _certify(self) -> None:
        """Show the certificate of the API: a control plane's own, a worker's from a control plane's trustd."""
        while True:
            config = self.config
            authority = config.authority("machine.ca") if config is not None else None
            if config is not None and authority is None:
                authority = self._trustd_of_a_control_plane(config)
            if config is not None and authority is not None:
                certificate = machine_pki.api_certificate(self, authority)
                self.api.show(certificate, client_ca=config.os_ca)
                self.services.set("apid", "Running", "Service started", healthy=True)
                return
            await asyncio.sleep(self.site.timings.trustd_retry_s)

    def _trustd_of_a_control_plane(self, config: ConfigView) -> Any:
        for other in sorted(self.site.machines.values(), key=lambda other: other.name):
            trustd = other.services.get("trustd")
            if trustd is None or trustd.state != "Running" or other.config is None:
                continue
            same = other.config.secret("machine.token") == config.secret("machine.token")
            if same and self.site.both_ways(self.name, other.name):
                return other.config.authority("machine.ca")
        return None

    async def _join_mesh(self) -> None:
        config = self.config
        if self.mesh is not None:
            await self.mesh.stop()
            self.mesh = None
        if config is None or not config.discovery_enabled:
            return
        identity = None
        if config.kubespan.get("enabled"):
            key_file = self.state / "kubespan-identity.yaml"
            identity = KubeSpanIdentity.load_or_make(key_file, config.cluster_id, self.hardware.mac)
            machine_facts.publish_kubespan(self.store, config, identity)
        self.mesh = MeshNode(
            self.name,
            config.cluster_id,
            self._affiliate(config, identity),
            identity,
            store=self.store,
            discovery=self.site.discovery,
            underlay=self.site,
            timings=self.site.timings,
        )
        machine_facts.publish_addresses(self.store, self.hardware, identity)
        self.mesh.start()

    def _affiliate(self, config: ConfigView, identity: KubeSpanIdentity | None) -> Affiliate:
        hardware = self.hardware
        addresses = [hardware.address]
        endpoints = [mesh_endpoint(hardware.address)]
        if hardware.external_address is not None:
            endpoints.append(mesh_endpoint(hardware.external_address))
        filters = config.kubespan.get("filters") or {}
        endpoints = machine_facts.filtered(
            endpoints, [str(entry) for entry in filters.get("endpoints") or []]
        )
        endpoints = list(dict.fromkeys([*endpoints, *config.extra_announced_endpoints]))
        affiliate = Affiliate(
            node_id=self.node_id,
            hostname=self.hostname,
            nodename=self.hostname,
            machine_type=config.role,
            operating_system=f"Talos ({self.talos_version})",
            addresses=tuple(addresses),
            api_server_port=6443 if config.is_control_plane else 0,
        )
        if identity is None:
            return affiliate
        return Affiliate(
            **(
                affiliate.__dict__
                | {
                    "addresses": (*addresses, str(identity.address)),
                    "kubespan_public_key": identity.public_key,
                    "kubespan_address": str(identity.address),
                    "endpoints": tuple(endpoints),
                    "excluded_networks": tuple(filters.get("excludeAdvertisedNetworks") or ()),
                }
            )
        )

    async def _start_kubelet(self) -> None:
        await self.site.hooks.start_kubelet(self)
        self.services.set("kubelet", "Running", "Health check successful", healthy=True)

    async def _start_control_plane(self, etcd: EtcdService) -> None:
        await etcd.voting.wait()
        await self.site.hooks.start_control_plane(self)

    async def _finish(self, request: Request) -> bool:
        """End the present boot in order; True to boot again."""
        names: dict[str, tuple[str, Stage]] = {
            "reboot": ("reboot", "rebooting"),
            "shutdown": ("shutdown", "shutting down"),
            "reset": ("reset", "resetting"),
        }
        sequence, stage = names[request.kind]
        self._move(stage)
        self._sequence(sequence, "START", request.actor_id)
        if request.kind == "reset" and request.graceful:
            await self._leave()
        self._sequence(sequence, "STOP", request.actor_id)
        await asyncio.sleep(self.site.timings.shutdown_s)
        await self._stop_everything(wipe_etcd=request.kind == "reset" and self._wipes(request, "EPHEMERAL"))
        if request.kind == "reset":
            self._wipe(request)
            if not request.wipe and self.hardware.platform != "metal":
                return False  # the whole disk of a cloud machine is gone: nothing to boot
        return request.kind == "reboot" or (request.kind == "reset" and request.then == "reboot")

    @staticmethod
    def _wipes(request: Request, partition: str) -> bool:
        return not request.wipe or partition in request.wipe

    async def _leave(self) -> None:
        if self.etcd is not None:
            try:
                await self.etcd.leave()
            except (EtcdNotHere, EtcdUnavailable, EtcdError) as error:
                self.kernel.write(f"etcd: {error}", level="warning")
        if self.mesh is not None and self.config is not None:
            with contextlib.suppress(DiscoveryUnavailable):
                self.site.discovery.withdraw(self.config.cluster_id, self.node_id)

    def _wipe(self, request: Request) -> None:
        for label, partition in (("STATE", self.state), ("EPHEMERAL", self.ephemeral)):
            if self._wipes(request, label):
                shutil.rmtree(partition, ignore_errors=True)
                partition.mkdir(parents=True, mode=0o700)
        if not request.wipe:
            self._disk_image.unlink(missing_ok=True)

    async def _stop_everything(self, *, wipe_etcd: bool = False) -> None:
        for task in list(self._helpers):
            task.cancel()
        await asyncio.gather(*self._helpers, return_exceptions=True)
        self._helpers.clear()
        await self.site.hooks.stop_kubelet(self)
        await self.site.hooks.stop_control_plane(self)
        if self.etcd is not None:
            await self.etcd.stop(wipe=wipe_etcd)
            self.etcd = None
        if self.mesh is not None:
            await self.mesh.stop()
            self.mesh = None
        self.events.end()
        await self.api.stop()

    def _keep(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._helpers.add(task)
        task.add_done_callback(self._helper_done)

    def _helper_done(self, task: asyncio.Task[None]) -> None:
        self._helpers.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.kernel.write(f"{type(error).__name__}: {error}", level="err")

    # --- status

    def _move(self, stage: Stage) -> None:
        if stage != self.stage:
            self.stage = stage
            self.kernel.write(f"stage {stage}")
        self._status_changed(told=True)
        self._moved.set()

    def _status_changed(self, *, told: bool = False) -> None:
        unmet = machine_facts.unmet_conditions(self)
        if (
            self.stage == "booting"
            and self.config is not None
            and self.boot_id
            and not unmet
            and self.services.get("apid")
        ):
            self.stage = "running"
            self._sequence("boot", "STOP")
            told = True
            self._moved.set()
        ready = self.stage in ("running", "booting") and not unmet
        if (
            machine_facts.publish_status(self.store, self.stage, STAGE_NUMBERS[self.stage], ready, unmet)
            or told
        ):
            self.ready = ready
            status = {"ready": ready, "unmet_conditions": [{"name": n, "reason": r} for n, r in unmet]}
            self.events.publish(pb.MachineStatusEvent(stage=STAGE_NUMBERS[self.stage], status=status))
        machine_facts.publish_services(self.store, self.services)

    def _sequence(self, name: str, action: str, actor_id: str = "") -> None:
        self.events.publish(pb.SequenceEvent(sequence=name, action=action), actor_id)
        self.kernel.write(f"{name} sequence: {action.lower()}")

    def _publish_facts(self) -> None:
        machine_facts.publish(self)


def _mesh_settings(config: ConfigView) -> tuple[object, ...]:
    """Give what of a configuration the mesh depends on."""
    kubespan = dict(config.kubespan)
    announced = config.extra_announced_endpoints
    return (kubespan, config.cluster_id, config.discovery_enabled, config.role, config.hostname, announced)
