"""The rules of the EC2 machines' firewall, in AWS's terms."""

from __future__ import annotations

import ipaddress
from typing import Any

from meshlab.model import Firewall, Topology
from meshlab.provision.plan.draft import CannotPlan, Draft

_ANYWHERE = ("0.0.0.0/0", "::/0")
_NEVER_PUBLIC = {6443: "the Kubernetes API", 50000: "the Talos API"}


def security_rules(draft: Draft) -> list[dict[str, Any]]:
    """Gives the rules of the EC2 machines' firewall, in AWS's terms.

    Raises
    ------
    CannotPlan
        There is no firewall in the spec, or it opens 6443 or 50000 to the world.
    """
    names = {m.name for m in draft.cloud}
    firewall = next((f for f in draft.topology.of(Firewall) if names & set(f.machines)), None)
    if firewall is None:
        raise CannotPlan(
            "no firewall in the spec guards the EC2 machines: write one, so that what is open is said"
        )
    rules = []
    for rule in firewall.rules:
        peers = [_peer(draft.topology, firewall, source) for source in rule.sources]
        for port, what in _NEVER_PUBLIC.items():
            if (
                rule.ports[0] <= port <= rule.ports[1]
                and rule.protocol == "tcp"
                and set(peers) & set(_ANYWHERE)
            ):
                raise CannotPlan(
                    f"{firewall.name} opens {what} (tcp {port}) to the world; name the operators' ranges instead"
                )
        rules.append(
            {
                "protocol": rule.protocol,
                "first": rule.ports[0],
                "last": rule.ports[1],
                "peers": sorted(peers),
                "why": rule.reason,
            }
        )
    return rules


def _peer(topology: Topology, firewall: Firewall, source: str) -> str:
    if source == firewall.name:
        return "self"
    site = next((s for s in topology.sites if s.name == source), None)
    if site is not None:
        return site.network
    try:
        return str(ipaddress.ip_network(source))
    except ValueError:
        raise CannotPlan(
            f"{firewall.name}: {source!r} is neither a network, a site nor the firewall's own name"
        ) from None
