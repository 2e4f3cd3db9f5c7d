"""What a person asks for, as a setting; who measures it; and the result as a text for people."""

from __future__ import annotations

from typing import Any

from meshlab.model.units import UnitError, parse
from meshlab.validation.setting import CannotValidate, Setting

_TIMERS = {"etcd": ("100ms", "1s", "10ms"), "vault": ("5s", "5s", "50ms"), "api": ("100ms", "1s", "10ms")}
"""Heartbeat, election and polling unless told otherwise: etcd's and Vault's own defaults."""
NO_MESH = (
    "mesh: nothing of KubeSpan can be held against the real thing here. Its peer states come out of WireGuard "
    "handshakes between kernels, which need root and a network namespace per machine; the machines of "
    "`meshlab emulate` run our own code for them, so comparing the simulator with those would only compare us with "
    "ourselves. What the model takes from Talos and WireGuard is in the parameters table, each constant with its source"
)


def setting_of(system: str, **told: Any) -> Setting:
    """Gives the setting that the options describe; durations are texts with a unit.

    Raises
    ------
    CannotValidate
        An option is wrong, or the system cannot be validated at all.
    """
    if system == "mesh":
        raise CannotValidate(NO_MESH)
    heartbeat, election, poll = _TIMERS[system]
    filled = {"heartbeat": heartbeat, "election": election, "poll": poll}
    for name in ("link_delay", "jitter", "heartbeat", "election", "poll", "client_timeout"):
        text = told[name] or filled.get(name, "0s")
        try:
            told[name] = parse(text, "duration")
        except UnitError as error:
            raise CannotValidate(f"--{name.replace('_', '-')} {text}: {error}") from error
    return Setting(system=system, **told)


async def document_of(setting: Setting) -> dict[str, Any]:
    """Measures, simulates and compares."""
    from meshlab.validation.cell import run_cell

    return await run_cell(setting)
