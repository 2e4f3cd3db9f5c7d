"""The verification: each claim of the design measured on the running cluster, one line each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from meshlab.model import LiveError
from meshlab.provision.manifests.chains import NAMESPACE as CHAINS
from meshlab.provision.manifests.vault import NAMESPACE as VAULT
from meshlab.provision.steps.aws import TAG, aws_errors, single_rules
from meshlab.provision.steps.context import Context
from meshlab.provision.steps.kubernetes import is_true, kubernetes_errors
from meshlab.provision.steps.operation import Absent, Operation, Probe, Result, StepFailed, operation
from meshlab.provision.steps.talos import LOOK_S, answers, etcd_members, peers_up, talos_errors

_ANYWHERE = {"0.0.0.0/0", "::/0"}


@dataclass(frozen=True)
class Claim:
    """One line of the verification: what the design says, what was measured, whether it holds."""

    claim: str
    measured: str
    holds: bool

    def to_dict(self) -> dict[str, object]:
        return {"claim": self.claim, "measured": self.measured, "holds": self.holds}


@dataclass(frozen=True)
class Subject:
    """What is verified, from the step's settings."""

    machines: list[dict[str, str]]
    cloud: list[str]
    vault: list[str]
    chains: list[dict[str, str]]

    @property
    def masters(self) -> list[dict[str, str]]:
        return [m for m in self.machines if m["role"] == "control-plane"]


Check = Callable[[Context, Subject], Iterator[Claim]]


@operation("verify.claims")
class VerifyClaims(Operation):
    """Runs every check; a check that cannot measure says so, and its claim does not hold."""

    repeatable = True

    def probe(self, context: Context) -> Probe:
        return Absent("claims are measured anew each time")

    def perform(self, context: Context) -> Result:
        subject = Subject(**{name: self.settings[name] for name in ("machines", "cloud", "vault", "chains")})
        claims = verify(context, subject)
        for claim in claims:
            context.say(f"{'holds' if claim.holds else 'DOES NOT HOLD'}: {claim.claim} ({claim.measured})")
        failed = [claim.claim for claim in claims if not claim.holds]
        said = f"{len(claims) - len(failed)} of {len(claims)} claims hold"
        if failed:
            said += "; not: " + "; ".join(failed)
        return {"holds": not failed, "said": said, "claims": [claim.to_dict() for claim in claims]}


def verify(context: Context, subject: Subject) -> list[Claim]:
    """Gives every claim with its measurement."""
    found: list[Claim] = []
    for check in CHECKS:
        try:
            found += check(context, subject)
        except (StepFailed, LiveError) as error:
            what = (check.__doc__ or check.__name__).strip().rstrip(".")
            found.append(Claim(what, f"cannot be measured: {error}", False))
    return found


def etcd_quorum(context: Context, subject: Subject) -> Iterator[Claim]:
    """etcd has one voter in each zone, and a leader."""
    places = {m["name"]: m["place"] for m in subject.masters}
    members = etcd_members(context, subject.masters[0]["address"])
    voters = sorted(m.hostname for m in members if not m.is_learner)
    where = sorted({places.get(name, "?") for name in voters})
    yield Claim(
        f"etcd has {len(places)} voters, one per zone",
        f"voters {', '.join(voters)} in {', '.join(where)}",
        voters == sorted(places) and len(where) == len(set(places.values())) and len(where) == len(voters),
    )
    leaders = set()
    for master in subject.masters:
        with (
            talos_errors("etcd status"),
            context.connections.talos(master["address"], timeout_s=LOOK_S) as client,
        ):
            leaders.add(int(client.etcd_status().leader))
    yield Claim(
        "all etcd members follow one leader",
        f"leaders named: {len(leaders)}",
        len(leaders) == 1 and 0 not in leaders,
    )


