"""The workloads' part of the plans: storage, Vault on three masters, chain nodes on their workers, verification."""

from __future__ import annotations

from typing import Any

from meshlab.model import State, Workload
from meshlab.provision.manifests import chains, storage, vault
from meshlab.provision.plan.graph import MIB, Draft, volume_name
from meshlab.provision.plan.step import Effect

_POLICY = 'path "kv/data/chains/*" {\n  capabilities = ["read"]\n}\n'


def workload_steps(draft: Draft, *, revoke_root: bool) -> None:
    """Adds the steps from Ready nodes to verified workloads."""
    nodes = "kubernetes/nodes"
    local = _apply(
        draft,
        "storage-class",
        storage.storage_class(),
        "Data stays on the machine's own disk; binding waits for the pod, so that the scheduler knows the machine.",
        nodes,
    )
    last = []
    if draft.vault():
        last += _vault(draft, local, nodes, revoke_root)
    if draft.chains():
        last += _chains(draft, local, nodes)
    _verify(draft, last or [local])


def _apply(draft: Draft, name: str, manifest: vault.Manifest, why: str, *needs: str, title: str = "") -> str:
    kind, called = manifest["kind"], manifest["metadata"]["name"]
    return draft.add(
        f"kubernetes/{name}",
        "kubernetes.apply",
        title or f"Apply {kind} {called}",
        why,
        "apply",
        *needs,
        settings={"manifest": manifest},
        natural_key=f"{kind} {manifest['metadata'].get('namespace', '')}/{called}".replace(" /", " "),
    )


def _size(workload: Workload) -> dict[str, Any]:
    """Gives a workload's sizes for its manifest; without a stated memory, as much as a small pod takes."""
    return {
        "image": workload.image,
        "storage": max(1, int(workload.storage / MIB)),
        "cores": workload.cores or 0.1,
        "memory": int(workload.memory / MIB) or 256,
    }


