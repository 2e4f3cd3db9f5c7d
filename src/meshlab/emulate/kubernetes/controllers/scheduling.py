"""Which nodes a pod fits on: the scheduler's filters as pure functions, with the real one's reasons."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from meshlab.emulate.kubernetes.objects import meta, selectors
from meshlab.emulate.kubernetes.objects.defaults import containers
from meshlab.emulate.kubernetes.objects.status import Object

HOSTNAME = "kubernetes.io/hostname"


@dataclass
class Cluster:
    """What the scheduler looks at: nodes, pods with their node (bound or assumed), volumes, claims, classes."""

    nodes: Sequence[Object]
    pods: Sequence[Object]
    volumes: Mapping[str, Object] = field(default_factory=dict)
    claims: Mapping[str, Object] = field(default_factory=dict)
    classes: Mapping[str, Object] = field(default_factory=dict)
    taken: Mapping[str, str] = field(default_factory=dict)
    """Volumes already promised to claims: volume name to claim key."""

    def on(self, node: Object) -> list[Object]:
        """The pods of a node that still use it."""
        name = meta.name_of(node)
        return [p for p in self.pods if p["spec"].get("nodeName") == name and not meta.is_finished(p)]


def node_labels(node: Object) -> dict[str, str]:
    """The labels of a node."""
    found: dict[str, str] = node["metadata"].get("labels") or {}
    return found


def _term_fits(term: Object, node: Object) -> bool:
    labels = node_labels(node)
    if not all(selectors.expression_matches(e, labels) for e in term.get("matchExpressions") or ()):
        return False
    names = {"metadata.name": meta.name_of(node)}
    return all(selectors.expression_matches(e, names) for e in term.get("matchFields") or ())


def node_selector_fits(selector: Object | None, node: Object) -> bool:
    """Whether a node fits a NodeSelector (any of its terms); an absent one fits."""
    if not selector:
        return True
    return any(_term_fits(t, node) for t in selector.get("nodeSelectorTerms") or ())


def tolerates(tolerations: Sequence[Object], taint: Object) -> bool:
    """Whether any toleration covers a taint."""
    for toleration in tolerations:
        if toleration.get("effect") not in (None, "", taint["effect"]):
            continue
        key = toleration.get("key", "")
        if not key and toleration.get("operator") == "Exists":
            return True
        if key != taint["key"]:
            continue
        if toleration.get("operator", "Equal") == "Exists" or toleration.get("value", "") == taint.get(
            "value", ""
        ):
            return True
    return False


def _taint_reason(pod: Object, node: Object) -> str | None:
    tolerations = pod["spec"].get("tolerations") or ()
    taints = list(node["spec"].get("taints") or ())
    if node["spec"].get("unschedulable") and not any(
        t["key"] == "node.kubernetes.io/unschedulable" for t in taints
    ):
        taints.insert(0, {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"})
    for taint in taints:
        if taint["effect"] in ("NoSchedule", "NoExecute") and not tolerates(tolerations, taint):
            if taint["key"] == "node.kubernetes.io/unschedulable":
                return "node(s) were unschedulable"
            return "node(s) had untolerated taint(s)"
    return None


def _affinity_reason(pod: Object, node: Object) -> str | None:
    spec = pod["spec"]
    labels = node_labels(node)
    if any(labels.get(k) != v for k, v in (spec.get("nodeSelector") or {}).items()):
        return "node(s) didn't match Pod's node affinity/selector"
    wanted = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    return None if node_selector_fits(wanted, node) else "node(s) didn't match Pod's node affinity/selector"


def requests(pod: Object) -> dict[str, float]:
    """What a pod asks for: resource name to amount (cores, bytes)."""
    total: defaultdict[str, float] = defaultdict(float)
    inits: defaultdict[str, float] = defaultdict(float)
    regular = {c["name"] for c in pod["spec"].get("containers") or ()}
    for container in containers(pod["spec"]):
        asked = (container.get("resources") or {}).get("requests") or {}
        amounts = {k: meta.quantity(v) for k, v in asked.items()}
        if container["name"] in regular:
            for k, amount in amounts.items():
                total[k] += amount
        else:
            for k, amount in amounts.items():
                inits[k] = max(inits[k], amount)
    for k, amount in inits.items():
        total[k] = max(total[k], amount)
    return total


def _resources_reasons(pod: Object, node: Object, cluster: Cluster) -> list[str]:
    allocatable = node.get("status", {}).get("allocatable") or {}
    here = cluster.on(node)
    used: defaultdict[str, float] = defaultdict(float)
    for other in here:
        for name, amount in requests(other).items():
            used[name] += amount
    reasons = []
    if len(here) + 1 > int(meta.quantity(allocatable.get("pods", 110))):
        reasons.append("Too many pods")
    for name, amount in requests(pod).items():
        free = meta.quantity(allocatable.get(name, 0)) - used[name]
        if amount and amount > free + 1e-9:
            reasons.append(f"Insufficient {name}")
    return reasons


def _terms(pod: Object, kind: str) -> list[Object]:
    found: list[Object] = ((pod["spec"].get("affinity") or {}).get(kind) or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    ) or []
    return found


def _covers(term: Object, owner: Object, other: Object) -> bool:
    namespaces = term.get("namespaces") or [meta.namespace_of(owner)]
    if term.get("namespaceSelector") == {}:
        namespaces = [meta.namespace_of(other)]
    return meta.namespace_of(other) in namespaces and selectors.matches(
        term.get("labelSelector"), selectors.labels_of(other)
    )


def _inter_pod_reason(pod: Object, node: Object, cluster: Cluster) -> str | None:
    by_name = {meta.name_of(n): node_labels(n) for n in cluster.nodes}
    labels = node_labels(node)
    placed = [
        (other, by_name[other["spec"]["nodeName"]])
        for other in cluster.pods
        if other["spec"].get("nodeName") in by_name and not meta.is_finished(other)
    ]
    for term in _terms(pod, "podAffinity"):
        key = term["topologyKey"]
        matching = [where for other, where in placed if _covers(term, pod, other)]
        alone = not matching and _covers(term, pod, pod)
        if key not in labels or not (alone or any(w.get(key) == labels[key] for w in matching)):
            return "node(s) didn't match pod affinity rules"
    for term in _terms(pod, "podAntiAffinity"):
        key = term["topologyKey"]
        if key in labels and any(_covers(term, pod, o) and w.get(key) == labels[key] for o, w in placed):
            return "node(s) didn't match pod anti-affinity rules"
    for other, where in placed:
        for term in _terms(other, "podAntiAffinity"):
            key = term["topologyKey"]
            if key in labels and where.get(key) == labels[key] and _covers(term, other, pod):
                return "node(s) didn't satisfy existing pods anti-affinity rules"
    return None


def _spread_reason(pod: Object, node: Object, cluster: Cluster) -> str | None:
    for rule in pod["spec"].get("topologySpreadConstraints") or ():
        if rule["whenUnsatisfiable"] != "DoNotSchedule":
            continue
        key = rule["topologyKey"]
        labels = node_labels(node)
        if key not in labels:
            return "node(s) didn't match pod topology spread constraints (missing required label)"
        eligible = [n for n in cluster.nodes if key in node_labels(n) and _affinity_reason(pod, n) is None]
        counts = {node_labels(n)[key]: 0 for n in eligible}
        where = {meta.name_of(n): node_labels(n)[key] for n in eligible}
        for other in cluster.pods:
            at = where.get(other["spec"].get("nodeName", ""))
            if (
                at is not None
                and meta.namespace_of(other) == meta.namespace_of(pod)
                and not other["metadata"].get("deletionTimestamp")
                and selectors.matches(rule.get("labelSelector"), selectors.labels_of(other))
            ):
                counts[at] += 1
        own = int(selectors.matches(rule.get("labelSelector"), selectors.labels_of(pod)))
        smallest = min(counts.values(), default=0)
        if counts.get(labels[key], 0) + own - smallest > rule["maxSkew"]:
            return "node(s) didn't match pod topology spread constraints"
    return None


def claim_names(pod: Object) -> list[str]:
    """The keys (namespace/name) of the claims a pod uses."""
    namespace = meta.namespace_of(pod)
    return [
        f"{namespace}/{v['persistentVolumeClaim']['claimName']}"
        for v in pod["spec"].get("volumes") or ()
        if "persistentVolumeClaim" in v
    ]


def volume_fits(volume: Object, claim: Object) -> bool:
    """Whether a free volume satisfies a claim: class, modes, size, labels."""
    spec, wanted = volume["spec"], claim["spec"]
    if volume["metadata"].get("deletionTimestamp"):
        return False
    reference = spec.get("claimRef")
    if reference and (reference.get("namespace"), reference.get("name")) != (
        meta.namespace_of(claim),
        meta.name_of(claim),
    ):
        return False
    if reference and reference.get("uid") and reference["uid"] != claim["metadata"]["uid"]:
        return False
    if not reference and volume.get("status", {}).get("phase") not in ("Available", "Pending", None):
        return False
    if spec.get("storageClassName", "") != (wanted.get("storageClassName") or ""):
        return False
    if not set(wanted.get("accessModes") or ()) <= set(spec.get("accessModes") or ()):
        return False
    if spec.get("volumeMode", "Filesystem") != wanted.get("volumeMode", "Filesystem"):
        return False
    if wanted.get("selector") and not selectors.matches(wanted["selector"], selectors.labels_of(volume)):
        return False
    size = meta.quantity((wanted.get("resources") or {}).get("requests", {}).get("storage", 0))
    return meta.quantity(spec["capacity"]["storage"]) >= size


def _is_for(volume: Object, claim: Object) -> bool:
    uid = (volume["spec"].get("claimRef") or {}).get("uid")
    return bool(uid) and uid == claim["metadata"]["uid"]


def waits_for_consumer(claim: Object, classes: Mapping[str, Object]) -> bool:
    """Whether a claim's class binds only when a pod is scheduled."""
    found = classes.get(claim["spec"].get("storageClassName") or "")
    return found is not None and found.get("volumeBindingMode") == "WaitForFirstConsumer"


