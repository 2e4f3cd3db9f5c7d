"""Rules about who has to be there for the cluster to come back: people with keys, Omni, the discovery service."""

from __future__ import annotations

from collections.abc import Iterator

from meshlab.model.review.finding import Finding, names, stated
from meshlab.model.topology import Topology


def shamir_seal_needs_people(topology: Topology) -> Iterator[Finding]:
    """With Shamir shares, Vault stays sealed after every restart until enough people come."""
    for workload in (w for w in topology.workloads if w.role == "vault"):
        why = (
            "A restarted Vault pod is sealed and serves nothing until a threshold of key holders has typed their "
            "shares, pod by pod. After a rolling reboot of the masters, or one zone's power cut at night, Vault is "
            "down for as long as it takes to wake them; automatic upgrades cannot finish."
        )
        fix = (
            "Auto-unseal with a KMS key (seal: awskms) in the masters' region, its deletion guarded, with recovery "
            "keys held by people; or write down who is called and how long it takes."
        )
        known = stated(workload, "seal") and workload.seal != ""
        if known and workload.seal == "shamir":
            yield Finding(
                "shamir-seal-needs-people",
                "warning",
                (workload.name, *workload.machines),
                f"after every reboot of {names(workload.machines)} people must unseal the Vault pod there",
                why,
                f"workloads {workload.name}: seal shamir",
                fix,
            )
        elif not known:
            yield Finding(
                "shamir-seal-needs-people",
                "warning",
                (workload.name,),
                f"it is not stated how {workload.name} is unsealed; Vault's own default is Shamir shares, by people",
                why,
                f"workloads {workload.name}: seal " + ("is assumed" if workload.seal else "is not given"),
                fix,
            )


def vault_pods_unprotected(topology: Topology) -> Iterator[Finding]:
    """What the spec cannot say of Vault's pods, and the common defaults get wrong."""
    for workload in (w for w in topology.workloads if w.role == "vault" and w.replicas > 1):
        yield Finding(
            "vault-pods-unprotected",
            "info",
            (workload.name,),
            f"to be made sure when {workload.name} is deployed: probes, disruption budget, anti-affinity, service",
            "A liveness probe that fails while sealed restarts the pod before anyone can unseal it; without a budget "
            "of maxUnavailable 1 a drain takes two voters; without required anti-affinity two pods share a machine; "
            "a client service that publishes not-ready pods sends a third of the requests to a sealed one (the "
            "chart's default, vault-helm issue 430).",
            f"workloads {workload.name}: the spec has no fields for these",
            "Liveness /v1/sys/health?standbyok=true&sealedcode=204&uninitcode=204, PodDisruptionBudget maxUnavailable "
            "1, required podAntiAffinity on hostname, publishNotReadyAddresses only on the headless service, "
            "updateStrategy OnDelete.",
        )


def omni_kms_reboot(topology: Topology) -> Iterator[Finding]:
    """Disks encrypted with keys that Omni holds cannot be opened while Omni is away."""
    omni = topology.orchestrator
    if omni is None:
        return
    why = (
        "With Omni as the KMS of the disk encryption, a machine asks Omni for its key at every boot. If it reboots "
        "while Omni cannot be reached, it cannot unlock STATE and EPHEMERAL and stays away: an Omni outage becomes a "
        "cluster outage with the first power cut."
    )
    if not stated(omni, "disk-encryption"):
        yield Finding(
            "omni-kms-reboot",
            "warning",
            (omni.name,),
            "it is not stated whether the disks are encrypted with keys held by Omni",
            why,
            f"orchestrator {omni.name}: disk-encryption is assumed",
            "State it. If the disks must be encrypted, use the TPM or a static key beside Omni's as a second key slot.",
        )
    elif omni.disk_encryption:
        yield Finding(
            "omni-kms-reboot",
            "error" if omni.hosted == "saas" else "warning",
            (omni.name, *(m.name for m in topology.machines)),
            "no machine comes back from a reboot while Omni is unreachable, for it holds the keys of the disks",
            why,
            f"orchestrator {omni.name}: disk-encryption true, hosted {omni.hosted}",
            "Add a second key slot that needs no network (TPM), or turn the encryption by Omni off.",
        )
    else:
        yield Finding(
            "omni-kms-reboot",
            "info",
            (omni.name,),
            "checked: the disks are not encrypted with keys held by Omni, so machines reboot without it",
            why,
            f"orchestrator {omni.name}: disk-encryption false",
            "Nothing now. It breaks when disk encryption is switched on in Omni's cluster template.",
        )


def omni_is_the_only_door(topology: Topology) -> Iterator[Finding]:
    """kubectl and talosctl go through Omni; without it there must be another way in, prepared before."""
    omni = topology.orchestrator
    if omni is None:
        return
    yield Finding(
        "omni-is-the-only-door",
        "info",
        (omni.name,),
        "while Omni is unreachable nobody can use kubectl or talosctl, scale, upgrade or join; what runs, runs",
        "Access is proxied by Omni. The way round it (break-glass) must be fetched while Omni is there; it gives "
        "operator rights only and taints the cluster, after which the certificate authorities have to be rotated.",
        f"orchestrator {omni.name}: hosted {omni.hosted}",
        "Keep break-glass configurations sealed away (omnictl talosconfig --break-glass, kubeconfig --break-glass) "
        "and practise their use once.",
    )


def discovery_embedded(topology: Topology) -> Iterator[Finding]:
    """With the discovery service inside Omni, one outage takes management and the meeting of peers."""
    discovery = topology.discovery
    if discovery is not None and discovery.within:
        yield Finding(
            "discovery-embedded",
            "warning",
            (discovery.name, discovery.within),
            f"the discovery service is embedded in {discovery.within}: both go at once",
            "Peers that know each other keep talking. But a machine that reboots meanwhile, or whose address changes, "
            "finds no peers until discovery is back, and with Omni away nobody can look into it. Omni's embedded "
            "service does not tell public addresses either, so it gives no help to peers behind a NAT.",
            f"discovery {discovery.name}: within {discovery.within}",
            "Use the public service, or one of your own apart from Omni.",
        )


def discovery_down_reboot(topology: Topology) -> Iterator[Finding]:
    """A machine that boots while discovery is away learns of no peers, and joins no mesh."""
    discovery, overlay = topology.discovery, topology.overlay
    if overlay is not None and discovery is None:
        yield Finding(
            "discovery-down-reboot",
            "error",
            (overlay.name,),
            "there is no discovery service in the design, and KubeSpan needs one",
            "KubeSpan learns its peers' keys and addresses from the discovery service; Talos refuses KubeSpan "
            "without it.",
            f"overlay {overlay.name}: discovery is not given",
            "Add `discovery:` and name it in the overlay.",
        )
    elif overlay is not None and discovery is not None:
        yield Finding(
            "discovery-down-reboot",
            "info",
            (discovery.name,),
            f"a machine that reboots while {discovery.name} is away meets no peers until it is back",
            "Peers are not kept over a reboot. Those that are up keep their tunnels for as long as they stay up.",
            f"discovery {discovery.name}: endpoint {discovery.endpoint}",
            "Do not reboot masters while it is away: `meshlab simulate` shows what a reboot would cost.",
        )
