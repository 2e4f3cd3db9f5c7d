"""The design review: every rule with a design that it finds fault with and one that it does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meshlab.model import (
    Discovery,
    Distribution,
    Firewall,
    FirewallRule,
    Link,
    Machine,
    Reliability,
    Topology,
)
from meshlab.model.exchange import import_design
from meshlab.model.review import RULES, Finding, review, rule_id
from meshlab.model.spec import reference

FIXED = (
    "overlay-slash-24",
    "asg-around-etcd",
    "shared-fate-vault-etcd",
    "single-replica-local-disk",
    "etcd-edge-to-workers",
    "nat-peers-cannot-meet",
    "shamir-seal-needs-people",
    "omni-kms-reboot",
    "api-public",
    "wireguard-port-closed",
    "mtu-pod-overlay",
)
BY_ID = {rule_id(rule): rule for rule in RULES}
SEED = Path(__file__).parent.parent / "data" / "design.md"
CLUSTER = reference()
MASTERS = ("master-1", "master-2", "master-3")


def edit(name: str, **changes: Any) -> Topology:
    return CLUSTER.with_component(replace(CLUSTER[name], **changes))


def versions(**changes: Any) -> Topology:
    return replace(CLUSTER, versions=replace(CLUSTER.versions, **changes))


def pod_mtu(mtu: int) -> Topology:
    return replace(CLUSTER, networks=replace(CLUSTER.networks, pod_mtu=mtu))


def rules(*given: tuple[str, int, str]) -> Topology:
    """The reference with these rules alone around the masters: protocol, port, source."""
    made = tuple(FirewallRule(p, (port, port), (source,)) for p, port, source in given)  # type: ignore[arg-type]
    return edit("control-plane-firewall", rules=made)


def disk(machine: str, **changes: Any) -> Topology:
    disks = CLUSTER.machine(machine).disks
    return edit(machine, disks=(*disks[:-1], replace(disks[-1], **changes)))


def second_site_behind_nat() -> Topology:
    hidden = replace(CLUSTER.machine("worker-3"), name="worker-9", site="dc-2")
    return CLUSTER.with_component(replace(CLUSTER.sites[-1], name="dc-2")).with_component(hidden)


def worker_firewall() -> Topology:
    wall = Firewall(name="rack", machines=tuple(m.name for m in CLUSTER.workers))
    return CLUSTER.with_component(wall)


def drawn(label: str) -> Topology:
    return replace(CLUSTER, drawn=tuple(replace(edge, label=label) for edge in CLUSTER.drawn))


FAULTY: dict[str, Callable[[], Topology]] = {
    "overlay-slash-24": lambda: CLUSTER,
    "nat-peers-cannot-meet": second_site_behind_nat,
    "mtu-pod-overlay": lambda: CLUSTER,
    "underlay-mtu-too-small": lambda: edit("us-east-1--dc-1", mtu=1492),
    "clear-text-bypass": lambda: edit("kubespan", allow_down_peer_bypass=True),
    "doubly-wrapped-pods": lambda: edit("kubespan", advertise_kubernetes_networks=True),
    "asg-around-etcd": lambda: CLUSTER,
    "shared-fate-vault-etcd": lambda: CLUSTER,
    "etcd-edge-to-workers": lambda: CLUSTER,
    "single-voter": lambda: edit("etcd", voters=("master-1",)),
    "even-voters": lambda: edit("etcd", voters=("master-1", "master-2")),
    "quorum-in-one-zone": lambda: edit("master-2", zone="us-east-1a"),
    "etcd-voter-on-worker": lambda: edit("etcd", voters=("master-1", "master-2", "worker-1")),
    "etcd-over-slow-link": lambda: edit("etcd", voters=("master-1", "master-2", "worker-1"), election=0.05),
    "etcd-disk-too-slow": lambda: disk("master-1", fsync=Distribution.lognormal(0.008, 0.5)),
    "single-replica-local-disk": lambda: CLUSTER,
    "machine-overcommitted": lambda: edit("worker-1", memory=256 * 2.0**30),
    "disk-too-small": lambda: disk("worker-3", size=4e12),
    "disk-endurance-unknown": lambda: disk("worker-3", endurance=0.0),
    "shamir-seal-needs-people": lambda: CLUSTER,
    "vault-pods-unprotected": lambda: CLUSTER,
    "omni-kms-reboot": lambda: edit("omni", disk_encryption=True),
    "omni-is-the-only-door": lambda: CLUSTER,
    "discovery-embedded": lambda: edit("discovery", within="omni"),
    "discovery-down-reboot": lambda: CLUSTER.without("discovery"),
    "api-public": lambda: rules(("tcp", 6443, "0.0.0.0/0"), ("udp", 51820, "0.0.0.0/0")),
    "talos-api-public": lambda: rules(("tcp", 50000, "::/0")),
    "etcd-ports-public": lambda: rules(("tcp", 2379, "0.0.0.0/0")),
    "wireguard-port-closed": lambda: rules(("tcp", 51820, "0.0.0.0/0")),
    "no-worker-firewall": lambda: CLUSTER,
    "too-many-voters": lambda: edit("etcd", voters=MASTERS * 3),
    "pods-network-too-small": lambda: replace(
        CLUSTER, networks=replace(CLUSTER.networks, pods="10.244.0.0/22")
    ),
    "link-loses-much": lambda: edit("us-east-1--dc-1", loss=0.5),
    "hardly-ever-up": lambda: edit("worker-1", reliability=Reliability(1e-9, Distribution.constant(3e10))),
}
SOUND: dict[str, Callable[[], Topology]] = {
    "overlay-slash-24": lambda: edit("kubespan", claimed_prefix=0),
    "mtu-pod-overlay": lambda: pod_mtu(1370),
    "asg-around-etcd": lambda: edit("control-plane", technology="pool"),
    "shared-fate-vault-etcd": lambda: edit("vault", voters=("worker-1", "worker-2", "worker-3")),
    "etcd-edge-to-workers": lambda: drawn("Kubernetes API"),
    "single-replica-local-disk": lambda: CLUSTER.without("solana", "ethereum", "tron"),
    "shamir-seal-needs-people": lambda: edit("vault-server", seal="awskms"),
    "vault-pods-unprotected": lambda: CLUSTER.without("vault-server"),
    "omni-is-the-only-door": lambda: CLUSTER.without("omni"),
    "discovery-down-reboot": lambda: CLUSTER.without("kubespan"),
    "no-worker-firewall": worker_firewall,
}
"""Where the reference cluster itself is not sound by the rule."""


def complaints(rule: str, topology: Topology) -> list[Finding]:
    """What a rule has to say that is not merely that it was checked."""
    return [f for f in BY_ID[rule](topology) if not f.message.startswith("checked: ")]


def test_every_rule_has_its_examples() -> None:
    assert set(FAULTY) == set(BY_ID)
    assert set(SOUND) <= set(BY_ID)
    assert set(FIXED) <= set(BY_ID)


@pytest.mark.parametrize("rule", sorted(FAULTY))
def test_a_rule_finds_what_it_is_for(rule: str) -> None:
    found = complaints(rule, FAULTY[rule]())

    assert found
    for finding in found:
        assert finding.rule == rule
        assert finding.components
        assert all((finding.message, finding.why, finding.evidence, finding.fix))


@pytest.mark.parametrize("rule", sorted(FAULTY))
def test_a_rule_is_silent_where_all_is_well(rule: str) -> None:
    assert complaints(rule, SOUND.get(rule, reference)()) == []


@pytest.mark.parametrize("rule", FIXED)
def test_the_users_own_design_gets_a_word_on_each_of_the_eleven(rule: str) -> None:
    assert rule in {finding.rule for finding in review(CLUSTER)}


@pytest.mark.parametrize(
    "rule", ["api-public", "wireguard-port-closed", "omni-kms-reboot", "nat-peers-cannot-meet"]
)
def test_what_holds_by_design_is_said_to_be_checked(rule: str) -> None:
    (finding,) = [f for f in review(CLUSTER) if f.rule == rule]

    assert finding.severity == "info"
    assert finding.message.startswith("checked: ")
    assert "break" in finding.fix or "would" in finding.fix


@pytest.mark.parametrize(
    "rule",
    [
        "api-public",
        "wireguard-port-closed",
        "omni-kms-reboot",
        "nat-peers-cannot-meet",
        "shamir-seal-needs-people",
    ],
)
def test_what_the_drawing_leaves_open_is_a_warning(rule: str) -> None:
    (finding,) = [f for f in review(import_design(SEED).topology) if f.rule == rule]

    assert finding.severity == "warning"
    assert "not stated" in finding.message


@pytest.mark.parametrize("rule", FIXED)
def test_the_imported_drawing_gets_a_word_on_each_of_the_eleven(rule: str) -> None:
    assert rule in {finding.rule for finding in review(import_design(SEED).topology)}


def test_wireguard_on_tcp_is_called_by_its_name() -> None:
    (finding,) = complaints("wireguard-port-closed", rules(("tcp", 51820, "0.0.0.0/0")))

    assert finding.severity == "error"
    assert "TCP" in finding.message


def test_wireguard_for_a_known_range_only_is_not_enough_for_peers_behind_nat() -> None:
    (finding,) = complaints("wireguard-port-closed", rules(("udp", 51820, "10.40.0.0/24")))

    assert finding.severity == "warning"
    assert "worker-1" in finding.components


def test_a_port_range_that_holds_6443_is_seen() -> None:
    wall = CLUSTER["control-plane-firewall"]
    assert isinstance(wall, Firewall)
    wide = FirewallRule("tcp", (1, 65535), ("0.0.0.0/0",))

    found = review(CLUSTER.with_component(replace(wall, rules=(*wall.rules, wide))))

    assert {"api-public", "talos-api-public", "etcd-ports-public"} <= {
        f.rule for f in found if f.severity != "info"
    }


def test_three_voters_over_the_ocean_break_the_ten_round_trips_rule() -> None:
    far = Link(name="us-east-1--dc-1", a="us-east-1", b="dc-1", latency=Distribution.lognormal(0.08, 0.2))
    ocean = CLUSTER.with_component(far).with_component(
        replace(CLUSTER.raft_group("etcd"), voters=("master-1", "master-2", "worker-1"))
    )

    (finding,) = complaints("etcd-over-slow-link", ocean)

    assert finding.severity == "error"
    assert "us-east-1--dc-1" in finding.components


def test_a_peer_without_any_public_address_cannot_be_met_from_behind_nat() -> None:
    (finding,) = complaints("nat-peers-cannot-meet", edit("master-2", public_address=False))

    assert finding.severity == "warning"
    assert "master-2" in finding.components


def test_the_order_is_gravest_first_and_the_same_every_time() -> None:
    order = [f.severity for f in review(CLUSTER)]

    assert order == sorted(order, key=["error", "warning", "info"].index)
    assert review(CLUSTER) == review(reference())


def test_the_json_form_has_the_fields_that_scripts_read() -> None:
    for finding in review(CLUSTER):
        again = json.loads(json.dumps(finding.as_json()))
        assert set(again) == {"rule", "severity", "components", "message", "fix", "why", "evidence"}
        assert isinstance(again["components"], list)


def test_every_component_that_is_named_is_there() -> None:
    for finding in review(CLUSTER):
        assert all(name in CLUSTER for name in finding.components), finding.rule


@pytest.mark.parametrize("gone", [c.name for c in CLUSTER if not isinstance(c, Machine)] + list(MASTERS))
def test_the_review_copes_with_any_part_missing(gone: str) -> None:
    assert isinstance(review(CLUSTER.without(gone)), tuple)


def test_discovery_in_omni_is_told_to_give_no_help_with_nat() -> None:
    (finding,) = complaints(
        "discovery-embedded", CLUSTER.with_component(Discovery(name="discovery", within="omni"))
    )

    assert "NAT" in finding.why
