"""What a person asks for, as a setting; who measures it; and the result as a text for people."""

from __future__ import annotations

from typing import Any

from meshlab.emulate.processes import binaries
from meshlab.model.units import UnitError, parse
from meshlab.validation.setting import CannotValidate, Setting

_USUAL: dict[str, dict[str, str]] = {
    "etcd": {"heartbeat": "100ms", "election": "1s", "poll": "10ms", "client_timeout": "1s", "cut": "0s"},
    "vault": {"heartbeat": "5s", "election": "5s", "poll": "50ms", "client_timeout": "1s", "cut": "0s"},
    "api": {"heartbeat": "100ms", "election": "1s", "poll": "10ms", "client_timeout": "10s", "cut": "0s"},
    "mesh": {"heartbeat": "100ms", "election": "1s", "poll": "100ms", "client_timeout": "1s", "cut": "200s"},
}
"""Durations unless told otherwise: etcd's, Vault's and KubeSpan's own defaults where they have any."""
_MEASURE = {"etcd": "leadership", "vault": "leadership", "api": "outage", "mesh": "traffic"}
_FAULT = {"mesh": "partition"}
_MEANS_NOTHING = {
    "vault": ("clients", "client_timeout"),
    "api": ("clients",),
    "mesh": ("members", "heartbeat", "election", "clients", "client_timeout"),
}
_NEEDS = {"etcd": ("etcd",), "vault": ("bao",), "api": ("etcd",), "mesh": ()}


def setting_of(system: str, **told: Any) -> Setting:
    """Gives the setting that the options describe; durations are texts with a unit.

    Raises
    ------
    CannotValidate
        An option is wrong.
    MissingBinary
        The program to validate against is not installed.
    """
    usual = _USUAL[system]
    _refuse_idle(system, told)
    for name in ("link_delay", "jitter", *usual):
        text = told.get(name) or usual.get(name, "0s")
        try:
            told[name] = parse(text, "duration")
        except UnitError as error:
            raise CannotValidate(f"--{name.replace('_', '-')} {text}: {error}") from error
    told["measure"] = told.get("measure") or _MEASURE[system]
    told["fault"] = told.get("fault") or _FAULT.get(system, "kill")
    told["members"] = 2 if system == "mesh" else 3 if told.get("members") is None else told["members"]
    told["clients"] = 1 if told.get("clients") is None else told["clients"]
    told["server"] = told.get("server") or ""
    if system == "api":
        told["server"] = _server(told["server"])
    for program in _NEEDS[system]:
        binaries.find(program)
    return Setting(system=system, **told)


def _refuse_idle(system: str, told: dict[str, Any]) -> None:
    """Raises where an option was told that would change nothing."""
    for name in _MEANS_NOTHING.get(system, ()):
        if told.get(name) not in (None, ""):
            raise CannotValidate(f"--{name.replace('_', '-')} means nothing for {system}; leave it out")
    if told.get("clients") is not None and told.get("measure") != "commit":
        raise CannotValidate("--clients is for --measure commit; leave it out elsewhere")


def _server(asked: str) -> str:
    """The API server that was asked for; unless told, the real one if it is there."""
    from meshlab.emulate.kubernetes.real.server import available

    if asked == "kube-apiserver":
        binaries.find(asked)
    return asked or ("kube-apiserver" if available() is not None else "stand-in")