@dataclass(frozen=True)
class Fit:
    """Whether a pod fits a node: the reasons why not, else the volume chosen for each unbound claim."""

    reasons: tuple[str, ...]
    volumes: tuple[tuple[str, str], ...] = ()


def pod_problem(pod: Object, cluster: Cluster) -> str | None:
    """Why no node at all can take a pod now: a claim is missing, lost, or waits for the binder."""
    for key in claim_names(pod):
        claim = cluster.claims.get(key)
        if claim is None:
            return f'persistentvolumeclaim "{key.split("/")[1]}" not found'
        if claim["metadata"].get("deletionTimestamp"):
            return f'persistentvolumeclaim "{meta.name_of(claim)}" is being deleted'
        if claim.get("status", {}).get("phase") == "Lost":
            lost = claim["spec"].get("volumeName", "")
            return f'persistentvolumeclaim "{meta.name_of(claim)}" bound to non-existent persistentvolume "{lost}"'
        if not claim["spec"].get("volumeName") and not waits_for_consumer(claim, cluster.classes):
            return "pod has unbound immediate PersistentVolumeClaims"
    return None


def _volumes(pod: Object, node: Object, cluster: Cluster) -> Fit:
    chosen: dict[str, str] = {}
    for key in claim_names(pod):
        claim = cluster.claims[key]
        name = claim["spec"].get("volumeName")
        if name:
            volume = cluster.volumes.get(name)
            affinity = ((volume or {}).get("spec", {}).get("nodeAffinity") or {}).get("required")
            if volume is None:
                return Fit(("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)",))
            if not node_selector_fits(affinity, node):
                return Fit(("node(s) didn't match PersistentVolume's node affinity",))
            continue
        promised = {n: v for n, v in cluster.volumes.items() if _is_for(v, claim)}
        free = [
            v
            for n, v in sorted((promised or cluster.volumes).items())
            if n not in chosen
            and cluster.taken.get(n) in (None, key)
            and volume_fits(v, claim)
            and node_selector_fits((v["spec"].get("nodeAffinity") or {}).get("required"), node)
        ]
        if not free:
            return Fit(("node(s) didn't find available persistent volumes to bind",))
        smallest = min(free, key=lambda v: meta.quantity(v["spec"]["capacity"]["storage"]))
        chosen[meta.name_of(smallest)] = key
    return Fit((), tuple((key, name) for name, key in chosen.items()))


