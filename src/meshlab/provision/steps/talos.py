"""What bring-up does over the Talos API without Omni: secrets, configuration, bootstrap once, voters, mesh."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

from meshlab.live.secret import Secret
from meshlab.provision.cluster.connections import KUBECONFIG, TALOS_SECRETS, TALOSCONFIG
from meshlab.provision.cluster.records import SETTLED, Kind
from meshlab.provision.steps.context import Context
from meshlab.provision.steps.operation import (
    Absent,
    Found,
    Operation,
    Probe,
    Reaction,
    Result,
    StepFailed,
    Unreachable,
    Waiting,
    operation,
)

SILENCE = ("UNAVAILABLE", "DEADLINE_EXCEEDED")
"""gRPC codes that mean nobody answered."""
LOOK_S = 4.0
"""Deadline of a look at one machine, in seconds; a machine without power is silent, not an error."""
CONFIG = "/system/state/config.yaml"
"""Where a machine keeps its configuration; `talosctl read` gives it to an administrator."""


@contextmanager
def talos_errors(what: str, *, changing: bool = False) -> Iterator[None]:
    """Turns a Talos error into what the executor does about it (facts: talos-omni-kubespan 1.8)."""
    from meshlab.live.talos.errors import TalosError

    try:
        yield
    except TalosError as error:
        reaction: Reaction = "stop"
        if error.outcome_unknown:
            reaction = "unknown" if changing else "retry"
        elif error.code in ("FAILED_PRECONDITION", "RESOURCE_EXHAUSTED", "ABORTED"):
            reaction = "retry"
        silent = error.code in SILENCE
        said = f"no answer from {error.node}" if silent and not changing else f"{what}: {error}"
        raise StepFailed(said, reaction, silent=silent) from None


@operation("strongbox.talos-secrets")
class TalosSecrets(Operation):
    """The cluster's certificate authorities and tokens, made once and kept in the strongbox only."""

    def probe(self, context: Context) -> Probe:
        kept = context.strongbox.get(TALOS_SECRETS)
        return Absent() if kept is None else Found({"kept": TALOS_SECRETS})

    def perform(self, context: Context) -> Result:
        from meshlab.live.talos.secrets_bundle import SecretsBundle

        context.strongbox.put(TALOS_SECRETS, SecretsBundle.generate().to_yaml())
        return {"kept": TALOS_SECRETS}


@operation("strongbox.talosconfig")
class AdminTalosconfig(Operation):
    """An os:admin client certificate of a year, issued by the Talos API's authority."""

    def probe(self, context: Context) -> Probe:
        kept = context.strongbox.get(TALOSCONFIG)
        return Absent() if kept is None else Found({"kept": TALOSCONFIG})

    def perform(self, context: Context) -> Result:
        from meshlab.live.talos.talosconfig import Talosconfig

        endpoints = list(self.settings["endpoints"])
        config = Talosconfig.issue(bundle(context), context.cluster, endpoints=endpoints, nodes=endpoints)
        context.strongbox.put(TALOSCONFIG, config.to_yaml())
        return {"kept": TALOSCONFIG}


@operation("strongbox.retire")
class RetireSecrets(Operation):
    """Moves the secrets of a destroyed cluster out of the way; they are kept, under its number."""

    def probe(self, context: Context) -> Probe:
        names = self._names(context)
        return Found({"names": list(names)}) if names else Absent("none are left")

    def perform(self, context: Context) -> Result:
        return {}

    def undo(self, context: Context) -> Result:
        assert context.journal is not None
        context.strongbox.retire(self._names(context), context.journal.life())
        return {}

    @staticmethod
    def _names(context: Context) -> tuple[str, ...]:
        return tuple(n for n in context.strongbox.names() if not n.startswith("retired/"))


def bundle(context: Context) -> Any:
    """Gives the cluster's Talos secrets from the strongbox."""
    from meshlab.live.talos.secrets_bundle import SecretsBundle

    kept = context.strongbox.need(TALOS_SECRETS)
    return SecretsBundle.from_yaml(Secret(kept.reveal_text(), name=TALOS_SECRETS))


def answers(context: Context, address: str, *, maintenance: bool) -> str:
    """Gives the Talos version of a machine that answers, with or without credentials; empty where it does not."""
    from meshlab.live.talos.errors import TalosError

    try:
        with context.connections.talos(address, maintenance=maintenance, timeout_s=LOOK_S) as client:
            return str(client.version().version.tag)
    except TalosError:
        return ""


