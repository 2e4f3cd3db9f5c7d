"""Rules about numbers that can be meant but hardly are."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from meshlab.model.review.finding import Finding, stated
from meshlab.model.topology import Topology
from meshlab.model.units import duration

MOST_VOTERS = 7
LOSS = 0.2
REPAIR_S = 2 * 31_557_600.0
DOWN = 0.5


def too_many_voters(topology: Topology) -> Iterator[Finding]:
    """More voters than seven make writes slower, and nothing safer that a site can lose."""
    for group in topology.raft_groups:
        if len(group.voters) <= MOST_VOTERS:
            continue
        yield Finding(
            "too-many-voters",
            "warning",
            (group.name,),
            f"{group.name} has {len(group.voters)} voters; each write waits for {group.quorum} of them",
            "Every write goes to every voter and is waited for by a majority: more voters are more traffic and a later "
            "answer. etcd's own FAQ advises seven at most; five outlast two losses already.",
            f"raft-groups {group.name}: {len(group.voters)} voters",
            "Five voters; the other machines take part as clients or learners.",
        )


def pods_network_too_small(topology: Topology) -> Iterator[Finding]:
    """Kubernetes gives each node a /24 of the pods network (a /64 of IPv6), until there are none left."""
    pods = ipaddress.ip_network(topology.networks.pods)
    each = 24 if pods.version == 4 else 64
    room, count = 2 ** max(0, each - pods.prefixlen), len(topology.machines)
    if room < count:
        yield Finding(
            "pods-network-too-small",
            "error",
            tuple(machine.name for machine in topology.machines[room:]),
            f"the pods network {pods} has {room} ranges of /{each} for {count} machines",
            "kube-controller-manager gives each node a range of its own; a node that gets none stays not ready, since "
            "its CNI has no addresses for pods.",
            f"networks: pods {pods}; {count} machines",
            "A wider pods network; it cannot be changed once the cluster is up.",
        )


def link_loses_much(topology: Topology) -> Iterator[Finding]:
    """A link that loses a fifth of its packets carries no TCP worth the name."""
    for link in topology.links:
        if link.loss > LOSS and stated(link, "loss"):
            yield Finding(
                "link-loses-much",
                "warning",
                (link.name,),
                f"{link.name} loses {link.loss:.0%} of its packets all the time",
                "`loss` is what the link loses in its ordinary state. At one in five TCP stands still and an etcd over "
                "it has no leader for long.",
                f"links {link.name}: loss {link.loss:g}",
                "Give the loss of an ordinary day; what happens at times is a `degrade` in a scenario.",
            )


def hardly_ever_up(topology: Topology) -> Iterator[Finding]:
    """Reliabilities by which a part is down for most of its life, or for years at a time."""
    for component in topology:
        if component.reliability is None:
            continue
        down, repair = component.reliability.unavailability, component.reliability.repair.mean
        if down <= DOWN and repair <= REPAIR_S:
            continue
        yield Finding(
            "hardly-ever-up",
            "warning",
            (component.name,),
            f"by its numbers {component.name} is down for {down:.0%} of its life, {duration(repair)} at a time",
            "Availability, forecasts and advice all rest on `fails` and `repair`; one that was meant in other units "
            "makes them all wrong.",
            f"{component.name}: fails {component.reliability.rate * 31_557_600:.3g}/y, repair {duration(repair)}",
            "Look at the units of `fails` and `repair` again.",
        )
