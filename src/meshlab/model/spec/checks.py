"""Whether a spec makes sense: one small function for each rule, each giving problems with their place."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterator

from meshlab.model.errors import Problem
from meshlab.model.near import near_names
from meshlab.model.spec import meant
from meshlab.model.spec.build import link_name
from meshlab.model.spec.doubt import Doubt
from meshlab.model.spec.found import Found
from meshlab.model.spec.places import Path
from meshlab.model.spec.schema import LinkSpec, Named, Spec

_UNNAMED = re.compile(r"unnamed\.part\.\d+")


def check(spec: Spec, place: Callable[[Path], tuple[int, int]], doubt: Doubt, file: str) -> list[Problem]:
    """Gives every problem of a spec whose shape is right, or has been put right.

    `place` gives line and column of a path. What rests on a value in `doubt` is left out: it may not be so.
    """
    problems: dict[tuple[int, int, str], Problem] = {}
    for rule in RULES:
        for found in rule(spec):
            if doubt.under(found.path) or any(doubt.touches(path) for path in found.rests_on):
                continue
            line, column = place(found.path)
            message = _UNNAMED.sub("this part", found.message)
            problem = Problem(file, line, column, message, found.hint)
            problems.setdefault((line, column, message), problem)
    return list(problems.values())


def _parts(spec: Spec) -> Iterator[tuple[Path, Named, str]]:
    """Every part that has a name: where it stands, the part, its kind."""
    for i, site in enumerate(spec.sites):
        yield ("sites", i), site, "site"
        for j, zone in enumerate(site.zones):
            yield ("sites", i, "zones", j), zone, "zone"
    for i, machine in enumerate(spec.machines):
        yield ("machines", i), machine, "machine"
    for i, link in enumerate(spec.links):
        yield ("links", i), link, "link"
    for key, part in (
        ("overlay", spec.overlay),
        ("discovery", spec.discovery),
        ("orchestrator", spec.orchestrator),
    ):
        if part:
            yield (key,), part, key
    for key, parts in (
        ("raft-groups", spec.raft_groups),
        ("services", spec.services),
        ("workloads", spec.workloads),
        ("groups", spec.groups),
        ("firewalls", spec.firewalls),
    ):
        for i, named in enumerate(parts):
            yield (key, i), named, key[:-1]


def _named(spec: Spec) -> Iterator[tuple[Path, str, str]]:
    """Every named part: where its name stands, the name, its kind."""
    for path, part, kind in _parts(spec):
        if isinstance(part, LinkSpec):
            yield path, part.name or link_name(*part.between), kind
        else:
            yield (*path, "name"), part.name, kind


_OPTIONAL = {
    "overlay": "overlay",
    "discovery": "discovery",
    "orchestrator": "orchestrator",
    "raft-group": "raft-groups",
    "service": "services",
    "workload": "workloads",
    "group": "groups",
    "firewall": "firewalls",
}


def names_are_unique(spec: Spec) -> Iterator[Found]:
    """A name means one component; scenarios and commands use it alone."""
    seen: dict[str, str] = {}
    for path, name, kind in _named(spec):
        if name in seen:
            yield Found(
                path,
                f"the name {name!r} is used twice, for "
                + (f"two {kind}s" if seen[name] == kind else f"a {seen[name]} and a {kind}"),
                "rename one of them",
            )
        seen.setdefault(name, kind)


def disks_are_told_apart(spec: Spec) -> Iterator[Found]:
    """A machine's disks are called by their names."""
    for i, machine in enumerate(spec.machines):
        for j, disk in enumerate(machine.disks):
            if any(disk.name == before.name for before in machine.disks[:j]):
                path: Path = ("machines", i, "disks", j, "name")
                yield Found(path, f"{machine.name} has two disks called {disk.name!r}", "rename one of them")