@operation("talos.waits-for-config")
class WaitsForConfig(Waiting):
    """The machine has booted and waits in maintenance mode, or has its configuration already."""

    patience = "machine_maintenance"

    def look(self, context: Context) -> Probe:
        address = str(self.settings["address"])
        if context.connections.talosconfig is not None and (
            tag := answers(context, address, maintenance=False)
        ):
            return Found({"version": tag, "configured": True})
        if tag := answers(context, address, maintenance=True):
            return Found({"version": tag, "configured": False})
        return Unreachable(f"no answer from {address}")


@operation("talos.config")
class ApplyConfiguration(Operation):
    """Sends a machine its configuration in maintenance mode, and sees it come back with the cluster's certificates."""

    repeatable = True

    def probe(self, context: Context) -> Probe:
        if context.connections.talosconfig is None:
            return Absent("no credentials yet")
        address = str(self.settings["address"])
        if answers(context, address, maintenance=False):
            wanted = "cluster" in self.settings  # a destroy asks only whether the machine has a configuration
            try:
                return Found(
                    {"configured": True}, config_differences(context, self.settings) if wanted else ()
                )
            except StepFailed as error:
                if not error.silent:
                    raise
                return Unreachable(str(error))  # it went away between two questions
        if answers(context, address, maintenance=True):
            return Absent("it does not know our certificates yet")
        return Unreachable(f"no answer from {address}")

    def perform(self, context: Context) -> Result:
        """Sends the configuration as soon as the machine asks for one; a machine that has it only has to come back."""
        patience = context.target.patience
        state = context.wait_until(
            lambda: self._reachable(context), patience.machine_running, self.step.title
        )
        if not state["configured"]:
            self._send(context, maintenance=True)
        elif config_differences(context, self.settings):
            self._send(context, maintenance=False)
        return context.wait_until(
            lambda: _patiently(lambda: self.probe(context)), patience.machine_running, self.step.title
        )

    def _reachable(self, context: Context) -> Probe:
        address = str(self.settings["address"])
        if answers(context, address, maintenance=False):
            return Found({"configured": True})
        if answers(context, address, maintenance=True):
            return Found({"configured": False})
        return Absent(f"{address} does not answer on the Talos API (it may be rebooting)")

    def _send(self, context: Context, *, maintenance: bool) -> None:
        address = str(self.settings["address"])
        with (
            talos_errors(self.step.title, changing=True),
            context.connections.talos(address, maintenance=maintenance) as client,
        ):
            client.apply_configuration(wanted_config(context, self.settings))

    def undo(self, context: Context) -> Result:
        """Resets the machine: its state and data are wiped, and it comes back in maintenance mode."""
        address = str(self.settings["address"])
        asked = False

        def back() -> Probe:
            nonlocal asked
            known = context.connections.talosconfig is not None
            if known and answers(context, address, maintenance=False):
                if not asked:
                    with (
                        talos_errors(self.step.title, changing=True),
                        context.connections.talos(address) as client,
                    ):
                        client.reset(graceful=False, reboot=True, wipe=("STATE", "EPHEMERAL"))
                    asked = True
                return Absent(f"{address} is not back in maintenance mode yet")
            if answers(context, address, maintenance=True):
                return Found()
            return Unreachable(f"no answer from {address}")

        return context.wait_until(back, context.target.patience.machine_running, self.step.title)


def wanted_config(context: Context, settings: Any) -> Secret[str]:
    """Gives the machine configuration that the plan applies, secrets and all."""
    from meshlab.live.talos.machine_config import machine_config

    return machine_config(bundle(context), cluster_settings(settings), node_settings(settings))


def config_differences(context: Context, settings: Any) -> tuple[str, ...]:
    """Says where a machine's live configuration is not the plan's, without showing what is secret."""
    from meshlab.provision.steps.config_drift import config_drift

    address = str(settings["address"])
    with talos_errors("reading its configuration"), context.connections.talos(address) as client:
        live = Secret(client.read(CONFIG).decode(), name=f"machine configuration of {address}")
    return config_drift(wanted_config(context, settings), live)