def _vault(draft: Draft, local: str, nodes: str, revoke_root: bool) -> list[str]:
    workload, target = draft.vault(), draft.target
    assert workload is not None
    replicas = workload.replicas
    pods = vault.pods(replicas)
    size = _size(workload)
    space = _apply(
        draft,
        "vault-namespace",
        vault.namespace(),
        "Pod security is said here, not left to the cluster's default.",
        nodes,
    )
    accounts = [
        _apply(
            draft,
            f"vault-{m['kind'].lower()}-{m['metadata']['name']}",
            m,
            "Vault asks the Kubernetes API whose token it was shown, and marks which pod is active.",
            space,
        )
        for m in vault.accounts()
    ]
    tls = draft.add(
        "kubernetes/vault-tls",
        "kubernetes.vault-tls",
        "Make Vault's certificate and apply it as a Secret",
        "Pods, clients and raft speak TLS from the first byte, with an authority of Vault's own.",
        "apply",
        space,
        settings={
            "name": vault.TLS_SECRET,
            "namespace": vault.NAMESPACE,
            "names": vault.certificate_names(replicas),
            "addresses": ["127.0.0.1"],
            "kept": ["vault authority", "vault certificate"],
        },
        natural_key=f"Secret {vault.NAMESPACE}/{vault.TLS_SECRET}",
    )
    openbao = draft.topology.versions.vault == "openbao"
    site = next((s for s in draft.topology.sites if s.region), None)
    text = vault.configuration(
        replicas,
        seal=workload.seal,
        openbao=openbao,
        audit_file=target.real,
        region=site.region if site else "",
        key=f"alias/{draft.topology.name}-vault",
    )
    config = _apply(
        draft,
        "vault-config",
        vault.config_map(text),
        "Raft storage, TLS, who to join; no secret in it.",
        space,
    )
    services = [
        _apply(
            draft,
            f"vault-service-{m['metadata']['name']}",
            m,
            "Pods find each other by name; clients only meet pods that can serve.",
            space,
        )
        for m in vault.services()
    ]
    budget = _apply(
        draft,
        "vault-budget",
        vault.disruption_budget(),
        "A drain may take one Vault pod at a time, never two.",
        space,
    )
    volumes = [
        _apply(
            draft,
            f"vault-volume-{machine}",
            storage.volume(
                f"vault-{machine}",
                machine=machine,
                path=f"/var/mnt/{volume_name(workload)}",
                storage=size["storage"],
            ),
            "A local volume on this master; it does not move, and neither does the pod that gets it.",
            local,
        )
        for machine in workload.machines
    ]
    applied = _apply(
        draft,
        "vault-statefulset",
        vault.stateful_set(replicas, **size),
        "Three pods that never share a machine or a zone; rolled only by hand, standbys first.",
        tls,
        config,
        budget,
        *accounts,
        *services,
        *volumes,
    )
    placed = draft.add(
        "kubernetes/vault-pods",
        "kubernetes.pods",
        "Wait for the Vault pods, one per master",
        "Running, not yet ready: they are sealed, and wait for people.",
        "pods",
        applied,
        settings={"namespace": vault.NAMESPACE, "pods": dict.fromkeys(pods, ""), "anywhere": True},
    )
    listening = draft.add(
        "vault/listening",
        "vault.listening",
        "Wait until each Vault pod answers",
        "Through the Kubernetes API's pod proxy: no port of Vault is open to the outside.",
        "pods",
        placed,
        settings={"pods": pods},
        effects=(Effect("vault", after=State.SEALED),),
    )
    init = draft.add(
        "vault/init",
        "vault.init",
        "Initialise Vault, once",
        "Its answer is the only copy of the unseal keys: it goes into the strongbox before anybody reads it, and no"
        " second init is ever tried.",
        "vault-init",
        listening,
        settings={"pods": pods, "shares": 5, "threshold": 3, "seal": workload.seal or "shamir"},
        natural_key="sys/init of every pod; the strongbox",
        preconditions=(
            "no pod is initialised",
            "no record of an earlier init",
            "the strongbox can be written",
        ),
        irreversible=True,
    )
    unsealed = []
    for pod in pods:
        unsealed.append(
            draft.add(
                f"vault/unseal-{pod}",
                "vault.unseal",
                f"Unseal {pod}",
                "With Shamir keys people must do this after every restart; with a KMS key it would do it itself.",
                "vault-unseal",
                init,
                # The first one must lead before the others have somebody to join.
                *([f"vault/unseal-{pods[0]}"] if pod != pods[0] else []),
                settings={"pods": [pod]},
            )
        )
    settled = draft.add(
        "vault/autopilot",
        "vault.autopilot",
        "Configure autopilot",
        "Dead servers are removed by people, not by a timer, and the group never shrinks below its size.",
        "vault-call",
        *unsealed,
        settings={"pods": pods, "min_quorum": replicas},
    )
    voters = draft.add(
        "vault/voters",
        "vault.voters",
        f"Wait for {replicas} Vault voters",
        "A new member does not vote for its first 10 s and more: killing the leader in that time loses the quorum for"
        " good (measured), so nothing goes on before.",
        "vault-voters",
        settled,
        settings={"pods": pods},
        effects=(Effect("vault", after=State.UP),),
    )
    audit = draft.add(
        "vault/audit",
        "vault.audit",
        "See that requests are audited",
        "First of all configuration, so that the rest of it is on record.",
        "vault-call",
        settled,
        settings={"pods": pods},
    )
    common = {"pods": pods}
    policy = draft.add(
        "vault/policy",
        "vault.policy",
        "Write the policy of the chain nodes",
        "They read their own secrets and nothing else.",
        "vault-call",
        audit,
        settings=common | {"name": "chains", "policy": _POLICY},
    )
    engine = draft.add(
        "vault/kv",
        "vault.kv",
        "Enable the key-value engine",
        "Version 2: an overwritten secret can be had back.",
        "vault-call",
        audit,
        settings=common,
    )
    auth = draft.add(
        "vault/kubernetes-auth",
        "vault.kubernetes-auth",
        "Enable sign-in with Kubernetes service accounts",
        "Pods need no secret to get their secrets.",
        "vault-call",
        policy,
        settings=common
        | {
            "role": "chains",
            "policy": "chains",
            "namespaces": [chains.NAMESPACE],
            "host": "https://kubernetes.default.svc",
        },
    )
    last = [voters, engine, auth]
    if revoke_root:
        last.append(
            draft.add(
                "vault/revoke-root",
                "vault.revoke-root",
                "Revoke the root token",
                "What can do everything should not lie around; a quorum of key holders can make a new one.",
                "vault-call",
                *last,
                settings=common,
            )
        )
    return last


