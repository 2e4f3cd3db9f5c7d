"""Real kubectl drives the emulated API."""

from __future__ import annotations

import json
import queue
import subprocess
import threading

import manifests
from lab import Lab, ready, wait_for

from own_time import PATIENCE_S


def apply(lab: Lab, *items: dict[str, object], server_side: bool = False) -> str:
    options = ["--server-side"] if server_side else []
    return lab.kubectl("apply", *options, "-f", "-", stdin=manifests.text(*items))


def test_plain_apply_twice_changes_nothing_the_second_time(lab: Lab) -> None:
    item = manifests.config_map("twice", colour="red")
    assert apply(lab, item) == "configmap/twice created\n"
    before = lab.get("configmap", "twice")["metadata"]["resourceVersion"]
    assert apply(lab, item) == "configmap/twice unchanged\n"
    assert lab.get("configmap", "twice")["metadata"]["resourceVersion"] == before


def test_plain_apply_removes_what_left_the_manifest(lab: Lab) -> None:
    apply(lab, manifests.config_map("shrinks", a="1", b="2"))
    apply(lab, manifests.config_map("shrinks", a="1"))
    assert lab.get("configmap", "shrinks")["data"] == {"a": "1"}


def test_unknown_field_is_refused_with_its_path(lab: Lab) -> None:
    item = {**manifests.config_map("wrong"), "dataa": {}}
    done = lab.try_kubectl("apply", "-f", "-", stdin=json.dumps(item))
    assert done.returncode == 1
    assert 'strict decoding error: unknown field "dataa"' in done.stderr


def test_invalid_object_names_every_bad_field(lab: Lab) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "Bad"},
        "spec": {"containers": [{"name": "a"}]},
    }
    done = lab.try_kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    assert "* metadata.name: Invalid value" in done.stderr
    assert "* spec.containers[0].image: Required value" in done.stderr


def test_server_side_apply_of_a_field_owned_by_another_conflicts_until_forced(lab: Lab) -> None:
    item = manifests.config_map("owned", colour="red")
    apply(lab, item, server_side=True)
    other = json.dumps({**item, "data": {"colour": "blue"}})
    refused = lab.try_kubectl("apply", "--server-side", "--field-manager=other", "-f", "-", stdin=other)
    assert 'conflict with "kubectl": .data.colour' in refused.stderr
    lab.kubectl(
        "apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f", "-", stdin=other
    )
    found = lab.get("configmap", "owned", "--show-managed-fields")
    assert found["data"] == {"colour": "blue"}
    assert [m["manager"] for m in found["metadata"]["managedFields"] if "f:data" in m["fieldsV1"]] == [
        "other"
    ]


def test_server_side_apply_leaves_fields_of_others_alone(lab: Lab) -> None:
    apply(lab, manifests.config_map("shared", mine="1"), server_side=True)
    lab.kubectl("patch", "configmap", "shared", "-p", '{"data":{"theirs":"2"}}')
    apply(lab, manifests.config_map("shared"), server_side=True)
    assert lab.get("configmap", "shared")["data"] == {"theirs": "2"}


def test_create_with_a_typed_client_arrives_whole(lab: Lab) -> None:
    lab.kubectl("create", "configmap", "typed", "--from-literal=a=b")
    lab.kubectl("create", "secret", "generic", "typed", "--from-literal=key=value")
    assert lab.get("configmap", "typed")["data"] == {"a": "b"}
    assert lab.get("secret", "typed")["data"] == {"key": "dmFsdWU="}


def test_three_kinds_of_patch(lab: Lab) -> None:
    apply(lab, manifests.config_map("patched", a="1"))
    lab.kubectl("patch", "configmap", "patched", "--type=merge", "-p", '{"data":{"b":"2"}}')
    lab.kubectl("patch", "configmap", "patched", "--type=json", "-p", '[{"op":"remove","path":"/data/a"}]')
    lab.kubectl("label", "configmap", "patched", "tier=low")
    found = lab.get("configmap", "patched")
    assert (found["data"], found["metadata"]["labels"]) == ({"b": "2"}, {"tier": "low"})


