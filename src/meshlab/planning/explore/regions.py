"""The control plane over three regions: sites, backbone links, longer ways to the data centre, longer timers."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from itertools import combinations

from meshlab.model import Distribution, InputError, Link, Reliability, Site, Topology, Zone
from meshlab.model.spec import data_file
from meshlab.planning.explore.control_plane import over_zones
from meshlab.planning.latency.timers import advised

YEAR = 31_557_600.0


@dataclass(frozen=True)
class Backbone:
    """The way between two regions: round trip in seconds (low, mid, high), failures a year, repair in seconds."""

    a: str
    b: str
    low: float
    mid: float
    high: float
    fails: float
    repair: float
    source: str

    @property
    def latency(self) -> Distribution:
        """One way: half the round trip, from its least to its greatest."""
        return Distribution.triangular(self.low / 2, self.mid / 2, self.high / 2, source=self.source)


def backbones() -> tuple[Backbone, ...]:
    """Gives the rows of ``data/regions.csv``."""
    with data_file("regions.csv").open(newline="", encoding="utf-8") as file:
        return tuple(_backbone_of(row) for row in csv.DictReader(file))


def _backbone_of(row: dict[str, str]) -> Backbone:
    low, mid, high = (float(row[key]) / 1000 for key in ("low", "mid", "high"))
    fails, repair = float(row["fails_per_year"]), float(row["repair_minutes"]) * 60
    return Backbone(row["a"], row["b"], low, mid, high, fails, repair, row["source"])


def over_regions(topology: Topology) -> Topology:
    """Gives the topology with the masters in three regions, one zone in each; etcd gets the timers that this needs.

    Every region fails as the spec's own does, its zone likewise, independently of each other; the data centre
    reaches a far region over its own way and the backbone behind it.
    """
    home = topology.control_plane[0].site
    ways = backbones()
    names = [home, *sorted({end for w in ways if home in (w.a, w.b) for end in (w.a, w.b)} - {home})][:3]
    if len(names) < 3:
        known = ", ".join(sorted({end for w in ways for end in (w.a, w.b)}))
        raise InputError.single(
            "zones=regions",
            f"data/regions.csv has no two other regions that {home} reaches",
            f"it knows {known}; add the round trips from {home}",
        )
    changed = over_zones(topology, 1)
    places = [changed.control_plane[0].zone]
    for number, name in enumerate(names[1:], 1):
        changed = _with_region(changed, home, name, number)
        places.append(f"{name}a")
    for position, machine in enumerate(changed.control_plane):
        zone = changed[places[position % 3]]
        assert isinstance(zone, Zone)
        moved = replace(machine, zone=zone.name, site=zone.site)
        if position % 3:
            moved = replace(moved, address=_address(zone.subnet, position))
        changed = changed.with_component(moved)
    for a, b in combinations(names, 2):
        changed = changed.with_component(_link(_backbone(ways, a, b)))
    for name in names[1:]:
        for link in topology.links:
            if home in (link.a, link.b) and link.a != link.b:
                changed = changed.with_component(_prolonged(link, home, name, _backbone(ways, home, name)))
    for group in changed.raft_groups:
        if group.engine == "etcd":
            heartbeat, election = advised(changed, group)
            changed = changed.with_component(replace(group, heartbeat=heartbeat, election=election))
    return changed


def _with_region(topology: Topology, home: str, name: str, number: int) -> Topology:
    site = topology[home]
    zone = next(z for z in topology.zones if z.site == home)
    assert isinstance(site, Site)
    network = f"10.{120 + number}.0.0/16"
    far = replace(site, name=name, region=name, network=network)
    first = replace(zone, name=f"{name}a", site=name, zone_id="", subnet=f"10.{120 + number}.1.0/24")
    return topology.with_component(far).with_component(first)


def _address(subnet: str, position: int) -> str:
    return subnet.rsplit(".", 1)[0] + f".{11 + position}"


def _backbone(ways: tuple[Backbone, ...], a: str, b: str) -> Backbone:
    return next(w for w in ways if {w.a, w.b} == {a, b})


def _link(way: Backbone) -> Link:
    repair = Distribution.lognormal(way.repair, 1.0)
    return Link(
        name=f"{way.a}--{way.b}",
        a=way.a,
        b=way.b,
        latency=way.latency,
        bandwidth=5e9,
        reliability=Reliability(way.fails / YEAR, repair, source=way.source),
        source=way.source,
    )


def _prolonged(link: Link, home: str, name: str, way: Backbone) -> Link:
    """The same access line; behind it the backbone to the far region."""
    other = link.b if link.a == home else link.a
    median = link.latency.quantile(0.5) + way.latency.quantile(0.5)
    latency = Distribution.lognormal(median, 0.1, source=f"{link.latency.source}; {way.source}")
    return replace(link, name=f"{name}--{other}", a=name, b=other, latency=latency)