def fit(pod: Object, node: Object, cluster: Cluster) -> Fit:
    """Runs all filters for one node, in the real scheduler's order; the first that refuses gives the reason."""
    for reason in (_taint_reason(pod, node), _affinity_reason(pod, node)):
        if reason is not None:
            return Fit((reason,))
    short = _resources_reasons(pod, node, cluster)
    if short:
        return Fit(tuple(short))
    volumes = _volumes(pod, node, cluster)
    if volumes.reasons:
        return volumes
    for reason in (_spread_reason(pod, node, cluster), _inter_pod_reason(pod, node, cluster)):
        if reason is not None:
            return Fit((reason,))
    return volumes


def failure_message(total: int, reasons: Sequence[str]) -> str:
    """The FailedScheduling message: ``0/6 nodes are available: 3 node(s) ..., 3 node(s) ....``."""
    counts = Counter(reasons)
    text = ", ".join(sorted(f"{count} {reason}" for reason, count in counts.items()))
    head = f"0/{total} nodes are available" + (
        f": {text}." if text else ": no nodes available to schedule pods."
    )
    helpless = f"preemption: 0/{total} nodes are available: {total} Preemption is not helpful for scheduling."
    return f"{head} {helpless}" if text else head.replace(f"0/{total} nodes are available: ", "")
