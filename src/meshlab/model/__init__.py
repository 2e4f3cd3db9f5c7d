"""The nouns: components, Topology, Timeline, the spec format, import and export, design review."""

from __future__ import annotations

from meshlab.model.components import (
    Component,
    Discovery,
    Disk,
    DrawnEdge,
    Firewall,
    FirewallRule,
    Link,
    Machine,
    MachineGroup,
    Networks,
    Orchestrator,
    Overlay,
    RaftGroup,
    Reliability,
    Service,
    Site,
    Versions,
    Workload,
    Zone,
)
from meshlab.model.distribution import Distribution, Estimate
from meshlab.model.errors import CheckFailed, InputError, LiveError, MeshlabError, Problem
from meshlab.model.states import SERVICES, State
from meshlab.model.timeline import Event, Interval, Lane, Series, Timeline
from meshlab.model.topology import Topology, UnknownComponent

__all__ = [
    "SERVICES",
    "CheckFailed",
    "Component",
    "Discovery",
    "Disk",
    "Distribution",
    "DrawnEdge",
    "Estimate",
    "Event",
    "Firewall",
    "FirewallRule",
    "InputError",
    "Interval",
    "Lane",
    "Link",
    "LiveError",
    "Machine",
    "MachineGroup",
    "MeshlabError",
    "Networks",
    "Orchestrator",
    "Overlay",
    "Problem",
    "RaftGroup",
    "Reliability",
    "Series",
    "Service",
    "Site",
    "State",
    "Timeline",
    "Topology",
    "UnknownComponent",
    "Versions",
    "Workload",
    "Zone",
]
