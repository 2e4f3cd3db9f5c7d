"""The live Kubernetes client against API servers that fail."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "emulate" / "kubernetes"))

import manifests
import pki
from lab import Lab, connections, wait_for

from meshlab.emulate.kubernetes.server.apiserver import ApiServer
from meshlab.emulate.kubernetes.storage.store import MemoryStorage
from meshlab.emulate.network.addresses import loopback
from meshlab.live.kubernetes import KubernetesApi, KubernetesError, Timeouts, connect, event_time
from meshlab.live.secret import Secret
from own_addresses import dialled, network
from own_time import PATIENCE_S

ELSEWHERE = f"{dialled(network(3))}.0.9"
POD = f"{network(3)}.7.7"
POD_HOST = loopback(POD)
QUICK = Timeouts(connect_s=1.0, answer_s=3.0, watch_silence_s=20.0)


class Servers:
    """Two API servers on one storage in memory, in a thread."""

    def __init__(self) -> None:
        self.storage = MemoryStorage()
        self.authority = pki.authority()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.servers = [self.run(self._server()) for _ in range(2)]

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    async def _server(self) -> ApiServer:
        server = ApiServer(self.storage, self.authority.serving(), bookmark_every_s=0.5)
        await server.start()
        await server.wait_ready()
        return server

    def add(self) -> str:
        """One more server, which remembers nothing of what was before it; gives its URL."""
        self.servers.append(self.run(self._server()))
        return self.urls()[-1]

    def urls(self) -> list[str]:
        return [f"https://127.0.0.1:{s.port}" for s in self.servers]

    def kubeconfig(self) -> dict[str, Any]:
        return Lab.kubeconfig(self)  # type: ignore[arg-type]

    def connect(self, *endpoints: str) -> KubernetesApi:
        return connect(self.kubeconfig(), timeouts=QUICK, endpoints=endpoints)

    def close(self) -> None:
        for server in self.servers:
            self.run(server.stop())
        wait_for(lambda: connections(self._loop) == 0, "all connections to be closed")
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()


@pytest.fixture
def servers() -> Iterator[Servers]:
    made = Servers()
    yield made
    made.close()


@pytest.fixture
def api(servers: Servers) -> Iterator[KubernetesApi]:
    with servers.connect() as made:
        yield made


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that accepts connections and never says a word, as a machine without power behind the fabric."""
    with socket.create_server((ELSEWHERE, 0)) as listener:
        yield f"https://{ELSEWHERE}:{listener.getsockname()[1]}"


def test_apply_is_idempotent_and_read_gives_it_back(api: KubernetesApi) -> None:
    item = manifests.config_map("one", a="b")
    first = api.apply(item)
    again = api.apply(item)
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    found = api.read(item)
    assert found is not None and found["data"] == {"a": "b"}
    assert api.remove(item)
    assert not api.remove(item)
    assert api.read(item) is None


def test_dry_run_changes_nothing(api: KubernetesApi) -> None:
    item = manifests.config_map("tried", a="b")
    assert api.server_side_apply(item, dry_run=True)["data"] == {"a": "b"}
    assert api.read(item) is None


def test_conflict_without_force_is_a_409_that_names_the_other_manager(api: KubernetesApi) -> None:
    api.server_side_apply(manifests.config_map("two", a="1"), field_manager="somebody")
    with pytest.raises(KubernetesError, match=r'conflict with "somebody": \.data\.a') as caught:
        api.server_side_apply(manifests.config_map("two", a="2"), force=False)
    assert (caught.value.code, caught.value.reason) == (409, "Conflict")


def test_invalid_manifest_is_refused_with_the_fields(api: KubernetesApi) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "c", "namespace": "default"},
        "spec": {},
    }
    with pytest.raises(KubernetesError, match=r"spec\.accessModes") as caught:
        api.apply(claim)
    assert caught.value.code == 422


def test_unknown_kind_is_named(api: KubernetesApi) -> None:
    with pytest.raises(KubernetesError, match="the cluster has no kind Vault in v1"):
        api.list("v1", "Vault")


def test_a_silent_server_is_left_and_the_next_one_answers(servers: Servers, silent: str) -> None:
    with servers.connect(silent, servers.urls()[0]) as api:
        assert {n["metadata"]["name"] for n in api.list("v1", "Namespace")} >= {"default"}
        assert api.server == servers.urls()[0]


def test_no_server_at_all_is_one_clear_error(servers: Servers, silent: str) -> None:
    with socket.create_server((ELSEWHERE, 0)) as listener:
        dead = f"https://{ELSEWHERE}:{listener.getsockname()[1]}"
    with servers.connect(silent, dead) as api, pytest.raises(KubernetesError) as caught:
        api.list("v1", "Namespace")
    assert caught.value.code == 0
    assert "no Kubernetes API server answers" in str(caught.value)
    assert silent in str(caught.value) and dead in str(caught.value)


def test_watch_goes_on_at_the_next_server_and_misses_nothing(servers: Servers) -> None:
    with servers.connect(*servers.urls()) as api, servers.connect(servers.urls()[1]) as writer:
        writer.apply(manifests.config_map("w0"))
        names = []
        for kind, item in api.watch("v1", "ConfigMap", "default", deadline_s=PATIENCE_S):
            if kind == "ADDED":
                names.append(item["metadata"]["name"])
            if names == ["w0"]:
                servers.run(servers.servers[0].stop())
                for index in (1, 2):
                    writer.apply(manifests.config_map(f"w{index}"))
            if len(names) == 3:
                break
        assert names == ["w0", "w1", "w2"]


