"""The machines together: etcd founded once, its voters, the kubeconfig, the mesh, reboots."""

from __future__ import annotations

import time
from typing import Any

from meshlab.provision.cluster.connections import KUBECONFIG
from meshlab.provision.cluster.records import SETTLED, Kind
from meshlab.provision.systems.context import Context
from meshlab.provision.systems.interface import Operation, Waiting
from meshlab.provision.systems.outcome import Absent, Found, Probe, Result, StepFailed
from meshlab.provision.systems.talos.calls import (
    LOOK_S,
    etcd_members,
    etcd_state,
    peers_up,
    talos_errors,
)


class ReadyToBootstrap(Waiting):
    """Every control plane has its configuration, and its etcd waits for somebody to found the cluster."""

    name = "talos.ready-to-bootstrap"
    patience = "machine_running"

    def look(self, context: Context) -> Probe:
        states = {address: etcd_state(context, address) for address in self.settings["control_plane"]}
        waiting = [a for a, state in states.items() if state not in ("Preparing", "Running")]
        if waiting:
            return Absent(
                f"etcd of {', '.join(waiting)} is not ready: " + ", ".join(states[a] for a in waiting)
            )
        return Found({"etcd": states})


class Bootstrap(Operation):
    """Founds the cluster's etcd, on one machine, once in the cluster's life.

    Nothing in Talos stops a second machine from founding a second cluster. So: the machine is chosen in the plan,
    every control plane must show an etcd that waits and no member list anywhere, and after an unclear answer only
    that same machine is asked again - it answers ALREADY_EXISTS if it is done (facts: live-bringup 1.9).
    """

    name = "talos.bootstrap"
    founds = "etcd"
    repeatable = True

    def probe(self, context: Context) -> Probe:
        addresses = list(self.settings["control_plane"])
        lists = {address: etcd_members(context, address) for address in addresses}
        clusters = {frozenset(member.id for member in members) for members in lists.values() if members}
        if len(clusters) > 1 and not frozenset.intersection(*clusters):
            raise StepFailed(
                "there are two etcd clusters: "
                + "; ".join(f"{a} lists {len(m)} members" for a, m in lists.items() if m)
                + ". Reset the machines of the wrong one before going on",
                "needs-you",
            )
        if clusters:
            return Found({"members": max(len(members) for members in lists.values())})
        states = {address: etcd_state(context, address) for address in addresses}
        if all(state == "Preparing" for state in states.values()):
            return Absent("every control plane waits, and none lists a member")
        raise StepFailed("etcd is neither waiting nor running everywhere: " + str(states), "retry")

    def unmet(self, context: Context) -> tuple[str, ...]:
        return ()

    def perform(self, context: Context) -> Result:
        from meshlab.live.talos.errors import TalosError

        node = str(self.settings["node"])
        with talos_errors(self.step.title, changing=True), context.connections.talos(node) as client:
            try:
                client.bootstrap()
            except TalosError as error:
                if error.code != "ALREADY_EXISTS":
                    raise
        return context.wait_until(
            lambda: self._founded(context), context.target.patience.etcd_voters, "the first etcd member"
        )

    def _founded(self, context: Context) -> Probe:
        members = etcd_members(context, str(self.settings["node"]))
        return Found({"members": len(members)}) if members else Absent("no etcd member is listed yet")

    def never_happened(self, context: Context) -> bool:
        # The probe said Absent only because all control planes answered, wait, and list nobody; and the call goes
        # to the same machine again.
        return True


class EtcdVoters(Waiting):
    """All control planes are voters of one etcd: learners are promoted one at a time, and do not count before."""

    name = "talos.etcd-voters"
    patience = "etcd_voters"

    def look(self, context: Context) -> Probe:
        wanted = len(self.settings["control_plane"])
        seen: dict[str, frozenset[int]] = {}
        for address in self.settings["control_plane"]:
            members = etcd_members(context, address, insist=True)
            learners = [member.hostname for member in members if member.is_learner]
            if len(members) < wanted:
                return Absent(f"{address} lists {len(members)} of {wanted} etcd members")
            if learners:
                return Absent(f"{', '.join(learners)} is still a learner")
            seen[address] = frozenset(member.id for member in members)
        if len(set(seen.values())) > 1:
            return Absent("the control planes list different members")
        with (
            talos_errors(self.step.title),
            context.connections.talos(next(iter(seen)), timeout_s=LOOK_S) as client,
        ):
            leader = int(client.etcd_status().leader)
        return Found({"voters": wanted}) if leader else Absent("no leader yet")


