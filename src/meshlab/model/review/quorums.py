"""Rules about raft groups: who votes, where, over which links, on which disks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import combinations

from meshlab.model.components import MachineGroup, RaftGroup
from meshlab.model.review.finding import Finding, names, stated
from meshlab.model.topology import Topology


def _etcd(topology: Topology) -> tuple[RaftGroup, ...]:
    return tuple(group for group in topology.raft_groups if group.engine == "etcd")


def asg_around_etcd(topology: Topology) -> Iterator[Finding]:
    """An Auto Scaling group replaces machines by EC2's idea of health, and knows nothing of a quorum."""
    for group in topology.of(MachineGroup):
        voters = [v for raft in _etcd(topology) for v in raft.voters if v in group.machines]
        if group.technology != "autoscaling-group" or not voters:
            continue
        yield Finding(
            "asg-around-etcd",
            "error",
            (group.name, *voters),
            f"the Auto Scaling group {group.name} holds the etcd voters {names(voters)} and may end them at any time",
            "It terminates before it replaces; AZRebalance may end a healthy voter; scale-in protection does not stop "
            "health-check replacement; an instance refresh rolls on EC2's health, not etcd's; volumes and addresses "
            "do not follow. A replacement joins as a new member beside the dead one, so two replacements in a row "
            "cost the quorum.",
            f"groups {group.name}: technology autoscaling-group; raft-groups etcd: voters {names(voters)}",
            "Three plain instances from a launch template, termination protection on, fixed private addresses. If an "
            "ASG must be: one per zone with min = max = 1, AZRebalance, ReplaceUnhealthy and Terminate suspended, "
            "and a terminating hook that leaves etcd first.",
        )


def shared_fate_vault_etcd(topology: Topology) -> Iterator[Finding]:
    """Two raft groups on the same machines fall together, and each is the other's noisy neighbour."""
    for etcd in _etcd(topology):
        for other in (g for g in topology.raft_groups if g.engine == "hashicorp"):
            shared = [v for v in etcd.voters if v in other.voters]
            if not shared:
                continue
            whole = len(shared) >= other.quorum and len(shared) >= etcd.quorum
            disks = [v for v in shared if v in topology and len(topology.machine(v).disks) == 1]
            yield Finding(
                "shared-fate-vault-etcd",
                "warning",
                (etcd.name, other.name, *shared),
                f"{other.name} and {etcd.name} share {len(shared)} machines, {names(shared)}"
                + (": whatever takes the quorum of one takes that of the other" if whole else ""),
                "Secrets and the control plane go at the same moment, just when one is needed to mend the other: no "
                "new pod gets its secrets and no one can edit the pods. Every reboot of a master costs both groups a "
                "voter at once. Both write synchronously; on one disk, each waits for the other's fsync.",
                f"raft-groups {etcd.name} and {other.name}: voters {names(shared)}"
                + (f"; one disk each on {names(disks)}" if disks else ""),
                f"Roll masters one at a time and wait for both groups; give {other.name} a disk of its own; or run it "
                "on three machines of its own, or use five masters with the groups on different threes.",
            )


def etcd_edge_to_workers(topology: Topology) -> Iterator[Finding]:
    """A drawing that joins workers to the etcd quorum is read as if they were members."""
    voters = {v for group in _etcd(topology) for v in group.voters}
    for edge in topology.drawn:
        if not re.search(r"etcd|quorum", edge.label, re.IGNORECASE):
            continue
        strangers = [
            machine.name
            for end in (edge.source, edge.target)
            if end in topology
            for machine in topology.machines_in(end)
            if machine.name not in voters
        ]
        if strangers:
            yield Finding(
                "etcd-edge-to-workers",
                "warning",
                (edge.source, edge.target, *strangers),
                f"the arrow {edge.label!r} goes to {names(strangers)}, which are no members of etcd",
                "Workers speak to the API server (6443, through KubePrism) and never to etcd; only control-plane "
                "machines vote. Who trusts the drawing opens 2379-2380 to the workers, counts six voters, or puts a "
                "voter behind the slow link.",
                f"drawn: {edge.source} -> {edge.target}; etcd voters: {names(sorted(voters)) or 'none'}",
                f"Draw it as 'Kubernetes API, kubelet' between {edge.source} and {edge.target}, and keep 'etcd "
                "quorum' within the control plane.",
            )


def single_voter(topology: Topology) -> Iterator[Finding]:
    """One voter is no high availability: its machine's reboot is an outage, its disk's loss a data loss."""
    for group in topology.raft_groups:
        if len(group.voters) == 1:
            yield Finding(
                "single-voter",
                "error",
                (group.name, *group.voters),
                f"{group.name} has one voter, {group.voters[0]}; when it stops, everything that needs it stops",
                "There is no second copy: each reboot is an outage, and a lost disk is lost data.",
                f"raft-groups {group.name}: voters {group.voters[0]}",
                "Use three voters in three zones, and take snapshots off the machine.",
            )


