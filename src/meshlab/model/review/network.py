"""Rules about the mesh: addresses, NAT, packet sizes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations

from meshlab.model.components import Machine
from meshlab.model.review.finding import Finding, names, stated
from meshlab.model.topology import Topology

VXLAN = 50
"""Bytes that VXLAN adds to a packet (outer Ethernet, IPv4, UDP, VXLAN)."""
WIREGUARD = 80
"""Bytes that WireGuard adds over IPv6, the worse case: what KubeSpan's documentation subtracts."""
_POD_MTU = {"flannel": 1450, "cilium": 1450, "none": 0}


def overlay_slash_24(topology: Topology) -> Iterator[Finding]:
    """KubeSpan has no /24 and no IPv4 at all: an address plan that counts on one is void."""
    overlay = topology.overlay
    if overlay is None or not overlay.claimed_prefix or overlay.claimed_prefix == 64:
        return
    yield Finding(
        "overlay-slash-24",
        "warning",
        (overlay.name,),
        f"the design counts on a /{overlay.claimed_prefix} overlay, which KubeSpan does not have",
        "KubeSpan's own addresses are one IPv6 ULA /64, computed from the cluster's id, with one /128 per node. "
        "Node traffic does not even use them: packets to the peers' real addresses are routed into WireGuard. So "
        "real addresses must be unique over all sites (the later of two equal ones is dropped, 'peer address "
        "overlap'), and rules or routes written for a /24 match nothing.",
        f"overlay {overlay.name}: claimed-prefix {overlay.claimed_prefix}; Talos v1.13, network/ula.go",
        "Plan unique private ranges per site instead and write firewall rules for those; the /24 that people "
        "remember is the pod range that Kubernetes gives each node.",
    )


def nat_peers_cannot_meet(topology: Topology) -> Iterator[Finding]:
    """Two peers that are both behind a NAT never find each other: KubeSpan punches no holes."""
    hidden = [m for m in topology.machines if m.nat]
    apart = [(a, b) for a, b in combinations(hidden, 2) if a.site != b.site]
    why = (
        "KubeSpan does no hole punching and has no relay: of each pair of peers at least one must accept UDP "
        "51820 from outside (Talos issues 12897, 9038). Such a pair is in no mesh, although discovery lists both."
    )
    if apart:
        sites = sorted({m.site for pair in apart for m in pair})
        yield Finding(
            "nat-peers-cannot-meet",
            "error",
            tuple(sorted({m.name for pair in apart for m in pair})),
            f"{len(apart)} pairs of machines are both behind a NAT, in {names(sites)}, and cannot reach each other",
            why,
            "nat: true on both, in different sites: "
            + "; ".join(f"{a.name} - {b.name}" for a, b in apart[:4]),
            "Forward UDP 51820 to the machines of one site and announce the public address "
            "(KubeSpanEndpointsConfig extraAnnouncedEndpoints), or give them public addresses.",
        )
        return
    closed = [
        (a, b)
        for a in hidden
        for b in topology.machines
        if b.site != a.site and not b.nat and not b.public_address and _is_cloud(topology, b)
    ]
    if closed:
        yield Finding(
            "nat-peers-cannot-meet",
            "warning",
            tuple(sorted({m.name for pair in closed for m in pair})),
            f"machines behind a NAT in {names(sorted({a.site for a, _ in closed}))} have no address to reach "
            f"{names(sorted({b.name for _, b in closed}))} at",
            why,
            "nat: true on one side, no public-address on the other",
            "Set public-address: true (and open UDP 51820), or join the sites by a private line.",
        )
    elif any(not stated(m, "nat") for m in topology.machines):
        unknown = tuple(m.name for m in topology.machines if not stated(m, "nat"))
        yield Finding(
            "nat-peers-cannot-meet",
            "warning",
            unknown,
            f"it is not stated whether {names(unknown)} can be reached on UDP 51820 from outside their site",
            why,
            "the design says nothing of NAT; `nat` was assumed",
            "Find out how the data centre reaches the internet and set `nat`; if it is behind one, every machine in "
            "another site must have a public address.",
        )
    elif hidden:
        sites = sorted({m.site for m in hidden})
        yield Finding(
            "nat-peers-cannot-meet",
            "info",
            tuple(m.name for m in hidden),
            f"checked: all machines behind a NAT are in one site, {names(sites)}; they meet each other inside it and "
            "the others at public addresses",
            why,
            f"nat: true on {names([m.name for m in hidden])}; public-address: true on the others",
            "Nothing now. It breaks with a second site behind a NAT, or when the public addresses are taken away.",
        )


def _is_cloud(topology: Topology, machine: Machine) -> bool:
    return any(site.name == machine.site and site.place == "aws-region" for site in topology.sites)


