"""Vault's part of the plans: from its namespace to voters that are unsealed and audited."""

from __future__ import annotations

from meshlab.model import State
from meshlab.provision.manifests import chains, storage, vault
from meshlab.provision.plan.draft import Draft
from meshlab.provision.plan.durations import Takes
from meshlab.provision.plan.step import Effect
from meshlab.provision.systems.kubernetes.planned import APPLY, NODES, PODS, STORAGE, apply, size
from meshlab.provision.systems.talos.settings import volume_name

INIT = Takes(3.0, 0.4, 2.0)
UNSEAL = Takes(5.0, 0.5, 3.0)
VOTERS = Takes(22.0, 0.2, 22.0)
CALL = Takes(0.3, 0.4, 0.1)
_POLICY = 'path "kv/data/chains/*" {\n  capabilities = ["read"]\n}\n'


def vault_steps(draft: Draft) -> None:
    """Adds the steps from Ready nodes to a Vault that votes and is audited; nothing where there is none."""
    workload, target = draft.vault(), draft.target
    if workload is None:
        return
    replicas = workload.replicas
    pods = vault.pods(replicas)
    sizes = size(workload)
    space = apply(
        draft,
        "vault-namespace",
        vault.namespace(),
        "Pod security is said here, not left to the cluster's default.",
        NODES,
    )
    accounts = [
        apply(
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
        APPLY,
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
    config = apply(
        draft,
        "vault-config",
        vault.config_map(text),
        "Raft storage, TLS, who to join; no secret in it.",
        space,
    )
    services = [
        apply(
            draft,
            f"vault-service-{m['metadata']['name']}",
            m,
            "Pods find each other by name; clients only meet pods that can serve.",
            space,
        )
        for m in vault.services()
    ]
    budget = apply(
        draft,
        "vault-budget",
        vault.disruption_budget(),
        "A drain may take one Vault pod at a time, never two.",
        space,
    )
    volumes = [
        apply(
            draft,
            f"vault-volume-{machine}",
            storage.volume(
                f"vault-{machine}",
                machine=machine,
                path=f"/var/mnt/{volume_name(workload)}",
                storage=sizes["storage"],
            ),
            "A local volume on this master; it does not move, and neither does the pod that gets it.",
            STORAGE,
        )
        for machine in workload.machines
    ]
    applied = apply(
        draft,
        "vault-statefulset",
        vault.stateful_set(replicas, **sizes),
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
        PODS,
        applied,
        settings={"namespace": vault.NAMESPACE, "pods": dict.fromkeys(pods, ""), "anywhere": True},
    )
    listening = draft.add(
        "vault/listening",
        "vault.listening",
        "Wait until each Vault pod answers",
        "Through the Kubernetes API's pod proxy: no port of Vault is open to the outside.",
        PODS,
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
        INIT,
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
                UNSEAL,
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
        CALL,
        *unsealed,
        settings={"pods": pods, "min_quorum": replicas},
    )
    voters = draft.add(
        "vault/voters",
        "vault.voters",
        f"Wait for {replicas} Vault voters",
        "A new member does not vote for its first 10 s and more: killing the leader in that time loses the quorum for"
        " good (measured), so nothing goes on before.",
        VOTERS,
        settled,
        settings={"pods": pods},
        effects=(Effect("vault", after=State.UP),),
    )
    audit = draft.add(
        "vault/audit",
        "vault.audit",
        "See that requests are audited",
        "First of all configuration, so that the rest of it is on record.",
        CALL,
        settled,
        settings={"pods": pods},
    )
    common = {"pods": pods}
    policy = draft.add(
        "vault/policy",
        "vault.policy",
        "Write the policy of the chain nodes",
        "They read their own secrets and nothing else.",
        CALL,
        audit,
        settings=common | {"name": "chains", "policy": _POLICY},
    )
    engine = draft.add(
        "vault/kv",
        "vault.kv",
        "Enable the key-value engine",
        "Version 2: an overwritten secret can be had back.",
        CALL,
        audit,
        settings=common,
    )
    auth = draft.add(
        "vault/kubernetes-auth",
        "vault.kubernetes-auth",
        "Enable sign-in with Kubernetes service accounts",
        "Pods need no secret to get their secrets.",
        CALL,
        policy,
        settings=common
        | {
            "role": "chains",
            "policy": "chains",
            "namespaces": [chains.NAMESPACE],
            "host": "https://kubernetes.default.svc",
        },
    )
    if draft.revoke_root:
        draft.add(
            "vault/revoke-root",
            "vault.revoke-root",
            "Revoke the root token",
            "What can do everything should not lie around; a quorum of key holders can make a new one.",
            CALL,
            voters,
            engine,
            auth,
            settings=common,
        )