def even_voters(topology: Topology) -> Iterator[Finding]:
    """An even number of voters tolerates no more than one fewer, and has one more that can fail."""
    for group in topology.raft_groups:
        count = len(group.voters)
        if count and count % 2 == 0:
            yield Finding(
                "even-voters",
                "warning",
                (group.name, *group.voters),
                f"{group.name} has {count} voters, which tolerate the loss of {group.tolerance}, no more than "
                f"{count - 1} would",
                f"{count} voters need {group.quorum} for a decision; the extra one only adds something that can fail, "
                "and an even split leaves no side with a quorum.",
                f"raft-groups {group.name}: voters {names(group.voters)}",
                f"Use {count + 1} voters, or {count - 1}.",
            )


def quorum_in_one_zone(topology: Topology) -> Iterator[Finding]:
    """A zone that holds so many voters that losing it loses the quorum makes the zones useless."""
    for group in topology.raft_groups:
        if len(group.voters) < 3:
            continue
        places = Counter(topology.machine(v).place for v in group.voters if v in topology)
        for place, count in sorted(places.items()):
            if len(group.voters) - count < group.quorum:
                yield Finding(
                    "quorum-in-one-zone",
                    "warning",
                    (group.name, place),
                    f"{place} holds {count} of the {len(group.voters)} voters of {group.name}: with it goes the quorum",
                    "Voters are spread so that one zone may fail. Here one zone's power, cooling or network decides.",
                    f"raft-groups {group.name}: {count} voters in {place}, quorum {group.quorum}",
                    "Spread the voters over three zones.",
                )


def etcd_voter_on_worker(topology: Topology) -> Iterator[Finding]:
    """Talos runs etcd on control-plane machines only."""
    for group in _etcd(topology):
        strangers = [v for v in group.voters if v in topology and topology.machine(v).role == "worker"]
        if strangers:
            yield Finding(
                "etcd-voter-on-worker",
                "error",
                (group.name, *strangers),
                f"{names(strangers)} are workers but voters of {group.name}",
                "Talos runs etcd on control-plane machines only: these voters will never come up, and a quorum that "
                "counts on them is not there.",
                f"raft-groups {group.name}: voters; machines {names(strangers)}: role worker",
                "Make them control-plane machines or take them out of the voters.",
            )


def etcd_over_slow_link(topology: Topology) -> Iterator[Finding]:
    """etcd wants a heartbeat of about one round trip and an election time-out of ten (etcd tuning guide)."""
    for group in topology.raft_groups:
        slow = []
        for a, b in combinations([v for v in group.voters if v in topology], 2):
            link = topology.link_between(a, b)
            if link is not None:
                round_trip = 2 * link.latency.quantile(0.99)
                if group.election < 10 * round_trip or group.heartbeat < round_trip:
                    slow.append((round_trip, link))
        if not slow:
            continue
        round_trip, link = max(slow, key=lambda pair: pair[0])
        hard = group.election < 10 * round_trip
        said = "" if stated(link, "latency") else " (assumed, not stated)"
        yield Finding(
            "etcd-over-slow-link",
            "error" if hard else "warning",
            (group.name, link.name),
            f"{group.name} votes over {link.name} with a round trip of {round_trip * 1000:.3g} ms (p99){said}; its "
            f"heartbeat is {group.heartbeat * 1000:.4g} ms and its election time-out {group.election * 1000:.4g} ms",
            "Heartbeats that arrive late look like a dead leader: elections without a fault, each a pause of all "
            "writes. The rule is a heartbeat of about one round trip, an election time-out of at least ten.",
            f"link {link.name}: latency; raft-groups {group.name}: heartbeat, election; etcd tuning guide",
            "Keep voters within one region, or set the heartbeat to "
            f"{round_trip * 1000:.0f} ms and the election time-out to {10 * round_trip * 1000:.0f} ms or more.",
        )


def etcd_disk_too_slow(topology: Topology) -> Iterator[Finding]:
    """etcd asks for a 99th percentile of fsync under 10 ms."""
    for group in _etcd(topology):
        for voter in (v for v in group.voters if v in topology):
            machine = topology.machine(voter)
            worst = machine.fsync.quantile(0.99)
            if worst > 0.010:
                yield Finding(
                    "etcd-disk-too-slow",
                    "warning",
                    (group.name, voter),
                    f"a synchronous write on {voter} takes {worst * 1000:.3g} ms (p99); etcd wants under 10 ms",
                    "Every commit waits for the fsync of a majority; slow ones delay heartbeats and cost elections.",
                    f"machines {voter}: system disk fsync",
                    "Use io2, or gp3 with more IOPS, or a local NVMe for the system disk.",
                )
