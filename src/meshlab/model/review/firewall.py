"""Rules about what is let in: the API never from everywhere, WireGuard always."""

from __future__ import annotations

from collections.abc import Iterator

from meshlab.model.components import Firewall, FirewallRule, Machine
from meshlab.model.review.finding import Finding, names
from meshlab.model.topology import Topology

_WORLD = ("0.0.0.0/0", "::/0")
_GUIDE = "The vendor's guide for AWS"


def _around(topology: Topology, machine: Machine) -> list[Firewall]:
    return [wall for wall in topology.of(Firewall) if machine.name in wall.machines]


def _opens(rule: FirewallRule, protocol: str, port: int) -> bool:
    return rule.protocol == protocol and rule.ports[0] <= port <= rule.ports[1]


def _to_world(topology: Topology, port: int) -> list[tuple[Firewall, FirewallRule]]:
    """The rules that let everybody in on a TCP port; a range over half of all addresses counts as everybody."""
    return [
        (wall, rule)
        for wall in topology.of(Firewall)
        for rule in wall.rules
        if _opens(rule, "tcp", port) and any(_is_world(source) for source in rule.sources)
    ]


def _is_world(source: str) -> bool:
    return source in _WORLD or source.endswith("/1")


def _unguarded(topology: Topology) -> tuple[str, ...]:
    return tuple(m.name for m in topology.control_plane if not _around(topology, m))


def api_public(topology: Topology) -> Iterator[Finding]:
    """The Kubernetes API on the open internet is what scanners look for first."""
    why = (
        "An API server that everyone can reach is found by scanners within minutes and lives on one authentication "
        "bug or one leaked kubeconfig. Workers reach it inside the mesh and people through Omni or a VPN: nobody "
        "needs it public."
    )
    public = _to_world(topology, 6443)
    for wall, rule in public:
        yield Finding(
            "api-public",
            "error",
            (wall.name, *wall.machines),
            f"{wall.name} lets everybody in on TCP 6443, the Kubernetes API",
            why,
            f"firewalls {wall.name}: tcp {_ports(rule)} from {names(rule.sources)}",
            "Let in the group itself and the operators' range only.",
        )
    unguarded = _unguarded(topology)
    if unguarded:
        yield Finding(
            "api-public",
            "warning",
            unguarded,
            f"it is not stated what is let in to {names(unguarded)}, so not that TCP 6443 is closed to the world",
            why,
            "no entry of `firewalls` names these machines",
            f"Write the rules down. {_GUIDE} opens 6443 to the world: do not copy it.",
        )
    elif topology.control_plane and not public:
        rules = [
            f"{wall.name}: tcp {_ports(rule)} from {names(rule.sources)}"
            for wall in topology.of(Firewall)
            for rule in wall.rules
            if _opens(rule, "tcp", 6443)
        ]
        yield Finding(
            "api-public",
            "info",
            tuple(dict.fromkeys(w.name for m in topology.control_plane for w in _around(topology, m))),
            "checked: the Kubernetes API, TCP 6443, is let in from known ranges only",
            why,
            "firewalls " + ("; ".join(rules) or "let nobody in on tcp 6443"),
            f"Nothing now. {_GUIDE} opens 6443 to 0.0.0.0/0: following it would break this, and so would a public "
            "load balancer in front.",
        )


def talos_api_public(topology: Topology) -> Iterator[Finding]:
    """The Talos API can wipe a machine; mTLS is its only door."""
    for wall, rule in _to_world(topology, 50000):
        yield Finding(
            "talos-api-public",
            "warning",
            (wall.name, *wall.machines),
            f"{wall.name} lets everybody in on TCP 50000, the Talos API",
            "It reboots, resets and wipes machines, and in maintenance mode it asks nobody who he is.",
            f"firewalls {wall.name}: tcp {_ports(rule)} from {names(rule.sources)}",
            "Let in the operators' range only; not at all where everything goes through Omni.",
        )


def etcd_ports_public(topology: Topology) -> Iterator[Finding]:
    """etcd holds every secret of the cluster."""
    found = {wall.name: (wall, rule) for port in (2379, 2380) for wall, rule in _to_world(topology, port)}
    for wall, rule in found.values():
        yield Finding(
            "etcd-ports-public",
            "error",
            (wall.name, *wall.machines),
            f"{wall.name} lets everybody in on etcd's ports",
            "etcd holds all secrets of the cluster; only the API servers and the other voters speak to it.",
            f"firewalls {wall.name}: tcp {_ports(rule)} from {names(rule.sources)}",
            "Let in the group itself only.",
        )


