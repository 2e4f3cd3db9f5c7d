"""A machine's configuration: waited for, applied, compared, taken away."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from meshlab.live.secret import Secret
from meshlab.provision.systems.context import Context
from meshlab.provision.systems.interface import Operation, Waiting
from meshlab.provision.systems.outcome import Absent, Found, Probe, Result, StepFailed, Unreachable
from meshlab.provision.systems.talos.calls import answers, bundle, talos_errors
from meshlab.provision.systems.talos.group import _patiently

CONFIG = "/system/state/config.yaml"
"""Where a machine keeps its configuration; `talosctl read` gives it to an administrator."""


class WaitsForConfig(Waiting):
    """The machine has booted and waits in maintenance mode, or has its configuration already."""

    name = "talos.waits-for-config"
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


class ApplyConfiguration(Operation):
    """Sends a machine its configuration in maintenance mode, and sees it come back with the cluster's certificates."""

    name = "talos.config"
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
    from meshlab.provision.systems.talos.config_drift import config_drift

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


OPERATIONS = (
    WaitsForConfig,
    ApplyConfiguration,
)
