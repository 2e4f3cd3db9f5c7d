"""Writing a Topology back as a spec file that `load` reads to the same Topology."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from io import StringIO
from typing import Any

from meshlab.model import components as c
from meshlab.model.distribution import Distribution
from meshlab.model.topology import Topology

_SECTIONS: dict[type[c.Component], str] = {
    c.Site: "sites",
    c.Machine: "machines",
    c.Link: "links",
    c.Overlay: "overlay",
    c.Discovery: "discovery",
    c.Orchestrator: "orchestrator",
    c.RaftGroup: "raft-groups",
    c.Service: "services",
    c.Workload: "workloads",
    c.MachineGroup: "groups",
    c.Firewall: "firewalls",
}
_SINGLE = {"overlay", "discovery", "orchestrator"}
_DURATIONS = {"latency", "boot", "fsync", "repair", "heartbeat", "election", "lease"}


def document(topology: Topology) -> dict[str, Any]:
    """Gives the spec as plain data, in the order people read it in."""
    data: dict[str, Any] = {"meshlab": "v1", "name": topology.name}
    for key, part in (("versions", _part(topology.versions)), ("networks", _part(topology.networks))):
        if part:
            data[key] = part
    for cls, section in _SECTIONS.items():
        parts = [_component(topology, component) for component in topology.of(cls)]
        if parts:
            data[section] = parts[0] if section in _SINGLE else parts
    if topology.drawn:
        data["drawn"] = [_part(edge) for edge in topology.drawn]
    return data


def dump(topology: Topology, comments: Mapping[str, str] | None = None) -> str:
    """Gives the spec as YAML text; `comments` stand before the section that they are keyed by.

    What is not known of a component (`gaps`, each ``field: why``) is explained in a comment at that field.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

    yaml = YAML()
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    root = CommentedMap(document(topology))
    for section, value in root.items():
        root[section] = _explained(value, 2 if isinstance(value, dict) else 4)
    for key, text in (comments or {}).items():
        if key in root:
            root.yaml_set_comment_before_after_key(key, before=text)
    stream = StringIO()
    yaml.dump(root, stream)
    return stream.getvalue()


def _explained(value: Any, indent: int) -> Any:
    """The same data, with a comment at each field that a gap names."""
    from ruamel.yaml.comments import CommentedMap

    if isinstance(value, list):
        return [_explained(item, indent) for item in value]
    if not isinstance(value, dict):
        return value
    part = CommentedMap({key: _explained(item, indent + 4) for key, item in value.items()})
    for gap in part.get("gaps", ()):
        field, _, why = str(gap).partition(": ")
        key = field if field in part and field != "name" else "gaps"
        told = why if key == field else gap
        before = part.ca.items.get(key, [None, None])[1] or []
        text = "\n".join([*(token.value.strip().lstrip("# ") for token in before), f"gap: {told}"])
        if key in part.ca.items:
            part.ca.items.pop(key)
        part.yaml_set_comment_before_after_key(key, before=text, indent=indent)
    return part


def _component(topology: Topology, component: c.Component) -> dict[str, Any]:
    part = _part(component)
    match component:
        case c.Site():
            zones = [_part(zone) for zone in topology.zones if zone.site == component.name]
            for zone in zones:
                zone.pop("site")
            if zones:
                part["zones"] = zones
        case c.Machine() if component.zone:
            part.pop("site")
        case c.Link():
            ends = [part.pop("a"), part.pop("b")]
            named = {} if component.name == f"{ends[0]}--{ends[1]}" else {"name": component.name}
            part.pop("name")
            part = {**named, "between": ends, **part}
    return part


def _part(value: Any) -> dict[str, Any]:
    """A part by its keys: the name first, how it fails and where that is known from at the end."""
    data: dict[str, Any] = {}
    last: dict[str, Any] = {}
    for field in fields(value):
        given = getattr(value, field.name)
        if field.name == "reliability":
            last.update(_reliability(given))
        elif given not in ("", (), None) and not (field.name != "name" and given == field.default):
            known = last if field.name in ("source", "gaps") and "name" in data else data
            known[field.name.replace("_", "-")] = _value(field.name, given)
    return data | last


def _reliability(given: c.Reliability | None) -> dict[str, Any]:
    if given is None:
        return {}
    data: dict[str, Any] = {"fails": _frequency(given.rate)}
    if (given.low, given.high) != (given.rate, given.rate):
        data["fails-between"] = [_frequency(given.low), _frequency(given.high)]
    data["repair"] = _distribution(given.repair)
    return data


def _frequency(per_second: float) -> str:
    return f"{per_second * 31557600:.12g}/y"


def _seconds(value: float) -> str:
    return f"{value * 1000:.12g}ms" if 0 < value < 1 else f"{value:.12g}s"


def _distribution(d: Distribution) -> Any:
    forms = {
        "constant": {},
        "uniform": {"low": d.a, "high": d.b},
        "lognormal": {"median": d.a, "sigma": d.b},
        "exponential": {"mean": d.a},
        "triangular": {"low": d.a, "mode": d.b, "high": d.c},
        "gamma": {"mean": d.a, "shape": d.b},
    }
    if d.kind == "constant":
        return _seconds(d.a)
    data: dict[str, Any] = {
        k: (v if k in ("sigma", "shape") else _seconds(v)) for k, v in forms[d.kind].items()
    }
    return data | ({"source": d.source} if d.source else {})


def _size(count: float) -> str:
    for unit, factor in (("TiB", 2.0**40), ("TB", 1e12), ("GiB", 2.0**30), ("GB", 1e9), ("MiB", 2.0**20)):
        if count >= factor and f"{count / factor:.6g}" == repr(count / factor).removesuffix(".0"):
            return f"{count / factor:.6g}{unit}"
    return f"{count:.15g}B"


def _value(name: str, given: Any) -> Any:
    if isinstance(given, Distribution):
        return _distribution(given)
    if name in _DURATIONS:
        return _seconds(given)
    if name in ("memory", "size", "storage", "endurance"):
        return _size(given)
    if name in ("bandwidth", "network_rate"):
        return f"{given:.15g}bps"
    if name == "ports":
        return given[0] if given[0] == given[1] else f"{given[0]}-{given[1]}"
    if isinstance(given, tuple):
        return [_part(item) if hasattr(item, "__dataclass_fields__") else item for item in given]
    return given