def talos_api(context: Context, subject: Subject) -> Iterator[Claim]:
    """The Talos API answers only to our certificate."""
    open_to_all = [m["name"] for m in subject.machines if answers(context, m["address"], maintenance=True)]
    known = [m["name"] for m in subject.machines if answers(context, m["address"], maintenance=False)]
    yield Claim(
        "the Talos API answers with our certificate, and not without one",
        f"{len(known)} of {len(subject.machines)} answer with it, {len(open_to_all)} without",
        not open_to_all and len(known) == len(subject.machines),
    )


def api_servers(context: Context, subject: Subject) -> Iterator[Claim]:
    """The Kubernetes API is ready on every master."""
    ready = [m["name"] for m in subject.masters if context.connections.kubernetes.ready(m["address"])]
    yield Claim(
        "the Kubernetes API is ready on every master",
        f"ready on {', '.join(ready)}",
        len(ready) == len(subject.masters),
    )


def not_public(context: Context, subject: Subject) -> Iterator[Claim]:
    """6443 and 50000 are not open to the world, UDP 51820 is."""
    from meshlab.live.aws.sweep import find_by_tag

    if not subject.cloud:
        return
    with aws_errors("reading the security group"):
        groups = find_by_tag(context.connections.aws, "security-group", {TAG: context.cluster})
    rules = {rule for group in groups for rule in single_rules(group.ingress)}
    public = {(p, first, last) for p, first, last, peer in rules if peer in _ANYWHERE}
    wide = [
        port for port in (6443, 50000) if any(p in ("tcp", "-1") and a <= port <= b for p, a, b in public)
    ]
    yield Claim(
        "neither the Kubernetes API (6443) nor the Talos API (50000) is open to the world",
        f"open to the world: {', '.join(f'{p} {a}' for p, a, _ in sorted(public)) or 'nothing'}",
        bool(groups) and not wide,
    )
    mesh = [r for r in rules if r[0] == "udp" and r[1] <= 51820 <= r[2]]
    yield Claim("UDP 51820 is open for KubeSpan", f"{len(mesh)} UDP rules let it in", bool(mesh))


def instances(context: Context, subject: Subject) -> Iterator[Claim]:
    """Masters are instances of their own, one per zone, with encrypted disks."""
    from meshlab.live.aws.sweep import find_by_tag

    if not subject.cloud:
        return
    aws, tags = context.connections.aws, {TAG: context.cluster}
    with aws_errors("reading the instances"):
        found = find_by_tag(aws, "instance", tags)
        volumes = find_by_tag(aws, "volume", tags)
    grouped = [i.id for i in found if any(key.startswith("aws:autoscaling") for key in i.tags)]
    zones = {i.zone for i in found}
    yield Claim(
        "no Auto Scaling group holds an etcd voter, and each is in a zone of its own",
        f"{len(found)} instances in {len(zones)} zones, {len(grouped)} in a group",
        len(found) == len(zones) == len(subject.cloud) and not grouped,
    )
    clear = [v["VolumeId"] for v in volumes if not v.get("Encrypted")]
    yield Claim(
        "every disk of a master is encrypted",
        f"{len(volumes)} volumes, {len(clear)} in clear",
        len(volumes) >= len(subject.cloud) and not clear,
    )


def mesh(context: Context, subject: Subject) -> Iterator[Claim]:
    """The KubeSpan mesh is full."""
    wanted = len(subject.machines) - 1
    up = {m["name"]: peers_up(context, m["address"])[0] for m in subject.machines}
    yield Claim(
        f"the KubeSpan mesh is full: {wanted} peers up on each of {len(up)} machines",
        ", ".join(f"{name} {count}" for name, count in up.items()),
        all(count == wanted for count in up.values()),
    )


def nodes(context: Context, subject: Subject) -> Iterator[Claim]:
    """Every machine is a Ready node and says its zone."""
    with kubernetes_errors("reading the nodes"):
        found = {n["metadata"]["name"]: n for n in context.connections.kubernetes.list("v1", "Node")}
    ready = [m["name"] for m in subject.machines if m["name"] in found and is_true(found[m["name"]], "Ready")]
    yield Claim(
        "every machine is a Ready node",
        f"{len(ready)} of {len(subject.machines)}",
        len(ready) == len(subject.machines),
    )
    zone = "topology.kubernetes.io/zone"
    right = [m["name"] for m in subject.machines if _label(found.get(m["name"]), zone) == m["place"]]
    yield Claim(
        "every node carries its zone",
        f"{len(right)} of {len(subject.machines)}",
        len(right) == len(subject.machines),
    )