def references_are_known(spec: Spec) -> Iterator[Found]:
    """Every name that a part refers to is there, and is of a kind that fits."""
    kinds: dict[str, list[str]] = {}
    for _, name, kind in _named(spec):
        kinds.setdefault(name, []).append(kind)
    misnamed = {kind for found in kinds.values() if len(found) > 1 for kind in found}
    where: dict[str, list[Path]] = {kind: [(section,)] for kind, section in _OPTIONAL.items()}
    for named_path, _, kind in _named(spec):
        known_places = where.setdefault(kind, [])
        known_places[:] = [p for p in known_places if len(p) > 1] + [named_path]
    anywhere = tuple(path for paths in where.values() for path in paths)

    def look(path: Path, name: str | None, *fits: str) -> Iterator[Found]:
        if not name:
            return
        known = [n for n, found in kinds.items() if set(found) & set(fits)]
        if name not in kinds:
            if misnamed & set(fits):
                return  # a part has the name of another; this may be what it should have been called
            near = near_names(name, known or list(kinds))
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known[:20]) or 'none'}"
            rests_on = tuple(p for kind in fits for p in where.get(kind, []))
            yield Found(path, f"there is no {' or '.join(fits)} {name!r}", hint, rests_on)
        elif name not in known:
            yield Found(path, f"{name!r} is a {kinds[name][0]}, but a {' or '.join(fits)} is meant here", "")

    places = ("site", "zone", "machine")
    for i, machine in enumerate(spec.machines):
        yield from look(("machines", i, "site"), machine.site, "site")
        yield from look(("machines", i, "zone"), machine.zone, "zone")
    for i, link in enumerate(spec.links):
        for j, end in enumerate(link.between):
            yield from look(("links", i, "between", j), end, *places)
    if spec.overlay:
        yield from look(("overlay", "discovery"), spec.overlay.discovery, "discovery")
    if spec.discovery:
        yield from look(("discovery", "within"), spec.discovery.within, "orchestrator")
    for i, group in enumerate(spec.raft_groups):
        for j, voter in enumerate(group.voters):
            yield from look(("raft-groups", i, "voters", j), voter, "machine")
    for i, service in enumerate(spec.services):
        for j, member in enumerate(service.members):
            yield from look(("services", i, "members", j), member, "machine", "orchestrator", "overlay")
        for j, need in enumerate(service.needs):
            yield from look(
                ("services", i, "needs", j),
                need,
                "service",
                "raft-group",
                "overlay",
                "discovery",
                "orchestrator",
                "workload",
            )
    for i, workload in enumerate(spec.workloads):
        for j, name in enumerate(workload.machines):
            yield from look(("workloads", i, "machines", j), name, "machine")
        yield from look(("workloads", i, "group"), workload.group, "raft-group")
    for i, machine_group in enumerate(spec.groups):
        for j, name in enumerate(machine_group.machines):
            yield from look(("groups", i, "machines", j), name, "machine")
    for i, firewall in enumerate(spec.firewalls):
        for j, name in enumerate(firewall.machines):
            yield from look(("firewalls", i, "machines", j), name, "machine")
        for j, rule in enumerate(firewall.rules):
            for k, source in enumerate(rule.sources):
                if "/" not in source:
                    yield from look(
                        ("firewalls", i, "rules", j, "sources", k), source, "firewall", "site", "group"
                    )
    for i, edge in enumerate(spec.drawn):
        for key, name in (("source", edge.source), ("target", edge.target)):
            if name not in kinds:
                near = near_names(name, list(kinds))
                yield Found(
                    ("drawn", i, key),
                    f"there is no component {name!r}",
                    f"did you mean {near[0]!r}?" if near else "",
                    anywhere,
                )


def machines_have_a_place(spec: Spec) -> Iterator[Found]:
    """A machine is in a zone or, where a site has none, in the site."""
    zone_site = {zone.name: site.name for site in spec.sites for zone in site.zones}
    zoned = {site.name for site in spec.sites if site.zones}
    for i, machine in enumerate(spec.machines):
        path: Path = ("machines", i)
        given: tuple[Path, ...] = ((*path, "site"), (*path, "zone"))
        if not machine.site and not machine.zone:
            yield Found(path, f"{machine.name} is nowhere", "give it a `zone` or a `site`", given)
        elif machine.zone and machine.site and zone_site.get(machine.zone, machine.site) != machine.site:
            yield Found(
                (*path, "zone"),
                f"zone {machine.zone} is not in site {machine.site}",
                f"it is in {zone_site[machine.zone]}",
                given,
            )
        elif machine.site in zoned and not machine.zone:
            yield Found(
                (*path, "site"),
                f"site {machine.site} has zones, {machine.name} must be in one of them",
                "give its `zone`",
                given,
            )


