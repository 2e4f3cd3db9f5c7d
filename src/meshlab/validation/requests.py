"""What a person asks for, as a setting; who measures it; and the result as a text for people."""

from __future__ import annotations

from typing import Any

from meshlab.emulate import binaries
from meshlab.model.units import UnitError, parse
from meshlab.validation.setting import CannotValidate, Setting

_TIMERS = {"etcd": ("100ms", "1s", "10ms"), "vault": ("5s", "5s", "50ms")}
"""Heartbeat, election and polling unless told otherwise: etcd's and Vault's own defaults."""
NO_MESH = (
    "mesh: nothing of KubeSpan can be held against the real thing here. Its peer states come out of WireGuard "
    "handshakes between kernels, which need root and a network namespace per machine; the machines of "
    "`meshlab emulate` run our own code for them, so comparing the simulator with those would only compare us with "
    "ourselves. What the model takes from Talos and WireGuard is in the parameters table, each constant with its source"
)

NO_API = (
    "api: a real kube-apiserver was found, but the simulator has no model of a single API write to hold against it "
    "(its control plane layer knows when the API is up, not what one request meets); "
    "`meshlab validate etcd --measure outage` measures the same fault one layer below"
)


def setting_of(system: str, **told: Any) -> Setting:
    """Gives the setting that the options describe; durations are texts with a unit.

    Raises
    ------
    CannotValidate
        An option is wrong, or the system cannot be validated at all.
    MissingBinary
        The program to validate against is not installed.
    """
    if system == "mesh":
        raise CannotValidate(NO_MESH)
    if system == "api":
        binaries.find("kube-apiserver")
        raise CannotValidate(NO_API)
    heartbeat, election, poll = _TIMERS[system]
    filled = {"heartbeat": heartbeat, "election": election, "poll": poll}
    for name in ("link_delay", "jitter", "heartbeat", "election", "poll", "client_timeout"):
        text = told[name] or filled.get(name, "0s")
        try:
            told[name] = parse(text, "duration")
        except UnitError as error:
            raise CannotValidate(f"--{name.replace('_', '-')} {text}: {error}") from error
    return Setting(system=system, **told)