def vault_group(context: Context, subject: Subject) -> Iterator[Claim]:
    """Vault has three unsealed voters, one per master."""
    from meshlab.provision.steps.vault import ROOT_REVOKED, active, autopilot, health

    if not subject.vault:
        return
    states = {pod: health(context, pod) for pod in subject.vault}
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
    state = autopilot(context, subject.vault)
    yield Claim(
        f"Vault: {len(states)} voters, one of which may be lost",
        f"voters {', '.join(state.voters)}; failure tolerance {state.failure_tolerance}",
        len(state.voters) == len(states) and state.failure_tolerance >= 1 and state.healthy,
    )
    with active(context, subject.vault) as client:
        devices = client.audit_devices()
    yield Claim("Vault's requests are audited", f"devices {', '.join(devices) or 'none'}", bool(devices))


def vault_budget(context: Context, subject: Subject) -> Iterator[Claim]:
    """A drain can take one Vault pod at a time, and never two."""
    if not subject.vault:
        return
    with kubernetes_errors("reading the disruption budget"):
        budget = context.connections.kubernetes.find("policy/v1", "PodDisruptionBudget", "vault", VAULT)
    allowed = (budget or {}).get("spec", {}).get("maxUnavailable")
    yield Claim("a drain takes one Vault pod at a time", f"maxUnavailable {allowed}", str(allowed) == "1")


def chain_nodes(context: Context, subject: Subject) -> Iterator[Claim]:
    """Each chain node is healthy on its worker, with its data on that worker's disk."""
    if not subject.chains:
        return
    kube = context.connections.kubernetes
    with kubernetes_errors("reading the chain nodes"):
        pods = {p["metadata"]["name"]: p for p in kube.list("v1", "Pod", CHAINS)}
        claims = {c["metadata"]["name"]: c for c in kube.list("v1", "PersistentVolumeClaim", CHAINS)}
        volumes = {v["metadata"]["name"]: v for v in kube.list("v1", "PersistentVolume")}
    for chain in subject.chains:
        pod = pods.get(chain["pod"], {})
        node, ready = pod.get("spec", {}).get("nodeName", "nowhere"), is_true(pod, "Ready")
        yield Claim(
            f"{chain['role']} is in step with its network on {chain['machine']}",
            f"{chain['pod']} on {node}, {'ready' if ready else 'not ready'}",
            node == chain["machine"] and ready,
        )
        claim = claims.get(f"data-{chain['pod']}", {})
        volume = volumes.get(claim.get("spec", {}).get("volumeName", ""), {})
        path = volume.get("spec", {}).get("local", {}).get("path", "")
        yield Claim(
            f"{chain['role']} keeps its data on {chain['machine']}'s own disk",
            f"{path or 'no local volume'} on {', '.join(_hosts(volume)) or '?'}",
            bool(path) and _hosts(volume) == [chain["machine"]],
        )


def _hosts(volume: dict[str, Any]) -> list[str]:
    terms = volume.get("spec", {}).get("nodeAffinity", {}).get("required", {}).get("nodeSelectorTerms") or ()
    return [str(v) for t in terms for e in t.get("matchExpressions", ()) for v in e.get("values", ())]


def _label(node: dict[str, Any] | None, label: str) -> str:
    return str((node or {}).get("metadata", {}).get("labels", {}).get(label, ""))


CHECKS: tuple[Check, ...] = (
    etcd_quorum,
    talos_api,
    api_servers,
    not_public,
    instances,
    mesh,
    nodes,
    vault_group,
    vault_budget,
    chain_nodes,
)
