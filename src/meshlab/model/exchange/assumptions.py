"""What a drawing does not say, filled in from the reference cluster, each assumption marked where it is made."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Any, TypeVar

from meshlab.model import components as c
from meshlab.model.errors import InputError
from meshlab.model.exchange.drawing import DrawnMachine, DrawnSite, Meaning
from meshlab.model.exchange.mermaid import Flowchart
from meshlab.model.topology import Topology

C = TypeVar("C", bound=c.Component)
_LIKE = "assumed as in meshlab's reference cluster"


class Words:
    """The prose of a design document, asked by what it states."""

    def __init__(self, text: str) -> None:
        self.text = re.sub(r"\s+", " ", text.replace("\u2011", "-").replace("\u2013", "-"))

    def prefix(self) -> int:
        """The prefix length claimed for the overlay: 24 in "a single, private /24 overlay"."""
        match = re.search(r"/(\d{1,3})\s+(?:overlay|mesh|network|subnet)", self.text)
        return int(match[1]) if match and int(match[1]) <= 128 else 0

    def say(self, pattern: str) -> bool:
        return bool(re.search(pattern, self.text, re.IGNORECASE))


def complete(chart: Flowchart, meaning: Meaning, words: Words, name: str, origin: str) -> Topology:
    """Gives a valid topology: what is drawn and said as it is, the rest assumed and named in `gaps`."""
    from meshlab.model.spec import reference

    return _Completion(chart, meaning, words, reference()).run(name, origin)


def _assumed(template: C, name: str, gaps: list[str], **said: Any) -> C:
    """A component like the template, under another name, with what is said of it and what is not."""
    return replace(template, name=name, gaps=tuple(gaps), **said)


class _Completion:
    def __init__(self, chart: Flowchart, meaning: Meaning, words: Words, like: Topology) -> None:
        self.chart = chart
        self.meaning = meaning
        self.words = words
        self.like = like
        self.sites = sorted(meaning.sites.values(), key=lambda site: (not site.cloud, site.line))
        self.masters = tuple(m.name for m in meaning.machines if m.role == "control-plane")

    def run(self, name: str, origin: str) -> Topology:
        zones = self._zones()
        components: list[c.Component] = []
        for site in self.sites:
            components += self._site(self._number(site.name), site, zones)
        components += self._machines(zones)
        components += self._links(zones)
        components += [self._overlay(), self._discovery()]
        if self.meaning.orchestrator:
            components.append(self._orchestrator())
        components += self._raft_groups()
        components += self._services()
        components += self._workloads()
        components += self._groups()
        drawn = tuple(
            c.DrawnEdge(
                self.meaning.names[e.source], self.meaning.names[e.target], _one_line(e.label), e.both
            )
            for e in self.chart.edges
            if not e.dotted and {e.source, e.target} <= set(self.meaning.names)
        )
        known = {component.name for component in components}
        for called, count in Counter(component.name for component in components).items():
            if count > 1:
                raise InputError.single(
                    origin,
                    f"{count} parts of the drawing would be called {called!r}",
                    "rename all but one",
                )
        drawn = tuple(edge for edge in drawn if {edge.source, edge.target} <= known)
        return Topology(name=name, components=tuple(components), drawn=drawn, origin=origin)

    def _zones(self) -> dict[str, str]:
        """The zone of each machine in a cloud: the drawn one, else one after another."""
        zones: dict[str, str] = {}
        for site in (s for s in self.sites if s.cloud):
            here = [m for m in self.meaning.machines if m.site == site.name]
            for i, machine in enumerate(here):
                zones[machine.name] = machine.zone or f"{site.name}{'abc'[i % 3]}"
        return zones

    def _site(self, number: int, site: DrawnSite, zones: dict[str, str]) -> list[c.Component]:
        like = next(s for s in self.like.sites if (s.place == "aws-region") == site.cloud)
        network = f"10.{20 + number}.0.0/16" if site.cloud else f"10.{40 + number}.0.0/16"
        gaps = [
            f"network: the design gives no address ranges; {network} is assumed",
            f"fails: the design gives no failure rates; {_LIKE}",
            "firewall: the design gives no inbound rules (UDP 51820, TCP 6443, TCP 50000); none are written here",
        ]
        if not site.line:
            gaps.append("site: the drawing has no frame for it; machines without one are put here")
        region = site.name if site.cloud else ""
        made: list[c.Component] = [_assumed(like, site.name, gaps, region=region, network=network)]
        zone_like = self.like.zones[0]
        for k, zone in enumerate(sorted({zones[m.name] for m in self._in(site) if m.name in zones}), 1):
            subnet = f"10.{20 + number}.{k}.0/24"
            zone_gaps = [
                f"subnet: the design gives no address ranges; {subnet} is assumed",
                f"fails: the design gives no failure rates; {_LIKE}",
            ]
            made.append(_assumed(zone_like, zone, zone_gaps, site=site.name, zone_id="", subnet=subnet))
        return made

    def _number(self, name: str) -> int:
        """Which of the clouds, or of the data centres, a site is."""
        cloud = next(site.cloud for site in self.sites if site.name == name)
        return [site.name for site in self.sites if site.cloud == cloud].index(name)

    def _in(self, site: DrawnSite) -> list[DrawnMachine]:
        return [m for m in self.meaning.machines if m.site == site.name]

    def _machines(self, zones: dict[str, str]) -> list[c.Component]:
        used: dict[str, int] = {}
        made: list[c.Component] = []
        for drawn in self.meaning.machines:
            zone, number = zones.get(drawn.name, ""), self._number(drawn.site)
            place = zone or drawn.site
            used[place] = used.get(place, 10) + 1
            if zone:
                subnets = sorted({zones[m.name] for m in self.meaning.machines if m.site == drawn.site})
                address = f"10.{20 + number}.{1 + subnets.index(zone)}.{used[place]}"
            else:
                address = f"10.{40 + number}.{used[place] // 250}.{used[place] % 250}"
            made.append(self._machine(drawn, zone, address))
        return made

    def _machine(self, drawn: DrawnMachine, zone: str, address: str) -> c.Machine:
        like = self._machine_like(drawn, zone)
        gaps = [f"address: the design gives no addresses; {address} is assumed"]
        if zone:
            gaps.append(f"instance-type: the design names none; {like.instance_type}, {_LIKE}")
            gaps.append(
                "public-address: the design does not say; a peer behind NAT must reach UDP 51820, so yes"
            )
            if not drawn.zone:
                gaps.append(f"zone: the drawing names none; {zone} is assumed")
        else:
            gaps.append(
                "nat: the design does not say how peers outside reach UDP 51820 here; behind NAT is assumed"
            )
        gaps += [
            f"cores: the design gives no cores or memory; {_LIKE}",
            f"disks: the design gives no sizes; {_LIKE}",
            f"boot: the design does not say how long a boot takes; {_LIKE}",
            f"fails: the design gives no failure rates; {_LIKE}",
        ]
        return _assumed(like, drawn.name, gaps, role=drawn.role, site=drawn.site, zone=zone, address=address)

    def _machine_like(self, drawn: DrawnMachine, zone: str) -> c.Machine:
        if zone:
            return self.like.control_plane[0]
        for workload in self.like.workloads:
            if workload.role in drawn.chains:
                return self.like.machine(workload.machines[0])
        return self.like.workers[-1]

    def _links(self, zones: dict[str, str]) -> list[c.Component]:
        made: list[c.Component] = []
        for site in self.sites:
            inside = sorted({zones[m.name] for m in self._in(site) if m.name in zones}) or [site.name]
            pairs = [(a, b) for i, a in enumerate(inside) for b in inside[i + 1 :]] if site.cloud else []
            made += [self._link(a, b, self.like.links[0]) for a, b in pairs]
            if not site.cloud or len(inside) == 1:
                within = next(link for link in self.like.links if link.a == link.b)
                made.append(self._link(inside[0], inside[0], within))
        wan = self.like.links[-1]
        for i, one in enumerate(self.sites):
            made += [self._link(one.name, other.name, wan) for other in self.sites[i + 1 :]]
        return made

    def _link(self, a: str, b: str, like: c.Link) -> c.Link:
        drawn = next(
            (
                float(match[1])
                for edge in self.chart.edges
                if {self.meaning.names.get(edge.source), self.meaning.names.get(edge.target)} == {a, b}
                and (match := re.match(r"link (\d+(?:\.\d+)?) ms", edge.label))
            ),
            None,
        )
        gaps = [
            f"bandwidth: the design gives no bandwidth, loss or MTU; {_LIKE}",
            f"fails: the design gives no failure rates; {_LIKE}",
        ]
        latency = like.latency
        if drawn is None:
            median = latency.quantile(0.5) * 1000
            gaps.insert(0, f"latency: the design gives none; {median:.3g} ms one way, {_LIKE}")
        else:
            latency = replace(latency, a=drawn / 1000, source="drawn")
        return _assumed(like, f"{a}--{b}", gaps, a=a, b=b, latency=latency)

    def _overlay(self) -> c.Overlay:
        gaps = ["mtu: the design gives none; KubeSpan's default of 1420 is assumed"]
        if not self.meaning.overlay and not self.words.say("kubespan|wireguard"):
            gaps.append("overlay: the design names none; KubeSpan is assumed")
        return c.Overlay(
            name="kubespan",
            discovery="discovery",
            claimed_prefix=self.words.prefix() or Words(self.meaning.overlay_text).prefix(),
            gaps=tuple(gaps),
        )

    def _discovery(self) -> c.Discovery:
        gaps = [f"fails: the design gives no failure rates; {_LIKE}"]
        if not self.meaning.discovery:
            gaps.insert(
                0,
                "endpoint: the design does not name a discovery service; KubeSpan needs one, the public one is assumed",
            )
        like = self.like.discovery
        assert like is not None
        return _assumed(like, "discovery", gaps)

    def _orchestrator(self) -> c.Orchestrator:
        like = self.like.orchestrator
        assert like is not None
        gaps = [
            "disk-encryption: the design does not say whether disks are encrypted with keys held by Omni; "
            "not, is assumed",
            f"fails: the design gives no failure rates; {_LIKE}",
        ]
        endpoint = self.meaning.orchestrator_endpoint
        if not endpoint:
            gaps.insert(0, "endpoint: the design names none")
        hosted = "saas" if self.meaning.saas else "self"
        return _assumed(like, "omni", gaps, endpoint=endpoint, hosted=hosted)

    def _raft_groups(self) -> list[c.Component]:
        etcd = self.like.raft_group("etcd")
        drawn = tuple(m.name for m in self.meaning.machines if m.etcd)
        gaps = ["heartbeat: the design gives no raft times; etcd's defaults, 100 ms and 1 s, are assumed"]
        if not self.masters and not drawn:
            return []
        groups: list[c.Component] = [_assumed(etcd, "etcd", gaps, voters=drawn or self.masters)]
        vault = self._vault_machines()
        if vault:
            times = ["heartbeat: the design gives no raft times; Vault's defaults are assumed"]
            groups.append(_assumed(self.like.raft_group("vault"), "vault", times, voters=vault))
        return groups

    def _vault_machines(self) -> tuple[str, ...]:
        drawn = tuple(m.name for m in self.meaning.machines if m.vault)
        return drawn or (self.masters if self.words.say(r"\bvault\b") else ())

    def _services(self) -> list[c.Component]:
        made: list[c.Component] = []
        if self.masters:
            made += [
                replace(service, members=self.masters)
                for service in self.like.services
                if service.role in ("api", "controller")
            ]
        made.append(c.Service(name="mesh", role="mesh", members=("kubespan",)))
        if self.meaning.orchestrator:
            made.append(c.Service(name="management", role="management", members=("omni",)))
        return made

    def _workloads(self) -> list[c.Component]:
        made: list[c.Component] = []
        vault = self._vault_machines()
        if vault:
            gaps = [
                "seal: the design does not say how Vault is unsealed; Shamir shares, Vault's own default, are assumed",
                f"storage: the design gives no size; {_LIKE}",
                f"image: the design names no version; {_LIKE}",
                "probes: the design says nothing of probes, disruption budgets or anti-affinity of the Vault pods",
            ]
            like = self.like.workload("vault-server")
            made.append(_assumed(like, like.name, gaps, machines=vault, replicas=len(vault), seal="shamir"))
        for chain in ("solana", "ethereum", "tron"):
            machines = tuple(m.name for m in self.meaning.machines if chain in m.chains)
            if machines:
                made.append(self._chain(chain, machines))
        return made

    def _chain(self, chain: str, machines: tuple[str, ...]) -> c.Workload:
        gaps = [
            f"storage: the design gives no size; {_LIKE}",
            f"image: the design names no version; {_LIKE}",
            f"cores: the design gives no cores or memory; {_LIKE}",
        ]
        if self.words.text.strip() and not self.words.say(chain):
            line = next(m.line for m in self.meaning.machines if chain in m.chains)
            gaps.append(
                f"role: the drawing has {chain.capitalize()} (line {line}), the words around it do not name it; "
                "the drawing is followed"
            )
        return _assumed(self.like.workload(chain), chain, gaps, machines=machines, replicas=len(machines))

    def _groups(self) -> list[c.Component]:
        made: list[c.Component] = []
        for id_, (_, scaling, _) in self.meaning.groups.items():
            machines = tuple(m.name for m in self.meaning.machines if m.group == id_)
            if machines:
                technology: Any = "autoscaling-group" if scaling else "pool"
                made.append(
                    c.MachineGroup(name=self.meaning.names[id_], technology=technology, machines=machines)
                )
        return made


def _one_line(label: str) -> str:
    return " ".join(label.split())
