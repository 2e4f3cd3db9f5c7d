"""The connections of an observer: which clients it has, and the probes that it makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

from meshlab.incident.observe.api_door import ApiDoor
from meshlab.incident.observe.live_probes import (
    ChainProbe,
    EtcdProbe,
    MachineProbe,
    ManagementProbe,
    MeshProbe,
    PodLine,
    TalosLine,
    VaultProbe,
    WriteProbe,
)
from meshlab.incident.observe.probes import Probe, Silent
from meshlab.live.reach.table import REACHES
from meshlab.live.secret import Secret
from meshlab.live.target import Target
from meshlab.model import CheckFailed, Topology
from meshlab.provision.cluster.connections import KUBECONFIG, TALOSCONFIG
from meshlab.provision.cluster.strongbox import Strongbox
from meshlab.provision.manifests import chains as manifests_chains
from meshlab.provision.manifests import vault as manifests_vault

if TYPE_CHECKING:
    from meshlab.live.talos.client import TalosClient

TIMEOUT_S = 2.0
"""A machine that has not answered by then is silent."""


@dataclass
class Connections:
    """What an observer can ask; a part that is None is not looked at.

    Parameters
    ----------
    talos
        Makes a client of a machine, given its name.
    door
        The way to the Kubernetes API.
    omni
        One cheap call to Omni; None in direct mode.
    vault_pods
        Machine by Vault pod.
    """

    topology: Topology
    talos: Callable[[str], TalosClient] | None = None
    door: ApiDoor | None = None
    omni: Callable[[], object] | None = None
    vault_pods: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    _lines: list[TalosLine] = field(default_factory=list, repr=False)

    def probes(self) -> tuple[Probe, ...]:
        """Gives the probes of everything that can be asked; each with a connection of its own."""
        found: list[Probe] = []
        masters = {machine.name for machine in self.topology.control_plane}
        if self.talos is not None:
            for machine in self.topology.machines:
                found.append(MachineProbe(machine.name, self._line(machine.name)))
                found.append(MeshProbe(machine.name, self._line(machine.name)))
                if machine.name in masters:
                    found.append(EtcdProbe(machine.name, self._line(machine.name)))
        if self.door is not None:
            found.append(WriteProbe(self.door))
            found += self._pods(self.door)
        if self.omni is not None:
            found.append(ManagementProbe(self.omni))
        return tuple(found)

    def _pods(self, door: ApiDoor) -> Iterable[Probe]:
        for pod, machine in self.vault_pods.items():
            line = PodLine(door, manifests_vault.NAMESPACE, pod, manifests_vault.PORT, "https")
            yield VaultProbe(machine, line, pod)
        for workload in self.topology.workloads:
            chain = manifests_chains.CHAINS.get(workload.role)
            if chain is not None:
                line = PodLine(door, manifests_chains.NAMESPACE, f"{workload.name}-0", chain.port)
                yield ChainProbe(workload.name, workload.role, line)

    def _line(self, machine: str) -> TalosLine:
        make = self.talos
        assert make is not None
        line = TalosLine(lambda: make(machine))
        self._lines.append(line)
        return line

    def close(self) -> None:
        """Ends every connection."""
        for line in self._lines:
            line.drop()
        if self.door is not None:
            self.door.close()

    def __enter__(self) -> Connections:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def connect(
    topology: Topology, target: Target, strongbox: Strongbox, *, omni: Callable[[], object] | None = None
) -> Connections:
    """Gives the connections to a cluster that bring-up has made.

    Raises
    ------
    CheckFailed
        The strongbox has no credentials of it: the cluster was not brought up from here.
    """
    from meshlab.live.talos.talosconfig import Talosconfig

    kept = strongbox.get(TALOSCONFIG)
    if kept is None:
        raise CheckFailed(
            f"no credentials of {topology.name} are in the strongbox: bring it up first (`meshlab apply`), or import"
            " its talosconfig"
        )
    config = Talosconfig.from_yaml(Secret(kept.reveal_text(), name="talosconfig"))

    reach = REACHES["direct"](target)

    def talos(machine: str) -> TalosClient:
        return reach.talos(topology.machine(machine).address, config, timeout_s=TIMEOUT_S)

    kubeconfig = strongbox.get(KUBECONFIG)
    if kubeconfig is None:
        return Connections(
            topology, talos, None, omni, notes=("no kubeconfig yet: the API and its pods are not looked at",)
        )
    masters = {machine.name: machine.address for machine in topology.control_plane}
    door = ApiDoor(masters, Secret(kubeconfig.reveal_text(), name="kubeconfig"), dial=target.dial)
    pods, notes = vault_pods(topology, door)
    return Connections(topology, talos, door, omni, pods, notes)


def vault_pods(topology: Topology, door: ApiDoor) -> tuple[dict[str, str], tuple[str, ...]]:
    """Gives the machine of each Vault pod; while the API is away, as the spec places them, with a note."""
    workload = next((w for w in topology.workloads if w.role == "vault"), None)
    if workload is None:
        return {}, ()
    names = manifests_vault.pods(workload.replicas)
    assumed = dict(zip(names, workload.machines, strict=False))
    try:
        reply = door.ask("GET", f"/api/v1/namespaces/{manifests_vault.NAMESPACE}/pods")
    except Silent:
        return assumed, ("the API is away: Vault pods are taken to be where the spec places them",)
    machines = {machine.name for machine in topology.machines}
    placed: dict[str, str] = {}
    for item in reply.data.get("items") or ():
        name, node = str(_get(item, "metadata", "name")), str(_get(item, "spec", "nodeName"))
        if name in names and node in machines:
            placed[name] = node
    return {name: placed.get(name, assumed.get(name, name)) for name in names}, ()


def _get(item: Any, *keys: str) -> Any:
    for key in keys:
        item = (item or {}).get(key) if isinstance(item, dict) else None
    return item