def cluster_settings(settings: Any) -> Any:
    """Gives the settings of the whole cluster from a step's plain values."""
    from meshlab.live.talos.settings import ClusterSettings, KubeSpanSettings

    given = dict(settings["cluster"])
    given["kubespan"] = KubeSpanSettings(**given["kubespan"])
    return ClusterSettings(**_frozen(ClusterSettings, given))


def node_settings(settings: Any) -> Any:
    """Gives the settings of one machine from a step's plain values."""
    from meshlab.live.talos.settings import NodeSettings, UserVolume

    given = dict(settings["node"])
    given["user_volumes"] = [UserVolume(**volume) for volume in given["user_volumes"]]
    return NodeSettings(**_frozen(NodeSettings, given))


def _frozen(cls: type[Any], given: dict[str, Any]) -> dict[str, Any]:
    known = {f.name for f in fields(cls)}
    return {k: tuple(v) if isinstance(v, list) else v for k, v in given.items() if k in known}


def etcd_state(context: Context, address: str) -> str:
    """Gives the state of a control plane's etcd service (``Preparing``, ``Running``, …).

    Raises
    ------
    StepFailed
        The machine does not answer.
    """
    with talos_errors("looking at etcd"), context.connections.talos(address, timeout_s=LOOK_S) as client:
        service = client.service_list().get("etcd")
        return "none" if service is None else str(service.state)


def etcd_members(context: Context, address: str, *, insist: bool = False) -> list[Any]:
    """Gives the etcd members that one control plane lists; none where its etcd does not run.

    Raises
    ------
    StepFailed
        Nobody answers at that address, and the caller insists on an answer.
    """
    from meshlab.live.talos.errors import TalosError

    with context.connections.talos(address, timeout_s=LOOK_S) as client:
        try:
            return client.etcd_member_list()
        except TalosError as error:
            if insist and error.code in SILENCE:
                raise StepFailed(f"no answer from {address}", "retry", silent=True) from None
            return []


@operation("talos.ready-to-bootstrap")
class ReadyToBootstrap(Waiting):
    """Every control plane has its configuration, and its etcd waits for somebody to found the cluster."""

    patience = "machine_running"

    def look(self, context: Context) -> Probe:
        states = {address: etcd_state(context, address) for address in self.settings["control_plane"]}
        waiting = [a for a, state in states.items() if state not in ("Preparing", "Running")]
        if waiting:
            return Absent(
                f"etcd of {', '.join(waiting)} is not ready: " + ", ".join(states[a] for a in waiting)
            )
        return Found({"etcd": states})


@operation("talos.bootstrap")
class Bootstrap(Operation):
    """Founds the cluster's etcd, on one machine, once in the cluster's life.

    Nothing in Talos stops a second machine from founding a second cluster. So: the machine is chosen in the plan,
    every control plane must show an etcd that waits and no member list anywhere, and after an unclear answer only
    that same machine is asked again - it answers ALREADY_EXISTS if it is done (facts: live-bringup 1.9).
    """

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


@operation("talos.etcd-voters")
class EtcdVoters(Waiting):
    """All control planes are voters of one etcd: learners are promoted one at a time, and do not count before."""

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


@operation("talos.kubeconfig")
class Kubeconfig(Operation):
    """Fetches an admin kubeconfig into the strongbox."""

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


@operation("talos.mesh")
class Mesh(Waiting):
    """Every machine has an established KubeSpan tunnel to every other one."""

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


def peers_up(context: Context, address: str) -> tuple[int, float]:
    """Gives how many KubeSpan peers of a machine are up, and the Unix time of the newest handshake."""
    from meshlab.live.talos.resources import KUBESPAN_PEER_STATUS

    with talos_errors("looking at the mesh"), context.connections.talos(address, timeout_s=LOOK_S) as client:
        peers = client.list(KUBESPAN_PEER_STATUS)
    up = [peer for peer in peers if str(peer.data.get("state", "")) == "up"]
    return len(up), max((_handshake(peer) for peer in up), default=0.0)


def _handshake(peer: Any) -> float:
    stamp = getattr(peer.spec, "last_handshake_time", None)
    return float(stamp.seconds) if stamp is not None else 0.0


@operation("talos.reboot")
class Reboot(Operation):
    """Reboots one machine and waits until it is back with another boot id, which is noted before the call."""

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
