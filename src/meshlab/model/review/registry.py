"""All rules of the review, and the review itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from meshlab.model.review import doubtful, firewall, management, network, quorums, storage
from meshlab.model.review.finding import ORDER, Finding
from meshlab.model.topology import Topology

Rule = Callable[[Topology], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    network.overlay_slash_24,
    network.nat_peers_cannot_meet,
    network.mtu_pod_overlay,
    network.underlay_mtu_too_small,
    network.clear_text_bypass,
    network.doubly_wrapped_pods,
    quorums.asg_around_etcd,
    quorums.shared_fate_vault_etcd,
    quorums.etcd_edge_to_workers,
    quorums.single_voter,
    quorums.even_voters,
    quorums.quorum_in_one_zone,
    quorums.etcd_voter_on_worker,
    quorums.etcd_over_slow_link,
    quorums.etcd_disk_too_slow,
    storage.single_replica_local_disk,
    storage.machine_overcommitted,
    storage.disk_too_small,
    storage.disk_endurance_unknown,
    management.shamir_seal_needs_people,
    management.vault_pods_unprotected,
    management.omni_kms_reboot,
    management.omni_is_the_only_door,
    management.discovery_embedded,
    management.discovery_down_reboot,
    firewall.api_public,
    firewall.talos_api_public,
    firewall.etcd_ports_public,
    firewall.wireguard_port_closed,
    firewall.no_worker_firewall,
    doubtful.too_many_voters,
    doubtful.pods_network_too_small,
    doubtful.link_loses_much,
    doubtful.hardly_ever_up,
)


def rule_id(rule: Rule) -> str:
    """Gives a rule's fixed id: ``overlay-slash-24``."""
    return rule.__name__.replace("_", "-")


def review(topology: Topology) -> tuple[Finding, ...]:
    """Gives what there is to say about a design, the gravest first.

    Examples
    --------
    >>> from meshlab.model.spec import reference
    >>> review(reference())[0].rule
    'asg-around-etcd'
    """
    found = [finding for rule in RULES for finding in rule(topology)]
    return tuple(sorted(found, key=lambda f: (ORDER.index(f.severity), f.rule, f.components)))
