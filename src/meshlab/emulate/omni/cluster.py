"""What Omni does with a cluster that was asked for: configurations, one bootstrap, status (facts: §6.8)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from meshlab.emulate.talos.request import Request
from meshlab.live._generated import omni_specs_pb2
from meshlab.live.omni import resources as types
from meshlab.live.secret import Secret
from meshlab.live.talos.machine_config import machine_config
from meshlab.live.talos.patch import patched
from meshlab.live.talos.secrets_bundle import SecretsBundle
from meshlab.live.talos.settings import ClusterSettings, NodeSettings
from meshlab.live.talos.validation import ConfigError

if TYPE_CHECKING:
    from meshlab.emulate.cosi.store import ResourceStore
    from meshlab.emulate.talos.site import Host

pb: Any = omni_specs_pb2

STAGES = {
    "booting": 1,
    "installing": 2,
    "maintenance": 3,
    "running": 4,
    "rebooting": 7,
    "shutting down": 8,
    "resetting": 5,
    "upgrading": 6,
    "off": 11,
}
SCALING_UP, RUNNING = 1, 3


class OmniCluster:
    """One cluster under Omni's hand.

    Parameters
    ----------
    store
        Omni's resources.
    machines
        Joined machines by UUID.
    """

    def __init__(self, name: str, store: ResourceStore, machines: dict[str, Host]) -> None:
        self.name = name
        self.bundle: SecretsBundle | None = None
        self._store = store
        self._machines = machines
        self._configured: dict[str, str] = {}
        self._errors: dict[str, str] = {}

    def nodes(self) -> dict[str, str]:
        """Give the UUIDs of its machines with their role."""
        found = {}
        for node in self._store.list("default", types.MACHINE_SET_NODE.name):
            labels = node.metadata.labels
            if labels.get(types.LABEL_CLUSTER) == self.name:
                found[node.metadata.id] = "controlplane" if types.LABEL_CONTROL_PLANE in labels else "worker"
        return found

    async def reconcile(self) -> None:
        """Bring the machines one step nearer to what is asked for, and say how things are."""
        if self.bundle is None:
            self.bundle = await asyncio.to_thread(SecretsBundle.generate)
        nodes = self.nodes()
        for uuid, role in nodes.items():
            machine = self._machines.get(uuid)
            if machine is not None and machine.powered:
                self._configure(machine, role, nodes)
        for uuid in set(self._configured) - set(nodes):
            self.release(uuid)
        self._bootstrap(nodes)
        self._publish(nodes)

    def release(self, uuid: str) -> None:
        """Reset a machine that the cluster no longer has."""
        self._configured.pop(uuid, None)
        machine = self._machines.get(uuid)
        if machine is not None and machine.powered and machine.config is not None and machine.busy is None:
            machine.request(Request("reset", "omni", wipe=frozenset({"STATE", "EPHEMERAL"})))

    def _settings(self, nodes: dict[str, str]) -> ClusterSettings | None:
        spec = self._store.spec(types.CLUSTER, self.name)
        first = self._first_control_plane(nodes)
        if spec is None or first is None:
            return None
        return ClusterSettings(
            self.name,
            f"https://{first.hardware.address}:6443",
            talos_version=f"v{spec.talos_version}",
            kubernetes_version=f"v{spec.kubernetes_version}",
            kubespan=None,
        )

    def _first_control_plane(self, nodes: dict[str, str]) -> Host | None:
        """The control plane that is bootstrapped: always the same one."""
        uuids = sorted(
            uuid for uuid, role in nodes.items() if role == "controlplane" and uuid in self._machines
        )
        return self._machines[uuids[0]] if uuids else None

    def _configure(self, machine: Host, role: Any, nodes: dict[str, str]) -> None:
        settings = self._settings(nodes)
        ready = machine.stage == "maintenance" or (
            machine.config is not None and machine.stage in ("booting", "running")
        )
        if settings is None or self.bundle is None or not ready or machine.busy is not None:
            return
        uuid = machine.hardware.uuid
        node = NodeSettings(
            role, hostname=machine.name, install_disk=f"/dev/{machine.hardware.disks[0].name}"
        )
        try:
            text = machine_config(self.bundle, settings, node).reveal()
            text = patched(text, self._patches(uuid))
            if self._configured.get(uuid) != text or machine.config is None:
                machine.configure(text)
                self._configured[uuid] = text
            self._errors.pop(uuid, None)
        except (ConfigError, ValueError) as error:
            self._errors[uuid] = str(error)

    def _patches(self, uuid: str) -> list[str]:
        node = self._store.get(types.MACHINE_SET_NODE, uuid)
        set_id = node.metadata.labels.get(types.LABEL_MACHINE_SET) if node is not None else None
        found = []
        for patch in self._store.list(
            "default", types.CONFIG_PATCH.name
        ):  # in order of id, as Omni applies them
            labels = patch.metadata.labels
            if labels.get(types.LABEL_CLUSTER) != self.name:
                continue
            if (
                labels.get(types.LABEL_MACHINE_SET, set_id) == set_id
                and labels.get(types.LABEL_MACHINE, uuid) == uuid
            ):
                found.append(pb.ConfigPatchSpec.FromString(patch.spec.proto_spec).data)
        return found

    def _bootstrap(self, nodes: dict[str, str]) -> None:
        status = self._store.spec(types.CLUSTER_BOOTSTRAP_STATUS, self.name)
        first = self._first_control_plane(nodes)
        if first is None or (status is not None and status.bootstrapped):
            return
        etcd = first.etcd
        if (
            etcd is not None
            and first.stage in ("booting", "running")
            and not etcd.has_data
            and not etcd.running
        ):
            etcd.bootstrap()
            bootstrapped = pb.ClusterBootstrapStatusSpec(bootstrapped=True)
            self._store.put(types.CLUSTER_BOOTSTRAP_STATUS, self.name, bootstrapped)

    def _publish(self, nodes: dict[str, str]) -> None:
        present = {uuid: self._machines[uuid] for uuid in nodes if uuid in self._machines}
        healthy = [machine for machine in present.values() if machine.stage == "running" and machine.ready]
        for uuid, machine in present.items():
            spec = pb.ClusterMachineStatusSpec(
                ready=machine in healthy,
                stage=STAGES[machine.stage],
                config_up_to_date=uuid in self._configured and uuid not in self._errors,
                last_config_error=self._errors.get(uuid, ""),
                management_address=machine.hardware.address,
            )
            self._store.put(types.CLUSTER_MACHINE_STATUS, uuid, spec, labels={types.LABEL_CLUSTER: self.name})
        done = bool(nodes) and len(healthy) == len(nodes)
        control_planes = [uuid for uuid, role in nodes.items() if role == "controlplane"]
        status = pb.ClusterStatusSpec(
            available=any(present[uuid] in healthy for uuid in control_planes if uuid in present),
            machines={
                "total": len(nodes),
                "healthy": len(healthy),
                "connected": sum(machine.powered for machine in present.values()),
                "requested": len(nodes),
            },
            phase=RUNNING if done else SCALING_UP,
            ready=done,
            controlplaneReady=bool(control_planes)
            and all(present.get(uuid) in healthy for uuid in control_planes),
        )
        self._store.put(types.CLUSTER_STATUS, self.name, status)

    def talosconfig(self, url: str, identity: str) -> Secret[str]:
        """Write a talosconfig that goes through Omni and holds no key."""
        from meshlab.live import yaml_text

        name = f"omni-{self.name}"
        context = {"endpoints": [url], "auth": {"siderov1": {"identity": identity}}, "cluster": self.name}
        return Secret(yaml_text.dump({"context": name, "contexts": {name: context}}), name="talosconfig")