def addresses_fit(spec: Spec) -> Iterator[Found]:
    """An address is used once and lies in the subnet of its place; cluster ranges do not overlap."""
    ranges = {site.name: site.network for site in spec.sites} | {
        zone.name: zone.subnet
        for site in spec.sites
        for zone in site.zones
        if zone.subnet and (not site.network or _within(zone.subnet, site.network))
    }
    seen: dict[str, str] = {}
    for i, machine in enumerate(spec.machines):
        if not machine.address:
            continue
        path: Path = ("machines", i, "address")
        is_first = machine.address not in seen
        if not is_first:
            yield Found(
                path,
                f"{machine.name} has the address of {seen[machine.address]}",
                "KubeSpan drops the later of two peers",
            )
        seen.setdefault(machine.address, machine.name)
        subnet = ranges.get(machine.zone or machine.site or "", "")
        if is_first and subnet and ipaddress.ip_address(machine.address) not in ipaddress.ip_network(subnet):
            yield Found(path, f"{machine.address} is not in {subnet} of {machine.zone or machine.site}", "")
    for i, site in enumerate(spec.sites):
        for j, zone in enumerate(site.zones):
            if zone.subnet and site.network and not _within(zone.subnet, site.network):
                yield Found(
                    ("sites", i, "zones", j, "subnet"),
                    f"{zone.subnet} is not in {site.network} of {site.name}",
                    "",
                )
        for key, other in (("pods", spec.networks.pods), ("services", spec.networks.services)):
            if site.network and _overlap(site.network, other):
                yield Found(
                    ("sites", i, "network"),
                    f"{site.network} overlaps the {key} network {other}",
                    "choose another range",
                    (("networks", key),),
                )


def _within(inner: str, outer: str) -> bool:
    a, b = ipaddress.ip_network(inner), ipaddress.ip_network(outer)
    return a.version == b.version and a.subnet_of(b)  # type: ignore[arg-type]


def _overlap(a: str, b: str) -> bool:
    first, second = ipaddress.ip_network(a), ipaddress.ip_network(b)
    return first.version == second.version and first.overlaps(second)


def raft_members_are_apart(spec: Spec) -> Iterator[Found]:
    """Two members of one raft group on one machine die together: the group is smaller than it looks."""
    for i, group in enumerate(spec.raft_groups):
        for machine, count in Counter(group.voters).items():
            if count > 1:
                j = [k for k, voter in enumerate(group.voters) if voter == machine][1]
                yield Found(
                    ("raft-groups", i, "voters", j),
                    f"{count} members of the raft group {group.name!r} are on one machine, {machine}",
                    "they would fail together; put each on a machine of its own",
                )
    for i, workload in enumerate(spec.workloads):
        repeated = [m for m, count in Counter(workload.machines).items() if count > 1]
        if workload.group and repeated:
            j = [k for k, m in enumerate(workload.machines) if m == repeated[0]][1]
            yield Found(
                ("workloads", i, "machines", j),
                f"two members of the raft group {workload.group!r} are on one machine, {repeated[0]}",
                "they would fail together; put each on a machine of its own",
            )


def raft_times_are_legal(spec: Spec) -> Iterator[Found]:
    """etcd refuses an election time-out under five heartbeats or over 50 s (embed/config.go Validate)."""
    for i, group in enumerate(spec.raft_groups):
        if group.engine != "etcd":
            continue
        heartbeat = 0.1 if group.heartbeat is None else group.heartbeat
        election = 1.0 if group.election is None else group.election
        path: Path = ("raft-groups", i, "election" if group.election is not None else "heartbeat")
        given: tuple[Path, ...] = tuple(
            ("raft-groups", i, key) for key in ("engine", "heartbeat", "election")
        )
        if heartbeat <= 0:
            yield Found(
                ("raft-groups", i, "heartbeat"),
                "a heartbeat interval must be over zero",
                "etcd's default is 100ms",
                given,
            )
        elif election < 5 * heartbeat:
            yield Found(
                path,
                f"election time-out {election:g} s is under five heartbeats of {heartbeat:g} s",
                "etcd will not start",
                given,
            )
        elif election > 50:
            yield Found(path, f"election time-out {election:g} s is over 50 s", "etcd will not start", given)


