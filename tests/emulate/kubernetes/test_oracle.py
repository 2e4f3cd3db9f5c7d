"""The same kubectl commands against a real kube-apiserver and ours must print the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import manifests
import pytest
from lab import Lab

from meshlab.emulate.kubernetes.real.server import ApiServerProcess, EtcdAccess, available
from meshlab.emulate.processes.processes import ProcessTable
from needs import lacking

pytestmark = pytest.mark.skipif(
    available() is None,
    reason=lacking("kube-apiserver"),
)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Lab]]:
    """Our server, and a lab whose kubeconfig leads to the real one; both without nodes."""
    with (
        Lab(tmp_path_factory.mktemp("ours") / "c", nodes=()) as ours,
        Lab(tmp_path_factory.mktemp("real") / "c", nodes=()) as real,
    ):
        processes = real.run(_table(real.folder))
        ours.stop_managers()
        real.stop_managers()
        real.run(real.servers.pop().stop())
        process = ApiServerProcess(
            EtcdAccess(real.etcd_url), real.authority.serving(), processes, real.folder / "kube-apiserver"
        )
        real.run(process.start())
        try:
            real.run(process.wait_ready(), 70.0)
            real.servers.append(process)  # type: ignore[arg-type]
            (real.folder / "kubeconfig.json").write_text(json.dumps(real.kubeconfig()))
            for lab in (ours, real):
                for name in ("default", "kube-public"):
                    lab.try_kubectl("create", "serviceaccount", "default", "-n", name)
            yield ours, real
        finally:
            real.servers.clear()
            real.run(process.stop())


async def _table(folder: Path) -> ProcessTable:
    return ProcessTable(folder / "state")


def settled(text: str) -> str:
    """Output without what differs from run to run."""
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", "UID", text)
    text = re.sub(r'resourceVersion: "\d+"', "resourceVersion", text)
    text = re.sub(r"10\.(9[6-9]|10\d|11[01])\.\d+\.\d+", "ADDRESS", text)
    return re.sub(r"\b\d+s\b", "AGE", text)


VAULT = manifests.text(*manifests.vault("oracle"))
BAD_POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "Bad"},
    "spec": {"containers": [{"name": "a"}]},
}
HOST_POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "host"},
    "spec": {
        "hostNetwork": True,
        "containers": [{"name": "a", "image": "b", "ports": [{"containerPort": 80, "hostPort": 80}]}],
        "volumes": [{"name": "root", "hostPath": {"path": "/"}}],
    },
}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p"},
    "spec": {"containers": [{"name": "a", "image": "b"}]},
}
MISMATCH = {
    "apiVersion": "apps/v1",
    "kind": "StatefulSet",
    "metadata": {"name": "s"},
    "spec": {
        "serviceName": "x",
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "c"}}, "spec": POD["spec"]},
    },
}
LEASE_PATH = "/apis/coordination.k8s.io/v1/namespaces/default/leases/mine"
LEASE = json.dumps(
    {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "mine", "namespace": "default"},
    }
)
STORY = [
    ("apply -f -", VAULT),
    ("apply -f -", VAULT),
    ("apply --server-side -f -", VAULT),
    ("apply --server-side --force-conflicts -f -", VAULT),
    ("apply --server-side --field-manager=other -f -", VAULT.replace('"replicas": 3', '"replicas": 2')),
    ("get statefulset vault -n oracle -o yaml", ""),
    ("get poddisruptionbudget vault -n oracle -o yaml", ""),
    ("get service vault -n oracle -o yaml", ""),
    ("scale statefulset vault -n oracle --replicas=2", ""),
    ("label namespace oracle tier=one", ""),
    ('patch statefulset vault -n oracle -p {"spec":{"serviceName":"y"}}', ""),
    ("apply -f -", json.dumps(BAD_POD)),
    ("apply -f -", json.dumps(HOST_POD)),
    ("apply -f -", json.dumps(MISMATCH)),
    ("apply -f -", json.dumps({**manifests.config_map("c"), "dataa": {}})),
    ("create deployment d --image=nginx", ""),
    ("get deployment d -o yaml", ""),
    ("set image deployment/d nginx=nginx:2", ""),
    ("get deployment d -o jsonpath={.metadata.generation}", ""),
    ("get deployments -o wide", ""),
    ("create configmap c --from-literal=a=b", ""),
    ('patch configmap c -p {"data":{"c":"d"}}', ""),
    ('patch configmap c --type=json -p [{"op":"remove","path":"/data/missing"}]', ""),
    ("get configmap c -o yaml", ""),
    ("get pods --field-selector spec.foo=1", ""),
    ("get pods nope", ""),
    ("create -f -", LEASE),
    (f"replace --raw {LEASE_PATH} -f -", LEASE),
    ("create namespace default", ""),
    ("delete namespace kube-system --wait=false", ""),
    ("get nodes,pv,pvc,sc", ""),
    ("explain pod.spec.nodeName", ""),
]


@pytest.mark.parametrize(
    ("command", "stdin"), STORY, ids=[f"{i:02}-{c[:40]}" for i, (c, _) in enumerate(STORY)]
)
def test_kubectl_prints_the_same_from_both(both: tuple[Lab, Lab], command: str, stdin: str) -> None:
    ours, real = (lab.try_kubectl(*command.split(), stdin=stdin) for lab in both)
    assert settled(ours.stdout) == settled(real.stdout)
    assert settled(ours.stderr) == settled(real.stderr)
    assert ours.returncode == real.returncode