def test_selectors_names_and_jsonpath(lab: Lab) -> None:
    for name, tier in (("sel-a", "low"), ("sel-b", "high")):
        apply(lab, manifests.config_map(name))
        lab.kubectl("label", "configmap", name, f"tier={tier}", "suite=selectors")
    assert (
        lab.kubectl("get", "cm", "-l", "suite=selectors,tier in (low)", "-o", "name") == "configmap/sel-a\n"
    )
    path = "-o=jsonpath={.items[*].metadata.name}"
    assert lab.kubectl("get", "cm", "-l", "suite=selectors,tier!=low", path) == "sel-b"
    assert (
        lab.kubectl("get", "cm", "--field-selector", "metadata.name=sel-b", "-o", "name")
        == "configmap/sel-b\n"
    )


def test_long_lists_come_in_pages(lab: Lab) -> None:
    apply(lab, *(manifests.config_map(f"page-{i}") for i in range(7)))
    names = lab.kubectl("get", "cm", "--chunk-size=3", "-o", "name").split()
    assert [f"configmap/page-{i}" for i in range(7)] == [n for n in names if "page-" in n]


def test_explain_and_api_resources_know_the_kinds(lab: Lab) -> None:
    assert "FIELD: replicas <integer>" in lab.kubectl("explain", "statefulset.spec.replicas")
    assert "poddisruptionbudgets" in lab.kubectl("api-resources")


def test_get_watch_prints_changes_as_they_happen(lab: Lab) -> None:
    apply(lab, manifests.config_map("watched", a="1"))
    argv = lab.argv("get", "cm", "watched", "-w", "-o", 'jsonpath={.data}{"\\n"}')
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=lab.environment())
    lines: queue.Queue[str] = queue.Queue()
    assert process.stdout is not None
    stream = process.stdout
    reader = threading.Thread(target=lambda: [lines.put(line) for line in stream], daemon=True)
    reader.start()
    try:
        assert json.loads(lines.get(timeout=PATIENCE_S)) == {"a": "1"}
        lab.kubectl("patch", "cm", "watched", "-p", '{"data":{"b":"2"}}')
        assert json.loads(lines.get(timeout=PATIENCE_S)) == {"a": "1", "b": "2"}
    finally:
        process.kill()
        process.wait()
        reader.join(5)
        stream.close()


def test_host_path_pod_is_refused_outside_kube_system(lab: Lab) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "host", "namespace": "default"},
        "spec": {
            "containers": [{"name": "a", "image": "b"}],
            "volumes": [{"name": "root", "hostPath": {"path": "/"}}],
        },
    }
    done = lab.try_kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    wanted = (
        'pods "host" is forbidden: violates PodSecurity "baseline:latest": hostPath volumes (volume "root")'
    )
    assert wanted in done.stderr


def test_whoami_and_can_i_follow_the_certificate(lab: Lab) -> None:
    assert "system:masters" in lab.kubectl("auth", "whoami")
    assert lab.kubectl("auth", "can-i", "delete", "nodes") == "yes\n"


def test_service_account_token_has_the_rights_that_rbac_gives_it(lab: Lab) -> None:
    lab.kubectl("create", "serviceaccount", "reader")
    token = lab.kubectl("create", "token", "reader").strip()
    server = lab.urls()[0]
    authority = lab.folder / "ca.crt"
    authority.write_bytes(lab.authority.certificate)
    mine = [
        "--kubeconfig=/dev/null",
        f"--server={server}",
        f"--certificate-authority={authority}",
        f"--token={token}",
    ]
    refused = lab.try_kubectl(*mine, "get", "configmaps")
    assert 'User "system:serviceaccount:default:reader" cannot list resource "configmaps"' in refused.stderr
    lab.kubectl(
        "create", "clusterrolebinding", "readers", "--clusterrole=view", "--serviceaccount=default:reader"
    )
    wait_for(
        lambda: lab.try_kubectl(*mine, "get", "configmaps").returncode == 0, "the binding to take effect"
    )
    assert lab.try_kubectl(*mine, "delete", "configmaps", "--all").returncode == 1