def mtu_pod_overlay(topology: Topology) -> Iterator[Finding]:
    """A pod's packet in VXLAN must fit the tunnel, or every large packet is fragmented or lost."""
    overlay = topology.overlay
    if overlay is None or topology.versions.cni == "none":
        return
    chosen = topology.networks.pod_mtu
    pod_mtu = chosen or _POD_MTU[topology.versions.cni]
    most = overlay.mtu - VXLAN
    if not chosen and topology.versions.cni == "flannel" and _minor(topology.versions.talos) >= (1, 14):
        pod_mtu = min(pod_mtu, 1370)  # Talos PR 13547
    how = f"{topology.versions.cni} chooses {pod_mtu} by itself" if not chosen else f"pod-mtu is {chosen}"
    unfixed = f"Talos issue 13457, its fix is not in {topology.versions.talos}"
    evidence = f"overlay {overlay.name}: mtu {overlay.mtu}; {how}; VXLAN adds {VXLAN}"
    why = (
        "Pod packets between sites are wrapped twice, in VXLAN and in WireGuard. What exceeds the tunnel's MTU is "
        "fragmented, or dropped where fragments are: small requests work, large answers hang. KubeSpan clamps the "
        "TCP segment size only for packets that start on the node itself, not for those of pods."
    )
    if pod_mtu > most:
        yield Finding(
            "mtu-pod-overlay",
            "warning",
            (overlay.name,),
            f"pods send packets of {pod_mtu} bytes, {most} fit the tunnel with VXLAN around them",
            why,
            evidence + ("" if chosen or topology.versions.cni != "flannel" else f"; {unfixed}"),
            f"Set networks.pod-mtu to {most} and give it to the CNI (flannel: net-conf Backend MTU).",
        )
    else:
        yield Finding(
            "mtu-pod-overlay",
            "info",
            (overlay.name,),
            f"checked: pod packets of {pod_mtu} bytes fit the tunnel, at most {most} do",
            why,
            evidence,
            "Nothing now. It breaks when the CNI's MTU is raised or the tunnel's is lowered.",
        )


def _minor(version: str) -> tuple[int, int]:
    match = re.match(r"v?(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def underlay_mtu_too_small(topology: Topology) -> Iterator[Finding]:
    """The tunnel's packets must fit the links they travel on."""
    overlay = topology.overlay
    if overlay is None:
        return
    for link in topology.links:
        if link.mtu < overlay.mtu + WIREGUARD:
            yield Finding(
                "underlay-mtu-too-small",
                "warning",
                (link.name, overlay.name),
                f"tunnel packets of up to {overlay.mtu + WIREGUARD} bytes do not fit {link.name} of {link.mtu}",
                "WireGuard adds up to 80 bytes. Outer packets that do not fit are fragmented or lost, and the inner "
                "connection hangs on its first large packet (a TLS certificate, a snapshot).",
                f"link {link.name}: mtu {link.mtu}; overlay {overlay.name}: mtu {overlay.mtu}",
                f"Set overlay mtu to {link.mtu - WIREGUARD}"
                + (
                    " - KubeSpan refuses less than 1280; raise the link's."
                    if link.mtu - WIREGUARD < 1280
                    else "."
                ),
            )


def clear_text_bypass(topology: Topology) -> Iterator[Finding]:
    """With the bypass, traffic to a peer that is down leaves the tunnel and travels in clear text."""
    overlay = topology.overlay
    if overlay is not None and overlay.allow_down_peer_bypass:
        yield Finding(
            "clear-text-bypass",
            "warning",
            (overlay.name,),
            "traffic to a peer whose tunnel is down is sent outside it, unencrypted",
            "allowDownPeerBypass takes down and unknown peers out of the routed set, so 'all traffic is encrypted' "
            "holds only while every tunnel is up.",
            f"overlay {overlay.name}: allow-down-peer-bypass true",
            "Leave it off, or accept it in writing and close the clear-text ports in the firewall.",
        )


def doubly_wrapped_pods(topology: Topology) -> Iterator[Finding]:
    """Advertising pod networks is for CNIs that route natively; with an encapsulating one it overlaps."""
    overlay = topology.overlay
    if overlay is not None and overlay.advertise_kubernetes_networks and topology.versions.cni == "flannel":
        yield Finding(
            "doubly-wrapped-pods",
            "warning",
            (overlay.name,),
            "KubeSpan advertises the pod networks although flannel wraps pod traffic itself",
            "advertiseKubernetesNetworks is for CNIs with native routing; with flannel's VXLAN, whose outer packets "
            "are in the tunnel anyway, two ways to the same pods compete.",
            f"overlay {overlay.name}: advertise-kubernetes-networks true; versions cni flannel",
            "Turn it off, or use a CNI with native routing.",
        )
