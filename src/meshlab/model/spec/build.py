"""From a validated spec to a Topology."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from meshlab.model import components as c
from meshlab.model.spec import schema as s
from meshlab.model.topology import Topology

# hashicorp/raft in Vault and OpenBao: base values 1 s, 1 s, 0.5 s times performance_multiplier 5
# (parameters.csv C.vault, read in the servers' sources); etcd: 100 ms and 1 s (A.etcd).
_ENGINE_TIMES = {"etcd": (0.1, 1.0, 0.0), "hashicorp": (5.0, 5.0, 2.5)}


def topology(spec: s.Spec, origin: str = "") -> Topology:
    """Gives the Topology that a spec describes; its references have been checked before."""
    return Topology(
        name=spec.name,
        components=tuple(_components(spec)),
        drawn=tuple(c.DrawnEdge(e.source, e.target, e.label, e.both) for e in spec.drawn),
        versions=c.Versions(**spec.versions.model_dump()),
        networks=c.Networks(**spec.networks.model_dump()),
        origin=origin,
    )


def _components(spec: s.Spec) -> Iterator[c.Component]:
    zone_site = {zone.name: site.name for site in spec.sites for zone in site.zones}
    for site in spec.sites:
        yield _make(c.Site, site)
        yield from (_make(c.Zone, zone, site=site.name) for zone in site.zones)
    for machine in spec.machines:
        site_name = machine.site or zone_site[machine.zone or ""]
        disks = tuple(c.Disk(**dict(disk)) for disk in machine.disks)
        yield _make(c.Machine, machine, site=site_name, zone=machine.zone or "", disks=disks)
    for link in spec.links:
        a, b = link.between
        yield _make(c.Link, link, name=link.name or link_name(a, b), a=a, b=b)
    if spec.overlay:
        yield _make(c.Overlay, spec.overlay, discovery=spec.overlay.discovery or "")
    if spec.discovery:
        yield _make(c.Discovery, spec.discovery, within=spec.discovery.within or "")
    if spec.orchestrator:
        yield _make(c.Orchestrator, spec.orchestrator)
    for group in spec.raft_groups:
        heartbeat, election, lease = _ENGINE_TIMES[group.engine]
        yield _make(
            c.RaftGroup,
            group,
            heartbeat=heartbeat if group.heartbeat is None else group.heartbeat,
            election=election if group.election is None else group.election,
            lease=lease if group.lease is None else group.lease,
        )
    yield from (_make(c.Service, service) for service in spec.services)
    for workload in spec.workloads:
        yield _make(c.Workload, workload, group=workload.group or "")
    yield from (_make(c.MachineGroup, group) for group in spec.groups)
    for firewall in spec.firewalls:
        rules = tuple(c.FirewallRule(r.protocol, r.ports, r.sources, r.reason) for r in firewall.rules)
        yield _make(c.Firewall, firewall, rules=rules)


def link_name(a: str, b: str) -> str:
    """Gives a link's name where the spec has none: ``us-east-1--dc-1``."""
    return f"{a}--{b}"


def _make(cls: type[Any], part: s.Named, **override: Any) -> Any:
    known = {f.name for f in fields(cls)}
    given = {name: getattr(part, name) for name in type(part).model_fields if name in known}
    given["reliability"] = part.reliability()
    return cls(**{**given, **override})
