"""Topology: what there is. Typed components and typed relations on a networkx graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from meshlab.model.components import (
    Component,
    Discovery,
    DrawnEdge,
    Firewall,
    Link,
    Machine,
    MachineGroup,
    Networks,
    Orchestrator,
    Overlay,
    RaftGroup,
    Service,
    Site,
    Versions,
    Workload,
    Zone,
)
from meshlab.model.errors import MeshlabError

if TYPE_CHECKING:
    import networkx as nx

C = TypeVar("C", bound=Component)

# The fields of a component that name machines; a component that names none any more leaves with its last one.
_MEMBER_FIELDS = {
    RaftGroup: "voters",
    Service: "members",
    Workload: "machines",
    MachineGroup: "machines",
    Firewall: "machines",
}


class UnknownComponent(MeshlabError):
    """A name that is not in the topology; the message says which name is near."""

    def __init__(self, name: str, known: Iterable[str], what: str = "component") -> None:
        there = list(known)
        near = get_close_matches(name, there, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(there)}" if there else ""
        # A whole topology's names would bury the message.
        hint = hint if near or len(there) <= 20 else ""
        super().__init__(f"there is no {what} {name!r}" + (f"; {hint}" if hint else ""))
        self.name = name


@dataclass(frozen=True)
class Topology:
    """One cluster as a value: changing it gives a new one, the old one stays as it was.

    Examples
    --------
    >>> from meshlab.model.spec import reference
    >>> cluster = reference()
    >>> len(cluster.machines), cluster.raft_group("etcd").quorum
    (6, 2)
    >>> [machine.name for machine in cluster.without("us-east-1a").machines]
    ['master-2', 'master-3', 'worker-1', 'worker-2', 'worker-3']
    """

    name: str
    components: tuple[Component, ...]
    drawn: tuple[DrawnEdge, ...] = ()
    versions: Versions = Versions()
    networks: Networks = Networks()
    origin: str = ""
    _by_name: dict[str, Component] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._by_name.update({component.name: component for component in self.components})
        if len(self._by_name) != len(self.components):
            raise ValueError("two components of a topology have the same name")

    def __getitem__(self, name: str) -> Component:
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownComponent(name, self._by_name) from None

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Component]:
        return iter(self.components)

    def of(self, cls: type[C]) -> tuple[C, ...]:
        """Gives the components of one class, in the order of the spec."""
        return tuple(component for component in self.components if isinstance(component, cls))

    @cached_property
    def sites(self) -> tuple[Site, ...]:
        return self.of(Site)

    @cached_property
    def zones(self) -> tuple[Zone, ...]:
        return self.of(Zone)

    @cached_property
    def machines(self) -> tuple[Machine, ...]:
        return self.of(Machine)

    @cached_property
    def control_plane(self) -> tuple[Machine, ...]:
        return tuple(machine for machine in self.machines if machine.role == "control-plane")

    @cached_property
    def workers(self) -> tuple[Machine, ...]:
        return tuple(machine for machine in self.machines if machine.role == "worker")

    @cached_property
    def links(self) -> tuple[Link, ...]:
        return self.of(Link)

    @cached_property
    def raft_groups(self) -> tuple[RaftGroup, ...]:
        return self.of(RaftGroup)

    @cached_property
    def services(self) -> tuple[Service, ...]:
        return self.of(Service)

    @cached_property
    def service_names(self) -> tuple[str, ...]:
        """What this cluster serves, by the names of its spec: on the command line, in reports and in JSON.

        Raft groups, API servers, each chain under its own name, the mesh, the management; in that order.
        """
        engines = {g.name: g.engine for g in self.raft_groups}
        roles = {
            kind: tuple(s.name for s in self.services if s.role == kind)
            for kind in ("api", "mesh", "management")
        }
        return (
            *(name for name, engine in engines.items() if engine == "etcd"),
            *roles["api"],
            *(name for name, engine in engines.items() if engine != "etcd"),
            *(w.name for w in self.workloads if w.role != "vault"),
            *roles["mesh"],
            *roles["management"],
        )

    @cached_property
    def workloads(self) -> tuple[Workload, ...]:
        return self.of(Workload)

    @cached_property
    def overlay(self) -> Overlay | None:
        return next(iter(self.of(Overlay)), None)

    @cached_property
    def discovery(self) -> Discovery | None:
        return next(iter(self.of(Discovery)), None)

    @cached_property
    def orchestrator(self) -> Orchestrator | None:
        return next(iter(self.of(Orchestrator)), None)

    def machine(self, name: str) -> Machine:
        return self._typed(name, Machine)

    def raft_group(self, name: str) -> RaftGroup:
        return self._typed(name, RaftGroup)

    def workload(self, name: str) -> Workload:
        return self._typed(name, Workload)

    def _typed(self, name: str, cls: type[C]) -> C:
        component = self[name]
        if not isinstance(component, cls):
            raise MeshlabError(f"{name!r} is a {component.kind}, not a {cls.kind}")
        return component

    def machines_in(self, place: str) -> tuple[Machine, ...]:
        """Gives the machines in a site, a zone or a group; a machine's own name gives that machine."""
        component = self[place]
        if isinstance(component, MachineGroup):
            return tuple(self.machine(name) for name in component.machines)
        return tuple(m for m in self.machines if place in (m.name, m.zone, m.site))

    def link_between(self, a: str, b: str) -> Link | None:
        """Gives the link that joins two places (zones, sites, machines): the most specific one drawn.

        Looked for from the most specific pair of places to the least: machine, zone, site.
        """
        for x in self._places(a):
            for y in self._places(b):
                if x == y and a != b and x in (a, b):
                    continue
                found = self._link_index.get(frozenset((x, y)))
                if found:
                    return found
        return None

    @cached_property
    def _link_index(self) -> dict[frozenset[str], Link]:
        return {frozenset((link.a, link.b)): link for link in self.links}

    def _places(self, name: str) -> list[str]:
        component = self[name]
        if isinstance(component, Machine):
            return [name, *([component.zone] if component.zone else []), component.site]
        if isinstance(component, Zone):
            return [name, component.site]
        return [name]

    def without(self, *names: str) -> Topology:
        """Gives the topology without these components and without what is inside them.

        Raises
        ------
        UnknownComponent
            One of the names is not there.
        """
        gone = {name for name in names if self[name]}
        gone |= {z.name for z in self.zones if z.site in gone}
        gone |= {m.name for m in self.machines if {m.zone, m.site} & gone}
        gone |= {link.name for link in self.links if {link.a, link.b} & gone}
        kept: list[Component] = []
        for component in self.components:
            if component.name in gone:
                continue
            member_field = _MEMBER_FIELDS.get(type(component))
            members = getattr(component, member_field) if member_field else ()
            if members:
                left = tuple(m for m in members if m not in gone)
                if not left:
                    continue
                if left != members:
                    component = replace(component, **{member_field: left})  # type: ignore[arg-type]
            kept.append(component)
        drawn = tuple(edge for edge in self.drawn if not {edge.source, edge.target} & gone)
        return replace(self, components=tuple(kept), drawn=drawn)

    def with_component(self, component: Component) -> Topology:
        """Gives the topology with this component added, or in place of the one of the same name."""
        others = [c if c.name != component.name else component for c in self.components]
        if component.name not in self:
            others.append(component)
        return replace(self, components=tuple(others))

    @cached_property
    def graph(self) -> nx.MultiDiGraph[str]:
        """The relations as a networkx graph: nodes carry ``component``, edges carry ``relation``.

        Relations: ``in`` (a zone in its site, a machine in its place), ``link`` (both directions),
        ``member-of``, ``runs-on``, ``needs``, ``manages``, ``joins`` (overlay), ``introduces`` (discovery).
        """
        import networkx as nx

        graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(name=self.name)
        for component in self.components:
            graph.add_node(component.name, component=component, kind=component.kind)
        for source, relation, target in self._relations():
            if source in graph and target in graph:
                graph.add_edge(source, target, key=relation, relation=relation)
        return graph

    def _relations(self) -> Iterator[tuple[str, str, str]]:
        for component in self.components:
            match component:
                case Zone():
                    yield component.name, "in", component.site
                case Machine():
                    yield component.name, "in", component.place
                case Link():
                    yield component.a, "link", component.b
                    yield component.b, "link", component.a
                case RaftGroup():
                    yield from ((voter, "member-of", component.name) for voter in component.voters)
                case Service():
                    yield from ((component.name, "runs-on", member) for member in component.members)
                    yield from ((component.name, "needs", need) for need in component.needs)
                case Workload():
                    yield from ((component.name, "runs-on", machine) for machine in component.machines)
                    if component.group:
                        yield component.name, "needs", component.group
                case Overlay():
                    yield from ((component.name, "joins", machine.name) for machine in self.machines)
                    if component.discovery:
                        yield component.discovery, "introduces", component.name
                case Orchestrator():
                    yield from ((component.name, "manages", machine.name) for machine in self.machines)
                case MachineGroup():
                    yield from ((machine, "member-of", component.name) for machine in component.machines)
                case Firewall():
                    yield from ((component.name, "guards", machine) for machine in component.machines)
                case _:
                    pass


def attributes(component: Component) -> dict[str, Any]:
    """Gives a component's own fields by name, for exports and tables."""
    return {f.name: getattr(component, f.name) for f in fields(component)}
