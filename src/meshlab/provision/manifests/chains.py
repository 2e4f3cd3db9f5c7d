"""The Kubernetes objects of a chain node: one replica on its own worker, its data on a local volume (facts 2.4)."""

from __future__ import annotations

from dataclasses import dataclass

from meshlab.provision.manifests.vault import STORAGE_CLASS, Manifest

NAMESPACE = "chains"
JWT_SECRET = "ethereum-jwt"


@dataclass(frozen=True)
class Chain:
    """How one chain's node is run: command, port of its calls, how readiness is asked, how long it may stop."""

    args: tuple[str, ...]
    port: int
    ready: tuple[str, ...]
    grace_s: int


# Readiness is by lag, asked inside the pod; liveness is "the process is there" only: a sync may take days.
CHAINS = {
    "solana": Chain(
        (
            "agave-validator",
            "--ledger",
            "/data",
            "--rpc-port",
            "8899",
            "--full-rpc-api",
            "--no-voting",
            "--private-rpc",
        ),
        8899,
        ("sh", "-c", "curl -sf http://127.0.0.1:8899/health | grep -qx ok"),
        120,
    ),
    "ethereum": Chain(
        (
            "geth",
            "--datadir",
            "/data",
            "--http",
            "--http.addr",
            "0.0.0.0",
            "--http.vhosts=*",
            "--authrpc.jwtsecret",
            "/jwt/jwt.hex",
        ),
        8545,
        (
            "sh",
            "-c",
            "geth attach --datadir /data --exec 'eth.syncing === false && net.peerCount > 0' | grep -qx true",
        ),
        300,
    ),
    "tron": Chain(
        ("java-tron", "-d", "/data"),
        8090,
        ("sh", "-c", "curl -sf http://127.0.0.1:8090/wallet/getnodeinfo | grep -q beginSyncNum"),
        120,
    ),
}


def namespace() -> Manifest:
    """Baseline: no host ports, so peers are met outbound only; say `privileged` here where inbound peers are wanted."""
    labels = {"pod-security.kubernetes.io/enforce": "baseline"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


def service(role: str) -> Manifest:
    port = CHAINS[role].port
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _meta(role),
        "spec": {
            "clusterIP": "None",
            "selector": _labels(role),
            "ports": [{"name": "rpc", "port": port, "targetPort": port}],
        },
    }


def stateful_set(
    role: str, *, name: str, machine: str, image: str, storage: int, cores: float, memory: int
) -> Manifest:
    """One replica (two with one identity could be slashed), pinned by its volume; requests equal limits.

    Parameters
    ----------
    storage, memory
        In MiB.
    """
    chain = CHAINS[role]
    size = {"cpu": f"{int(cores * 1000)}m", "memory": f"{memory}Mi"}
    mounts: list[Manifest] = [{"name": "data", "mountPath": "/data"}]
    volumes: list[Manifest] = []
    if role == "ethereum":
        mounts.append({"name": "jwt", "mountPath": "/jwt", "readOnly": True})
        volumes.append({"name": "jwt", "secret": {"secretName": JWT_SECRET}})
    container: Manifest = {
        "name": role,
        "image": image,
        "command": list(chain.args),
        "ports": [{"name": "rpc", "containerPort": chain.port}],
        "resources": {"requests": size, "limits": dict(size)},
        "volumeMounts": mounts,
        "readinessProbe": {
            "exec": {"command": list(chain.ready)},
            "periodSeconds": 2,
            "timeoutSeconds": 2,
            "failureThreshold": 2,
        },
    }
    where = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [machine]}]}
    anti = [
        {"labelSelector": {"matchLabels": {"meshlab/kind": "chain"}}, "topologyKey": "kubernetes.io/hostname"}
    ]
    pod: Manifest = {
        "terminationGracePeriodSeconds": chain.grace_s,
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [where]}
            },
            "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": anti},
        },
        "containers": [container],
        "volumes": volumes,
    }
    claim = {
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": STORAGE_CLASS,
            "resources": {"requests": {"storage": f"{storage}Mi"}},
        },
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": _meta(role) | {"name": name},
        "spec": {
            "replicas": 1,
            "serviceName": role,
            "selector": {"matchLabels": _labels(role)},
            "template": {"metadata": {"labels": _labels(role)}, "spec": pod},
            "volumeClaimTemplates": [claim],
        },
    }


def _labels(role: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": role, "meshlab/kind": "chain"}


def _meta(role: str) -> Manifest:
    return {"name": role, "namespace": NAMESPACE, "labels": _labels(role)}