class Kubeconfig(Operation):
    """Fetches an admin kubeconfig into the strongbox."""

    name = "talos.kubeconfig"
    repeatable = True

    def probe(self, context: Context) -> Probe:
        kept = context.strongbox.get(KUBECONFIG)
        return Absent() if kept is None else Found({"kept": KUBECONFIG})

    def perform(self, context: Context) -> Result:
        def fetch() -> Probe:
            address = str(self.settings["node"])
            with talos_errors(self.step.title), context.connections.talos(address) as client:
                context.strongbox.put(KUBECONFIG, client.kubeconfig(), replace=True)
            return Found({"kept": KUBECONFIG})

        return context.wait_until(
            lambda: _patiently(fetch), context.target.patience.kubernetes_api, self.step.title
        )


def _patiently(look: Any) -> Probe:
    try:
        probe: Probe = look()
        return probe
    except StepFailed as error:
        if error.reaction in ("stop", "needs-you"):
            raise
        return Absent(str(error))


class Mesh(Waiting):
    """Every machine has an established KubeSpan tunnel to every other one."""

    name = "talos.mesh"
    patience = "mesh"

    def look(self, context: Context) -> Probe:
        machines: dict[str, str] = dict(self.settings["machines"])
        short: list[str] = []
        handshakes: list[float] = []
        for name, address in machines.items():
            up, newest = peers_up(context, address)
            if up < len(machines) - 1:
                short.append(f"{name} {up}/{len(machines) - 1}")
            handshakes.append(newest)
        if short:
            return Absent("peers up: " + ", ".join(short))
        return Found({"tunnels": len(machines) * (len(machines) - 1)})


class Reboot(Operation):
    """Reboots one machine and waits until it is back with another boot id, which is noted before the call."""

    name = "talos.reboot"

    NOTE = "its boot id before: "

    def probe(self, context: Context) -> Probe:
        before = self._noted(context)
        if not before:
            return Absent("it has not been rebooted in this run")
        now = _boot_id(context, self.step.title, str(self.settings["address"]))
        return Found({"boot_id": now}) if now != before else Absent("it has not gone down")

    def _noted(self, context: Context) -> str:
        """Gives the boot id that the last unfinished attempt noted; empty where there was none."""
        rows = context.journal.records() if context.journal else []
        noted = ""
        for row in rows:
            if row.step != self.step.id:
                continue
            if row.kind is Kind.PROGRESS and row.text.startswith(self.NOTE):
                noted = row.text.removeprefix(self.NOTE)
            elif row.kind in SETTLED or row.kind is Kind.REFUSED:
                noted = ""
        return noted

    def perform(self, context: Context) -> Result:
        address = str(self.settings["address"])
        before = _boot_id(context, self.step.title, address)
        context.say(f"{self.NOTE}{before}")
        with talos_errors(self.step.title, changing=True), context.connections.talos(address) as client:
            client.reboot()
        began = time.monotonic()

        def back() -> Probe:
            now = _boot_id(context, self.step.title, address)
            return Found({"boot_id": now}) if now != before else Absent("it has not gone down yet")

        patience = context.target.patience.machine_running
        result = context.wait_until(lambda: _patiently(back), patience, self.step.title)
        return result | {"away_s": round(time.monotonic() - began, 2)}


def _boot_id(context: Context, what: str, address: str) -> str:
    with talos_errors(what), context.connections.talos(address, timeout_s=LOOK_S) as client:
        return client.boot_id()


OPERATIONS = (
    ReadyToBootstrap,
    Bootstrap,
    EtcdVoters,
    Kubeconfig,
    Mesh,
    Reboot,
)