def test_watch_from_a_forgotten_revision_begins_anew(servers: Servers) -> None:
    with servers.connect(*servers.urls()) as api:
        api.apply(manifests.config_map("old"))
    with servers.connect(servers.add()) as api:
        stream = api.watch("v1", "ConfigMap", "default", since="1", deadline_s=PATIENCE_S)
        kind, item = next(stream)
        assert (kind, item["metadata"]["name"]) == ("ADDED", "old")


def test_raw_watch_from_a_forgotten_revision_is_told_410(servers: Servers, api: KubernetesApi) -> None:
    api.apply(manifests.config_map("old"))
    query = {"watch": "1", "resourceVersion": "1", "timeoutSeconds": "2"}
    with servers.connect(servers.add()) as late:
        event = json.loads(late.text("GET", "/api/v1/configmaps", query=query).splitlines()[0])
    assert event["type"] == "ERROR"
    assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
    assert event["object"]["message"].startswith("too old resource version: 1 (")


def test_official_watch_of_the_kubernetes_package_works_with_bookmarks(servers: Servers) -> None:
    from kubernetes import client, config, watch

    configuration = client.Configuration()
    config.load_kube_config_from_dict(servers.kubeconfig(), client_configuration=configuration)
    with client.ApiClient(configuration) as official:
        core = client.CoreV1Api(official)
        core.create_namespaced_config_map("default", {"metadata": {"name": "official"}, "data": {"a": "b"}})
        found = []
        stream = watch.Watch().stream(
            core.list_namespaced_config_map,
            "default",
            timeout_seconds=int(PATIENCE_S),
            allow_watch_bookmarks=True,
        )
        for event in stream:
            found.append(event["type"])
            if "BOOKMARK" in found:
                break
        assert found[0] == "ADDED" and found[-1] == "BOOKMARK"


def test_wait_for_says_what_it_waited_for(api: KubernetesApi) -> None:
    with pytest.raises(
        KubernetesError, match=r"waited 0\.3 s in vain for the pod to run \(0 Pod seen\)"
    ) as caught:
        api.wait_for(
            bool, 0.3, api_version="v1", kind="Pod", namespace="default", what="the pod to run", every_s=0.05
        )
    assert caught.value.reason == "Timeout"


def test_storage_without_quorum_is_a_500_and_not_ready(servers: Servers, api: KubernetesApi) -> None:
    assert api.ready()
    assert servers.servers[0].port and api.ready("127.0.0.1")
    servers.storage.available = False
    assert not api.ready()
    with pytest.raises(KubernetesError, match="etcdserver: request timed out") as caught:
        api.list("v1", "Namespace")
    assert caught.value.code == 500


def test_pod_proxy_reaches_what_listens_at_the_pods_address(servers: Servers, api: KubernetesApi) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"path": self.path, "token": self.headers.get("X-Vault-Token")}).encode()
            self.send_response(429)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            return

    server = ThreadingHTTPServer((POD_HOST, 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        account = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": "default"},
        }
        api.apply(account)
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "vault-0", "namespace": "default"},
            "spec": {"containers": [{"name": "vault", "image": "openbao"}]},
        }
        api.apply(pod)
        status = {"status": {"phase": "Running", "podIP": POD}}
        path = "/api/v1/namespaces/default/pods/vault-0/status"
        api.request("PATCH", path, body=status, content_type="application/merge-patch+json")
        import requests

        url = api.pod_proxy_url("default", "vault-0", server.server_port, "http")
        assert api.files.certificate is not None and api.files.key is not None
        answer = requests.get(
            url + "/v1/sys/health?standbyok=true",
            headers={"X-Vault-Token": "t"},
            verify=api.files.authority,
            cert=(api.files.certificate, api.files.key),
            timeout=PATIENCE_S,
        )
        assert answer.status_code == 429
        assert answer.json() == {"path": "/v1/sys/health?standbyok=true", "token": "t"}
    finally:
        server.shutdown()
        server.server_close()


def test_kubeconfig_secrets_never_show_and_key_files_are_gone_after_close(servers: Servers) -> None:
    secret = Secret(json.dumps(servers.kubeconfig()), name="kubeconfig")
    api = connect(secret)
    key = api.files.key
    assert key is not None and Path(key).stat().st_mode & 0o077 == 0
    assert "PRIVATE" not in repr(api)
    api.close()
    assert not Path(key).exists()


def test_text_that_is_no_kubeconfig_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text("[]")
    with pytest.raises(KubernetesError, match="is not a kubeconfig: it has no clusters"):
        connect(file)
    with pytest.raises(KubernetesError, match="cannot be read"):
        connect(tmp_path / "absent")


def test_event_time_takes_the_first_timestamp_that_is_set() -> None:
    event = {
        "series": None,
        "lastTimestamp": None,
        "eventTime": "2026-01-02T00:00:00.000000Z",
        "metadata": {},
    }
    assert event_time(event) == "2026-01-02T00:00:00.000000Z"
