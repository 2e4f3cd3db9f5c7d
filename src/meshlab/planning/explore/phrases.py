"""A design's choices as a person would say them: "one spare worker" for ``spare-workers=1``."""

from __future__ import annotations

from collections.abc import Callable

from meshlab.planning.explore.exploration import Exploration, Explored

_NUMBERS = {"0": "no", "1": "one", "2": "two", "3": "three", "4": "four", "5": "five"}


def _count(noun: str) -> Callable[[str], str]:
    return lambda value: f"{_NUMBERS.get(value, value)} {noun}{'' if value == '1' else 's'}"


_PHRASES: dict[str, Callable[[str], str]] = {
    "masters": _count("control-plane machine"),
    "zones": lambda value: (
        "the control plane over three regions"
        if value == "regions"
        else f"the control plane over {_count('zone')(value)}"
    ),
    "disk": lambda value: f"{value} system disks for the control plane",
    "vault": lambda value: f"Vault on the {value}",
    "chain-replicas": lambda value: f"{_count('node')(value)} of each chain",
    "worker-memory": lambda value: (
        f"{value.removesuffix('x')} times the memory in the workers that carry chains"
    ),
    "spare-workers": _count("spare worker"),
    "uplink": lambda value: f"an uplink of {value.removesuffix('Gbps')} Gbps",
    "tor": lambda value: "a switch for each worker" if value == "own" else "one switch for all workers",
}


def phrase(found: Exploration, one: Explored) -> str:
    """Gives what a design changes of today's, in words, with its options in brackets; today's is "as it is"."""
    now = found.base.design.choices
    changed = {name: value for name, value in one.design.choices.items() if now[name] != value}
    if not changed:
        return "the design as it is"
    said = ", ".join(_PHRASES[name](value) for name, value in changed.items())
    return f"{said} ({', '.join(f'{name}={value}' for name, value in changed.items())})"
