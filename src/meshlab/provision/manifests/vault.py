"""The Kubernetes objects of a three-pod Vault on raft (facts: live-bringup 2.3), as plain data without secrets."""

from __future__ import annotations

from typing import Any

Manifest = dict[str, Any]

NAMESPACE = "vault"
SET = "vault"
HEADLESS = "vault-internal"
TLS_SECRET = "vault-tls"
STORAGE_CLASS = "local"
PORT = 8200
LABELS = {"app.kubernetes.io/name": "vault", "app.kubernetes.io/part-of": "meshlab"}


def pods(replicas: int) -> list[str]:
    """Gives the names of the pods, in order."""
    return [f"{SET}-{n}" for n in range(replicas)]


def host(pod: str) -> str:
    """Gives a pod's stable name in the cluster's DNS."""
    return f"{pod}.{HEADLESS}.{NAMESPACE}.svc.cluster.local"


def certificate_names(replicas: int) -> list[str]:
    """Gives the names that Vault's certificate must be good for (a wildcard covers the pods' short names)."""
    services = [SET, f"{SET}-active", HEADLESS]
    names = [
        name
        for s in services
        for name in (s, f"{s}.{NAMESPACE}", f"{s}.{NAMESPACE}.svc", f"{s}.{NAMESPACE}.svc.cluster.local")
    ]
    names += [f"*.{HEADLESS}", f"*.{HEADLESS}.{NAMESPACE}.svc.cluster.local"]
    names += [host(pod) for pod in pods(replicas)] + [f"{pod}.{HEADLESS}" for pod in pods(replicas)]
    return [*names, "localhost"]


def configuration(
    replicas: int, *, seal: str, openbao: bool, audit_file: bool = True, region: str = "", key: str = ""
) -> str:
    """Gives the server configuration in HCL; the pod's own name comes from its environment.

    OpenBao refuses to become active where an audit device's options differ from those the last active one had
    (measured with 2.7.2: two standbys, neither took over in 40 s). The file's path is the same in every pod; where
    pods are processes with directories of their own (the embedded cluster) it is not: then `audit_file` is False.
    """
    joins = "\n".join(
        f"""  retry_join {{
    leader_api_addr         = "https://{host(pod)}:{PORT}"
    leader_ca_cert_file     = "/vault/tls/ca.crt"
    leader_client_cert_file = "/vault/tls/tls.crt"
    leader_client_key_file  = "/vault/tls/tls.key"
    leader_tls_servername   = "{host(pod)}"
  }}"""
        for pod in pods(replicas)
    )
    text = f"""ui = false
disable_mlock = true

listener "tcp" {{
  address            = "[::]:{PORT}"
  cluster_address    = "[::]:8201"
  tls_cert_file      = "/vault/tls/tls.crt"
  tls_key_file       = "/vault/tls/tls.key"
  tls_client_ca_file = "/vault/tls/ca.crt"
}}

storage "raft" {{
  path = "/vault/data"
{joins}
}}

service_registration "kubernetes" {{}}
"""
    if openbao:
        # OpenBao refuses audit devices made over the API; Vault has no stanza for them.
        text += _audit("stdout", "stdout") + (_audit("volume", "/vault/data/audit.log") if audit_file else "")
    if seal == "awskms":
        text += f'\nseal "awskms" {{\n  region     = "{region}"\n  kms_key_id = "{key}"\n}}\n'
    return text


def _audit(name: str, path: str) -> str:
    return f'\naudit "file" "{name}" {{\n  options {{\n    file_path = "{path}"\n  }}\n}}\n'


def namespace() -> Manifest:
    """Pod Security `baseline` is what Talos enforces anyway; said here, so that it does not depend on that."""
    labels = {
        "pod-security.kubernetes.io/enforce": "baseline",
        "pod-security.kubernetes.io/warn": "restricted",
    }
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


def accounts() -> list[Manifest]:
    """The service account, its right to review tokens, and to put its state on its own pods."""
    subject = {"kind": "ServiceAccount", "name": SET, "namespace": NAMESPACE}
    group = "rbac.authorization.k8s.io"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _meta(SET)},
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "vault-token-review", "labels": LABELS},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "system:auth-delegator"},
            "subjects": [subject],
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "Role",
            "metadata": _meta("vault-registration"),
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "update", "patch"]}],
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": _meta("vault-registration"),
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "vault-registration"},
            "subjects": [subject],
        },
    ]


def config_map(text: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _meta("vault-config"),
        "data": {"vault.hcl": text},
    }


