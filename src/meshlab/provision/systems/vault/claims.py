"""What is proven of Vault on the running cluster, claim by claim."""

from __future__ import annotations

from collections.abc import Iterator

from meshlab.provision.manifests.vault import NAMESPACE as VAULT
from meshlab.provision.systems.context import Context
from meshlab.provision.systems.interface import Claim, Subject
from meshlab.provision.systems.kubernetes.calls import kubernetes_errors


def vault_group(context: Context, subject: Subject) -> Iterator[Claim]:
    """Vault has three unsealed voters, one per master."""
    from meshlab.provision.systems.vault.operations import ROOT_REVOKED, active, autopilot, health

    if not subject.parts["vault"]:
        return
    states = {pod: health(context, pod) for pod in subject.parts["vault"]}
    yield Claim(
        f"Vault: {len(states)} pods unsealed, one of them active",
        ", ".join(f"{pod} {h.code}" for pod, h in states.items()),
        not any(h.sealed or not h.initialized for h in states.values())
        and sum(h.active for h in states.values()) == 1,
    )
    with kubernetes_errors("reading the Vault pods"):
        pods = context.connections.kubernetes.list("v1", "Pod", VAULT)
    places = {
        p["metadata"]["name"]: p["spec"].get("nodeName", "") for p in pods if p["metadata"]["name"] in states
    }
    masters = {m["name"] for m in subject.masters}
    yield Claim(
        "each Vault pod is on a master of its own",
        ", ".join(f"{pod} on {node}" for pod, node in sorted(places.items())),
        len(places) == len(states) == len(set(places.values())) and set(places.values()) <= masters,
    )
    if ROOT_REVOKED in context.strongbox:
        return
    state = autopilot(context, subject.parts["vault"])
    yield Claim(
        f"Vault: {len(states)} voters, one of which may be lost",
        f"voters {', '.join(state.voters)}; failure tolerance {state.failure_tolerance}",
        len(state.voters) == len(states) and state.failure_tolerance >= 1 and state.healthy,
    )
    with active(context, subject.parts["vault"]) as client:
        devices = client.audit_devices()
    yield Claim("Vault's requests are audited", f"devices {', '.join(devices) or 'none'}", bool(devices))


def vault_budget(context: Context, subject: Subject) -> Iterator[Claim]:
    """A drain can take one Vault pod at a time, and never two."""
    if not subject.parts["vault"]:
        return
    with kubernetes_errors("reading the disruption budget"):
        budget = context.connections.kubernetes.find("policy/v1", "PodDisruptionBudget", "vault", VAULT)
    allowed = (budget or {}).get("spec", {}).get("maxUnavailable")
    yield Claim("a drain takes one Vault pod at a time", f"maxUnavailable {allowed}", str(allowed) == "1")


CLAIMS = (
    vault_group,
    vault_budget,
)
