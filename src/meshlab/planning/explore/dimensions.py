"""What can be varied in a design: each dimension with its values, what it is today, and how it changes a topology."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from meshlab.model import InputError, MachineGroup, Problem, Topology
from meshlab.planning.explore import control_plane, data_centre, regions


@dataclass(frozen=True)
class Dimension:
    """One thing that can be chosen.

    ``today`` gives the value that a topology has (none where the dimension does not apply to it), ``change`` the
    topology with another value. Applying today's value changes nothing, unless the dimension ``says`` more than a
    spec does: then in which way.
    """

    name: str
    values: tuple[str, ...]
    today: Callable[[Topology], str | None]
    change: Callable[[Topology, str], Topology]
    meaning: str
    says: str = ""


def _masters_today(topology: Topology) -> str | None:
    return str(len(topology.control_plane)) if topology.control_plane else None


def _zones_today(topology: Topology) -> str | None:
    masters = topology.control_plane
    if not masters or not all(m.zone for m in masters):
        return None
    return "regions" if len({m.site for m in masters}) > 1 else str(len({m.zone for m in masters}))


def _zones(topology: Topology, value: str) -> Topology:
    if value == _zones_today(topology):
        return topology
    if value == "regions":
        return regions.over_regions(topology)
    return control_plane.over_zones(topology, int(value))


def _replicas_today(topology: Topology) -> str | None:
    nodes = data_centre.chains(topology)
    return str(max(w.replicas for w in nodes)) if nodes else None


def _switches_today(topology: Topology) -> str | None:
    """One switch for the site, unless the spec already says what its machines fail by."""
    if any(group.technology == "switch" for group in topology.of(MachineGroup)):
        return None
    return "shared" if any(site.place == "datacentre" for site in topology.sites) else None


def _disk_today(topology: Topology) -> str | None:
    media = {d.medium for m in topology.control_plane for d in m.disks if d.medium in ("gp3", "io2")}
    return media.pop() if len(media) == 1 else None


def _spares_today(topology: Topology) -> str | None:
    """Workers that nothing runs on."""
    if not data_centre.chains(topology):
        return None
    busy = {name for w in topology.workloads for name in w.machines}
    return str(sum(m.name not in busy for m in topology.workers))


DIMENSIONS = {
    d.name: d
    for d in (
        Dimension("masters", ("3", "5"), _masters_today, control_plane.masters, "control-plane machines"),
        Dimension(
            "zones", ("1", "3", "regions"), _zones_today, _zones, "zones, or regions, under the masters"
        ),
        Dimension(
            "disk", ("gp3", "io2"), _disk_today, control_plane.system_disk, "the masters' system disks"
        ),
        Dimension(
            "vault",
            ("masters", "workers"),
            data_centre.vault_today,
            data_centre.vault_on,
            "where Vault's pods run",
        ),
        Dimension(
            "chain-replicas",
            ("1", "2"),
            _replicas_today,
            data_centre.chain_replicas,
            "nodes of each chain, each on a machine of its own",
        ),
        Dimension(
            "worker-memory",
            ("1x", "1.5x", "2x"),
            lambda topology: "1x" if data_centre.chains(topology) else None,
            data_centre.worker_memory,
            "memory of the workers that carry chain nodes, in times of what the spec says",
        ),
        Dimension(
            "spare-workers",
            ("0", "1", "2"),
            _spares_today,
            data_centre.spare_workers,
            "idle machines to which a chain node can move",
        ),
        Dimension(
            "uplink",
            ("1Gbps", "10Gbps"),
            data_centre.uplink_today,
            data_centre.uplink,
            "the data centre's uplink",
        ),
        Dimension(
            "tor",
            ("shared", "own"),
            _switches_today,
            data_centre.switches,
            "the workers' switch: one for all, or one each",
            says="a spec has the switch as a link of the data centre to itself, which costs nothing and parts machines "
            "from each other; as a device it is bought, and what hangs on it is down with it",
        ),
    )
}
"""In the order in which they are applied: machines first, then what is decided over all of them."""


_DEFAULT = {"spare-workers": 2, "uplink": 0, "worker-memory": 0}
"""How many of a dimension's values the default set tries, where not all; where none, a rejection names it."""


def dimensions(topology: Topology, varied: Iterable[str] = ()) -> dict[str, tuple[str, ...]]:
    """Gives the dimensions to vary with their values, from ``NAME=VALUE,VALUE`` words; all that apply if none is given.

    Raises
    ------
    InputError
        A dimension or value that there is not, with the nearest that there is; or one that does not apply.
    """
    chosen: dict[str, tuple[str, ...]] = {}
    problems: list[Problem] = []
    for word in varied:
        name, found = _read(word, problems)
        if name:
            chosen[name] = tuple(dict.fromkeys((*chosen.get(name, ()), *found)))
    for name in chosen:
        if DIMENSIONS[name].today(topology) is None:
            hint = "leave it out"
            problems.append(
                Problem(f"--vary {name}", 0, 0, f"{topology.name} has nothing that it changes", hint)
            )
    if problems:
        raise InputError(problems)
    if chosen:
        return {name: chosen[name] for name in DIMENSIONS if name in chosen}
    return {
        name: d.values[: _DEFAULT.get(name)]
        for name, d in DIMENSIONS.items()
        if _DEFAULT.get(name) != 0 and _applies(d, topology)
    }


def _read(word: str, problems: list[Problem]) -> tuple[str, tuple[str, ...]]:
    where = f"--vary {word}"
    name, sign, values = word.partition("=")
    if name not in DIMENSIONS:
        near = get_close_matches(name, DIMENSIONS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(DIMENSIONS)}"
        problems.append(Problem(where, 0, 0, f"there is no dimension {name!r}", hint))
        return "", ()
    known = DIMENSIONS[name].values
    found = tuple(value.strip() for value in values.split(",") if value.strip())
    if not sign or not found:
        problems.append(Problem(where, 0, 0, "no values", f"write {name}={','.join(known)}"))
        return "", ()
    for value in found:
        if value not in known:
            near = get_close_matches(value, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"{name} can be {', '.join(known)}"
            problems.append(Problem(where, 0, 0, f"{name} cannot be {value!r}", hint))
    return name, tuple(value for value in found if value in known)


def _applies(dimension: Dimension, topology: Topology) -> bool:
    """Whether the default set varies it: there is something to change, and the place that it needs."""
    if dimension.today(topology) is None:
        return False
    try:
        for value in dimension.values:
            dimension.change(topology, value)
    except InputError:
        return False
    return True