def _chains(draft: Draft, local: str, nodes: str) -> list[str]:
    space = _apply(draft, "chains-namespace", chains.namespace(), "Chain nodes keep to themselves.", nodes)
    last = []
    for workload in draft.chains():
        role, size = workload.role, _size(workload)
        for number, machine in enumerate(workload.machines):
            name = workload.name if len(workload.machines) == 1 else f"{workload.name}-{number}"
            needs = [space]
            if role == "ethereum":
                needs.append(
                    draft.add(
                        f"kubernetes/{name}-jwt",
                        "kubernetes.jwt",
                        "Make the engine secret and apply it",
                        "Made for this cluster: a well-known chart ships the same one to everybody.",
                        "apply",
                        space,
                        settings={
                            "name": chains.JWT_SECRET,
                            "namespace": chains.NAMESPACE,
                            "kept": ["ethereum jwt"],
                        },
                    )
                )
            claim = (chains.NAMESPACE, f"data-{name}-0")
            needs.append(
                _apply(
                    draft,
                    f"{name}-volume",
                    storage.volume(
                        f"{role}-{machine}",
                        machine=machine,
                        path=f"/var/mnt/{volume_name(workload)}",
                        storage=size["storage"],
                        claim=claim,
                    ),
                    "The worker's own NVMe; promised to this one claim.",
                    local,
                )
            )
            if number == 0:
                needs.append(
                    _apply(
                        draft, f"{name}-service", chains.service(role), "A stable name for its calls.", space
                    )
                )
            applied = _apply(
                draft,
                f"{name}-statefulset",
                chains.stateful_set(role, name=name, machine=machine, **size),
                "One replica: two nodes with one identity could be punished by their network. It never moves.",
                *needs,
            )
            last.append(
                draft.add(
                    f"chains/{name}",
                    "chains.ready",
                    f"Wait until {name} on {machine} is not behind its network",
                    "Ready means synced; alive is asked apart, as a first sync may take days.",
                    "chain",
                    applied,
                    settings={"namespace": chains.NAMESPACE, "pods": {f"{name}-0": machine}, "ready": True},
                    effects=(Effect(role, during=State.SYNCING, after=State.UP),),
                )
            )
    return last


def _verify(draft: Draft, needs: list[str]) -> None:
    topology, workload = draft.topology, draft.vault()
    draft.add(
        "verify/claims",
        "verify.claims",
        "Prove each claim of the design",
        "What was asked for is measured on the running cluster, claim by claim; nothing is taken on trust.",
        "verify",
        "kubernetes/nodes",
        "talos/mesh",
        *needs,
        intent="check",
        settings={
            "machines": [
                {"name": m.name, "role": m.role, "address": m.address, "place": m.place}
                for m in topology.machines
            ],
            "cloud": [m.name for m in draft.cloud],
            "vault": vault.pods(workload.replicas) if workload else [],
            "chains": [
                {
                    "role": w.role,
                    "pod": f"{w.name if len(w.machines) == 1 else f'{w.name}-{n}'}-0",
                    "machine": machine,
                }
                for w in draft.chains()
                for n, machine in enumerate(w.machines)
            ],
        },
    )


def cloud_objects_removal(draft: Draft) -> None:
    """Adds the step that removes what Kubernetes made on AWS, which no tag of ours is on."""
    draft.add(
        "remove/kubernetes/load-balancers",
        "kubernetes.load-balancers",
        "Remove what Kubernetes made on AWS",
        "A load balancer of a Service holds network interfaces in our VPC, and the VPC would not go.",
        "aws-call",
        system="kubernetes",
        intent="remove",
        settings={"control_plane": draft.control_plane},
    )