def services() -> list[Manifest]:
    """The pods' names (also of those that are not ready: raft needs them), the clients' way, the active one."""
    ports = [{"name": "https", "port": PORT, "targetPort": PORT}]
    cluster = {"name": "cluster", "port": 8201, "targetPort": 8201}

    def service(name: str, **spec: Any) -> Manifest:
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": _meta(name),
            "spec": {"selector": dict(LABELS), "ports": ports, **spec},
        }

    return [
        service(HEADLESS, clusterIP="None", publishNotReadyAddresses=True, ports=[*ports, cluster]),
        # The chart publishes pods that are not ready here too, and sends clients to sealed ones.
        service(SET, publishNotReadyAddresses=False),
        service(f"{SET}-active", selector={**LABELS, "vault-active": "true"}),
    ]


def disruption_budget() -> Manifest:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _meta(SET),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": dict(LABELS)}},
    }


def stateful_set(replicas: int, *, image: str, storage: int, cores: float, memory: int) -> Manifest:
    """Three pods that never share a machine, roll only by hand, and are ready only when they can serve.

    Parameters
    ----------
    storage, memory
        In MiB, per pod.
    """
    command = "bao" if "bao" in image else "vault"
    container = {
        "name": "vault",
        "image": image,
        "command": [command, "server", "-config=/vault/config/vault.hcl"],
        "ports": [
            {"name": "https", "containerPort": PORT},
            {"name": "cluster", "containerPort": 8201},
        ],
        "env": _environment(),
        "resources": {
            "requests": {"cpu": f"{int(cores * 1000)}m", "memory": f"{memory}Mi"},
            "limits": {"memory": f"{memory}Mi"},
        },
        "volumeMounts": [
            {"name": "data", "mountPath": "/vault/data"},
            {"name": "config", "mountPath": "/vault/config"},
            {"name": "tls", "mountPath": "/vault/tls"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
        "readinessProbe": _probe("standbyok=true&perfstandbyok=true", periodSeconds=2, failureThreshold=2),
        # Sealed and not initialised are alive: people must come, a restart would only seal it again.
        "livenessProbe": _probe(
            "standbyok=true&perfstandbyok=true&sealedcode=204&uninitcode=204",
            initialDelaySeconds=60,
            periodSeconds=10,
        ),
        "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", "sleep 5"]}}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    anti = [{"labelSelector": {"matchLabels": dict(LABELS)}, "topologyKey": "kubernetes.io/hostname"}]
    spread = {
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": dict(LABELS)},
    }
    pod = {
        "serviceAccountName": SET,
        "terminationGracePeriodSeconds": 30,
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": anti}},
        "topologySpreadConstraints": [spread],
        "nodeSelector": {"node-role.kubernetes.io/control-plane": ""},
        "tolerations": [
            {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"}
        ],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 100,
            "runAsGroup": 1000,
            "fsGroup": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [
            {"name": "config", "configMap": {"name": "vault-config"}},
            {"name": "tls", "secret": {"secretName": TLS_SECRET, "defaultMode": 0o440}},
            {"name": "tmp", "emptyDir": {}},
        ],
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
        "metadata": _meta(SET),
        "spec": {
            "replicas": replicas,
            "serviceName": HEADLESS,
            "podManagementPolicy": "Parallel",
            "updateStrategy": {"type": "OnDelete"},
            "selector": {"matchLabels": dict(LABELS)},
            "template": {"metadata": {"labels": dict(LABELS)}, "spec": pod},
            "volumeClaimTemplates": [claim],
        },
    }


def _environment() -> list[Manifest]:
    def field(name: str, path: str) -> Manifest:
        return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}

    return [
        field("POD_IP", "status.podIP"),
        field("HOSTNAME", "metadata.name"),
        field("VAULT_K8S_POD_NAME", "metadata.name"),
        field("VAULT_K8S_NAMESPACE", "metadata.namespace"),
        field("VAULT_RAFT_NODE_ID", "metadata.name"),
        field("BAO_RAFT_NODE_ID", "metadata.name"),
        {
            "name": "VAULT_API_ADDR",
            "value": f"https://$(HOSTNAME).{HEADLESS}.{NAMESPACE}.svc.cluster.local:{PORT}",
        },
        {
            "name": "VAULT_CLUSTER_ADDR",
            "value": f"https://$(HOSTNAME).{HEADLESS}.{NAMESPACE}.svc.cluster.local:8201",
        },
        {"name": "SKIP_SETCAP", "value": "true"},
        {"name": "SKIP_CHOWN", "value": "true"},
    ]


def _probe(query: str, **timing: int) -> Manifest:
    get = {"path": f"/v1/sys/health?{query}", "port": PORT, "scheme": "HTTPS"}
    return {"httpGet": get, "timeoutSeconds": 3, **timing}


def _meta(name: str) -> Manifest:
    return {"name": name, "namespace": NAMESPACE, "labels": dict(LABELS)}