def goes_on_saying(lab: Lab, what: str, *arguments: str) -> None:
    """Waits until a command that would go on trying says something, and ends it."""
    with subprocess.Popen(
        lab.argv(*arguments),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=lab.environment(),
    ) as process:
        assert process.stderr is not None
        try:
            assert any(what in line for line in process.stderr), "it ended without a word of it"
        finally:
            process.kill()


def test_vault_like_set_runs_spread_and_a_drain_respects_its_budget(lab: Lab) -> None:
    nodes = ("n1", "n2", "n3")
    apply(lab, manifests.STORAGE_CLASS, *(manifests.volume(n) for n in nodes), server_side=True)
    apply(lab, *manifests.vault("vault", updateStrategy={"type": "RollingUpdate"}), server_side=True)
    assert "3 new pods have been updated" in lab.kubectl(
        "rollout", "status", "statefulset/vault", "-n", "vault", "--timeout=300s"
    )
    pods = lab.get("pods", "-n", "vault")["items"]
    assert {p["spec"]["nodeName"] for p in pods} == set(nodes)
    claims = lab.get("pvc", "-n", "vault")["items"]
    assert [c["status"]["phase"] for c in claims] == ["Bound"] * 3
    assert "hello from vault/vault-0" in lab.kubectl("logs", "-n", "vault", "vault-0")
    described = lab.kubectl("describe", "pod", "-n", "vault", "vault-0")
    assert "Successfully assigned vault/vault-0 to" in described

    home = {p["metadata"]["name"]: p["spec"]["nodeName"] for p in pods}
    lab.kubectl("drain", home["vault-0"], "--ignore-daemonsets", "--timeout=300s")
    refused = "Cannot evict pod as it would violate the pod's disruption budget"
    goes_on_saying(lab, refused, "drain", home["vault-1"], "--ignore-daemonsets")
    lab.kubectl("uncordon", home["vault-0"], home["vault-1"])
    lab.kubectl("wait", "-n", "vault", "pod/vault-0", "--for=condition=Ready", "--timeout=300s")
    assert lab.get("pod", "-n", "vault", "vault-0")["spec"]["nodeName"] == home["vault-0"]

    lab.kubectl("delete", "namespace", "vault", "--timeout=300s")
    assert {v["status"]["phase"] for v in lab.get("pv")["items"]} == {"Released"}


def test_deployment_rolls_to_a_new_image(lab: Lab) -> None:
    lab.kubectl("create", "deployment", "web", "--image=nginx:1", "--replicas=2")
    lab.kubectl("rollout", "status", "deployment/web", "--timeout=300s")
    lab.kubectl("set", "image", "deployment/web", "nginx=nginx:2")
    lab.kubectl("rollout", "status", "deployment/web", "--timeout=300s")
    lab.kubectl("scale", "deployment/web", "--replicas=1")

    def images() -> list[str]:
        pods = [p for p in lab.get("pods", "-l", "app=web")["items"] if ready(p)]
        return [p["spec"]["containers"][0]["image"] for p in pods if "deletionTimestamp" not in p["metadata"]]

    wait_for(lambda: images() == ["nginx:2"], "one pod of the new image")
    lab.kubectl("delete", "deployment", "web")
    wait_for(lambda: not lab.get("pods", "-l", "app=web")["items"], "the pods to be collected")


def test_a_lease_is_replaced_only_by_who_says_which_version_was_seen(lab: Lab) -> None:
    path = "/apis/coordination.k8s.io/v1/namespaces/default/leases/mine"
    item = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "mine", "namespace": "default"},
        "spec": {"holderIdentity": "me"},
    }
    lab.kubectl("replace", "--raw", path, "-f", "-", stdin=json.dumps(item))  # which also creates it
    refused = lab.try_kubectl("replace", "--raw", path, "-f", "-", stdin=json.dumps(item))
    assert "metadata.resourceVersion: Invalid value: 0: must be specified for an update" in refused.stderr
    seen = lab.get("lease", "mine")
    lab.kubectl("replace", "--raw", path, "-f", "-", stdin=json.dumps({**item, "metadata": seen["metadata"]}))
