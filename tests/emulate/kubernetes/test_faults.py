"""What breaks, breaks as the real thing does: storage without an answer, old revisions, lost nodes, lost leaders."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import manifests
import pytest
from lab import QUICK, Lab, ready, wait_for

from meshlab.emulate.kubernetes.client.client import KubeError
from meshlab.emulate.kubernetes.objects.resources import resource_named


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Lab]:
    with Lab(tmp_path / "c") as made:
        made.wait_nodes()
        for name in ("n1", "n2", "n3"):
            (made.folder / name / "var/mnt/data").mkdir(parents=True)
        yield made


def node(lab: Lab, name: str) -> dict[str, Any]:
    found: dict[str, Any] = lab.get("node", name)
    return found


def test_lost_node_becomes_unknown_is_tainted_and_its_stateful_pod_stays_terminating(cluster: Lab) -> None:
    tolerations = [
        {
            "key": "node.kubernetes.io/unreachable",
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": 1,
        }
    ]
    items = manifests.vault("vault")
    items[-1]["spec"]["template"]["spec"]["tolerations"] = tolerations
    nodes = ("n1", "n2", "n3")
    everything = manifests.text(manifests.STORAGE_CLASS, *(manifests.volume(n) for n in nodes), *items)
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=everything)
    cluster.kubectl("rollout", "status", "statefulset/vault", "-n", "vault", "--timeout=300s")
    pods = {p["spec"]["nodeName"]: p["metadata"]["name"] for p in cluster.get("pods", "-n", "vault")["items"]}

    cluster.run(cluster.kubelets["n2"].stop())
    wait_for(lambda: not ready(node(cluster, "n2")), "the node to become Unknown")
    condition = next(c for c in node(cluster, "n2")["status"]["conditions"] if c["type"] == "Ready")
    assert (condition["status"], condition["reason"]) == ("Unknown", "NodeStatusUnknown")
    renewed = cluster.get("lease", "n2", "-n", "kube-node-lease")["spec"]["renewTime"]
    waited = datetime.fromisoformat(condition["lastTransitionTime"]) - datetime.fromisoformat(renewed)
    assert waited.total_seconds() > QUICK.nodes.grace_s - 1, "the transition is told in whole seconds"
    wait_for(
        lambda: (
            {t["effect"] for t in node(cluster, "n2")["spec"].get("taints", ())}
            == {"NoSchedule", "NoExecute"}
        ),
        "both taints",
    )

    def pod() -> dict[str, Any]:
        found: dict[str, Any] = cluster.get("pod", "-n", "vault", pods["n2"])
        return found

    first = pod()["metadata"]["uid"]
    wait_for(lambda: "deletionTimestamp" in pod()["metadata"], "the pod to be marked for deletion")
    assert pod()["metadata"]["uid"] == first, "no second pod may be made while the first may still run"
    assert not ready(pod())
    others = [p for p in cluster.get("pods", "-n", "vault")["items"] if p["metadata"]["name"] != pods["n2"]]
    assert all(ready(p) for p in others)

    cluster.kubectl("taint", "node", "n2", "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute")
    wait_for(lambda: pod()["metadata"]["uid"] != first, "the pod to be forced away and made anew")
    wait_for(lambda: pod()["status"]["phase"] == "Pending", "the new pod to wait for its volume's node")


def test_killed_etcd_makes_requests_fail_as_the_real_server_does(cluster: Lab) -> None:
    server = cluster.run(cluster.add_server(timeout_s=1.0))
    wait_for(lambda: cluster.try_kubectl("get", "--raw", "/readyz").stdout == "ok", "the server to be ready")
    cluster.kill_etcd()
    kubeconfig = cluster.kubeconfig()
    kubeconfig["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{server.port}"
    path = cluster.folder / "second.json"
    path.write_text(json.dumps(kubeconfig))

    def ask(*arguments: str) -> str:
        done = cluster.try_kubectl(f"--kubeconfig={path}", *arguments)
        assert done.returncode != 0
        return done.stderr

    assert "etcdserver: request timed out" in ask("get", "--raw", "/api/v1/namespaces/default")
    assert "etcdserver: request timed out" in ask("create", "namespace", "late")
    assert "[-]etcd failed: reason withheld" in ask("get", "--raw", "/readyz")
    cluster.start_etcd()
    wait_for(
        lambda: cluster.try_kubectl(f"--kubeconfig={path}", "get", "--raw", "/readyz").stdout == "ok",
        "the server to be ready again",
    )
    cluster.kubectl("create", "namespace", "late")


def test_two_servers_on_one_etcd_agree_and_see_each_others_writes(cluster: Lab) -> None:
    cluster.run(cluster.add_server())
    first, second = cluster.urls()
    cluster.kubectl(f"--server={first}", "create", "configmap", "both", "--from-literal=a=b")
    assert json.loads(cluster.kubectl(f"--server={second}", "get", "cm", "both", "-o", "json"))["data"] == {
        "a": "b"
    }
    stale = json.loads(cluster.kubectl(f"--server={second}", "get", "cm", "both", "-o", "json"))
    cluster.kubectl(f"--server={first}", "patch", "cm", "both", "-p", '{"data":{"c":"d"}}')
    done = cluster.try_kubectl(f"--server={second}", "replace", "-f", "-", stdin=json.dumps(stale))
    assert "the object has been modified; please apply your changes to the latest version" in done.stderr


def test_second_manager_takes_over_when_the_leader_dies(cluster: Lab) -> None:
    second = cluster.run(cluster.add_manager("m2"))
    assert not second.managing.leading
    first = cluster._managers[0]
    cluster.run(first.stop())
    wait_for(lambda: second.managing.leading and second.scheduling.leading, "the second to lead")
    lease = cluster.get("lease", "-n", "kube-system", "kube-controller-manager")["spec"]
    assert (lease["holderIdentity"], lease["leaseTransitions"]) == ("m2", 1)
    cluster.kubectl("create", "deployment", "after", "--image=nginx")
    cluster.kubectl("rollout", "status", "deployment/after", "--timeout=300s")


def test_dead_server_is_left_for_the_next_one(cluster: Lab) -> None:
    cluster.run(cluster.add_server())
    client = cluster.client("system:kube-scheduler")
    namespaces = resource_named("namespaces")

    async def names() -> int:
        try:
            return len((await client.list(namespaces))["items"])
        except KubeError:
            return 0

    try:
        first = client.server
        assert cluster.run(names()) > 0
        cluster.run(cluster.servers[0].stop())
        wait_for(lambda: cluster.run(names()) > 0, "an answer from the other server")
        assert client.server != first
    finally:
        cluster.run(client.close())
