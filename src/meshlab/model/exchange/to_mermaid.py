"""A topology as a Mermaid flowchart that `import_design` reads back."""

from __future__ import annotations

from meshlab.model.components import Machine, MachineGroup, Site
from meshlab.model.exchange.mermaid import Edge, Flowchart, Node, Subgraph, write
from meshlab.model.topology import Topology

_PODS = {
    "vault": "Vault",
    "solana": "Solana-node pod",
    "ethereum": "Ethereum-node pod",
    "tron": "Tron-node pod",
}


def to_mermaid(topology: Topology) -> str:
    """Gives the drawing: sites and groups as frames, machines with what runs on them, arrows as drawn.

    Links between places are dotted, with their latency; a group that spans sites is left out, for frames
    cannot overlap.
    """
    return write(flowchart(topology))


def flowchart(topology: Topology) -> Flowchart:
    """Gives the same drawing as a value."""
    nodes = []
    if topology.orchestrator:
        hosted = "SaaS" if topology.orchestrator.hosted == "saas" else "Self-hosted"
        label = f"{hosted} Omni\n({topology.orchestrator.endpoint})".replace("\n()", "")
        nodes.append(Node(topology.orchestrator.name, label))
    if topology.overlay:
        claim = (
            f"/{topology.overlay.claimed_prefix} overlay" if topology.overlay.claimed_prefix else "overlay"
        )
        nodes.append(Node(topology.overlay.name, f"KubeSpan {claim} (WireGuard)"))
    if topology.discovery:
        nodes.append(Node(topology.discovery.name, f"Discovery service\n({topology.discovery.endpoint})"))
    subgraphs = [Subgraph(site.name, _site_label(site)) for site in topology.sites]
    parents: dict[str, str] = {}
    for group in topology.of(MachineGroup):
        sites = {topology.machine(name).site for name in group.machines}
        if len(sites) == 1 and not set(group.machines) & set(parents):
            kind = "Auto Scaling group" if group.technology == "autoscaling-group" else "pool"
            subgraphs.append(Subgraph(group.name, f"{group.name} ({kind})", next(iter(sites))))
            parents.update(dict.fromkeys(group.machines, group.name))
    for machine in topology.machines:
        nodes.append(
            Node(machine.name, _machine_label(topology, machine), parents.get(machine.name, machine.site))
        )
    return Flowchart("TD", tuple(nodes), tuple(subgraphs), tuple(_edges(topology, nodes, subgraphs)))


def _edges(topology: Topology, nodes: list[Node], subgraphs: list[Subgraph]) -> list[Edge]:
    shown = {n.id for n in nodes} | {s.id for s in subgraphs}
    edges = [
        Edge(edge.source, edge.target, edge.label, edge.both)
        for edge in topology.drawn
        if {edge.source, edge.target} <= shown
    ]
    for link in topology.links:
        if link.a != link.b and {link.a, link.b} <= shown:
            edges.append(
                Edge(link.a, link.b, f"link {link.latency.quantile(0.5) * 1000:.4g} ms", dotted=True)
            )
    return edges


def _site_label(site: Site) -> str:
    return (
        f"AWS Cloud\n({site.region or site.name})"
        if site.place == "aws-region"
        else f"{site.name} (data centre)"
    )


def _machine_label(topology: Topology, machine: Machine) -> str:
    lines = [f"{machine.name} (EC2 {machine.zone})" if machine.zone else f"{machine.name} (Talos)"]
    if any(machine.name in s.members for s in topology.services if s.role == "api"):
        lines.append("• kube-api-server")
    lines += ["• etcd" for g in topology.raft_groups if g.engine == "etcd" and machine.name in g.voters]
    lines += [f"• {_PODS[w.role]}" for w in topology.workloads if machine.name in w.machines]
    return "\n".join(lines)