def replicas_have_machines(spec: Spec) -> Iterator[Found]:
    """As many machines as replicas: where each one's local volume is."""
    for i, workload in enumerate(spec.workloads):
        if len(workload.machines) != workload.replicas:
            yield Found(
                ("workloads", i, "replicas" if workload.replicas != 1 else "machines"),
                f"{workload.name} has {workload.replicas} replicas but {len(workload.machines)} machines",
                "name one machine for each replica",
                (("workloads", i, "replicas"), ("workloads", i, "machines")),
            )


def needs_are_acyclic(spec: Spec) -> Iterator[Found]:
    """What needs itself, by whatever way round, never starts."""
    needs: dict[str, tuple[str, ...]] = {s.name: s.needs for s in spec.services}
    paths: dict[str, Path] = {s.name: ("services", i, "needs") for i, s in enumerate(spec.services)}
    reported: set[frozenset[str]] = set()
    for start in needs:
        cycle = _cycle(start, needs)
        if cycle and frozenset(cycle) not in reported:
            reported.add(frozenset(cycle))
            yield Found(
                paths[start],
                f"cyclic dependency: {' -> '.join([*cycle, cycle[0]])}",
                "take one of the `needs` away",
            )


def _cycle(start: str, needs: dict[str, tuple[str, ...]]) -> list[str] | None:
    stack: list[tuple[str, list[str]]] = [(start, [start])]
    seen: set[str] = set()
    while stack:
        name, path = stack.pop()
        for need in needs.get(name, ()):
            if need == start:
                return path
            if need not in seen:
                seen.add(need)
                stack.append((need, [*path, need]))
    return None


def places_are_linked(spec: Spec) -> Iterator[Found]:
    """Two places with machines in them must be joined by a link, or nothing is known of the way between."""
    parent = {z.name: s.name for s in spec.sites for z in s.zones}
    known = {s.name for s in spec.sites} | set(parent) | {m.name for m in spec.machines}
    joined = {frozenset(link.between) for link in spec.links}
    if not all(set(link.between) <= known for link in spec.links):
        return
    zoned = set(parent.values())
    places = (m.zone or m.site or "" for m in spec.machines)
    used = sorted({place for place in places if place in known and place not in zoned})
    given: tuple[Path, ...] = tuple(("links", i, "between") for i in range(len(spec.links))) or (("links",),)
    for i, a in enumerate(used):
        for b in used[i + 1 :]:
            ups = [frozenset((x, y)) for x in (a, parent.get(a, a)) for y in (b, parent.get(b, b))]
            if not any(pair in joined for pair in ups):
                hint = f"add `- {{between: [{a}, {b}], latency: …}}`"
                yield Found(("links",), f"no link joins {a} and {b}", hint, given)


def failures_are_whole(spec: Spec) -> Iterator[Found]:
    """A time to repair belongs to a rate of failures, and an interval holds the value it belongs to."""
    for path, part, _ in _parts(spec):
        name = part.name or "this link"
        if part.fails is None:
            for key, given in (("repair", part.repair), ("fails-between", part.fails_between)):
                if given is not None:
                    yield Found(
                        (*path, key),
                        f"{name} has `{key}` but it is not said how often it fails",
                        "give `fails`, for example 0.1/y",
                        ((*path, "fails"),),
                    )
        elif part.fails_between is not None:
            low, high = part.fails_between
            if not low <= part.fails <= high:
                yield Found(
                    (*path, "fails-between"),
                    f"the interval of `fails` of {name} does not hold `fails` itself",
                    "write [low, high] with low <= fails <= high",
                    ((*path, "fails"),),
                )


RULES: tuple[Callable[[Spec], Iterator[Found]], ...] = (
    names_are_unique,
    disks_are_told_apart,
    references_are_known,
    machines_have_a_place,
    addresses_fit,
    raft_members_are_apart,
    raft_times_are_legal,
    replicas_have_machines,
    needs_are_acyclic,
    places_are_linked,
    failures_are_whole,
    *meant.RULES,
)