def wireguard_port_closed(topology: Topology) -> Iterator[Finding]:
    """Without UDP 51820 let in on one side of each pair, there is no mesh."""
    overlay = topology.overlay
    if overlay is None:
        return
    port = overlay.port
    why = (
        f"WireGuard is UDP. If the control plane does not let UDP {port} in, workers behind a NAT reach no master: no "
        "mesh, no kubelet, no pod."
    )
    unguarded = _unguarded(topology)
    if unguarded:
        yield Finding(
            "wireguard-port-closed",
            "warning",
            (overlay.name, *unguarded),
            f"it is not stated what is let in to {names(unguarded)}, so not that UDP {port} is open",
            why,
            "no entry of `firewalls` names these machines; a new AWS security group lets nothing in",
            f"Write a rule: UDP {port} from everywhere that peers come from. {_GUIDE} says TCP by mistake.",
        )
    walls = {w.name: w for m in topology.control_plane for w in _around(topology, m)}
    for wall in walls.values():
        yield from _wireguard_at(topology, wall, port, why)


def _wireguard_at(topology: Topology, wall: Firewall, port: int, why: str) -> Iterator[Finding]:
    rules = [rule for rule in wall.rules if _opens(rule, "udp", port)]
    mistaken = [rule for rule in wall.rules if _opens(rule, "tcp", port) and rule.ports[0] == rule.ports[1]]
    sources = {source for rule in rules for source in rule.sources}
    inside = {topology.machine(name).site for name in wall.machines}
    hidden = [m.name for m in topology.machines if m.site not in inside and m.nat]
    name = (wall.name, *wall.machines)
    if not rules:
        yield Finding(
            "wireguard-port-closed",
            "error",
            name,
            f"{wall.name} does not let UDP {port} in"
            + (" (it has TCP, which WireGuard is not)" if mistaken else ""),
            why,
            f"firewalls {wall.name}: no udp rule for {port}" + (f"; tcp {port} is there" if mistaken else ""),
            f"Add {{protocol: udp, ports: {port}, sources: [0.0.0.0/0]}}.",
        )
    elif hidden and not any(_is_world(source) for source in sources):
        yield Finding(
            "wireguard-port-closed",
            "warning",
            (*name, *hidden),
            f"{wall.name} lets UDP {port} in from {names(sorted(sources))} only; {names(hidden)} are behind a NAT",
            f"{why} Behind a NAT they are seen with the NAT's public address, not their own.",
            f"firewalls {wall.name}: udp {port}; machines {names(hidden)}: nat true",
            "Let in the NAT's public address if it is fixed, else 0.0.0.0/0: WireGuard does not answer strangers.",
        )
    else:
        yield Finding(
            "wireguard-port-closed",
            "info",
            name,
            f"checked: UDP {port} is let in to {names(wall.machines)}",
            why,
            f"firewalls {wall.name}: udp {port} from {names(sorted(sources))}",
            f"Nothing now. {_GUIDE} opens {port} as TCP: a security group made after it would close the mesh.",
        )


def no_worker_firewall(topology: Topology) -> Iterator[Finding]:
    """A worker without rules shows its kubelet and node ports to its whole network."""
    open_ = tuple(m.name for m in topology.workers if not _around(topology, m))
    if open_:
        yield Finding(
            "no-worker-firewall",
            "warning",
            open_,
            f"no firewall is stated around {names(open_)}",
            "Talos' apid (50000), the kubelet (10250), VXLAN (4789, which anyone in the rack can inject into) and "
            "every node port answer to the whole network of the data centre.",
            "no entry of `firewalls` names these machines",
            "On the machines themselves: NetworkDefaultActionConfig ingress: block, and NetworkRuleConfig for UDP "
            "51820 and the chains' peer ports. The kubespan and siderolink interfaces stay open.",
        )


def _ports(rule: FirewallRule) -> str:
    first, last = rule.ports
    return str(first) if first == last else f"{first}-{last}"
