"""A Vault pod's configuration carried over, and three real OpenBao servers in pods behind the fabric."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hvac
import pytest
from certificates import Authority

from meshlab.emulate.network.addresses import loopback
from meshlab.emulate.network.fabric import Fabric
from meshlab.emulate.pods import vault_limits
from meshlab.emulate.pods.pods import Pods
from meshlab.emulate.pods.vault import Listening, expand, local_config
from meshlab.emulate.processes import binaries
from meshlab.emulate.processes.processes import ProcessTable, leftovers
from meshlab.provision.manifests.vault import configuration
from own_addresses import network
from own_time import PATIENCE_S

CONFIG = """
ui = false
api_addr = "https://$(HOSTNAME).vault-internal:8200"
cluster_addr = "https://$(HOSTNAME).vault-internal:8201"
listener "tcp" {
  address = "[::]:8200"      # all { interfaces
  cluster_address = "[::]:8201"
  tls_cert_file = "/vault/tls/tls.crt"
  tls_key_file = "/vault/tls/tls.key"
  telemetry {
    unauthenticated_metrics_access = true
  }
}
storage "raft" {
  path = "/vault/data"
  node_id = "${HOSTNAME}"
  retry_join { leader_api_addr = "https://vault-0.vault-internal:8200", leader_ca_cert_file = "/vault/tls/ca.crt" }
  retry_join {
    leader_api_addr = "https://vault-1.vault-internal.vault.svc.cluster.local:8200"
    leader_ca_cert_file = "/vault/tls/ca.crt"
  }
  retry_join {
    leader_api_addr = "https://vault-2.vault-internal:8200"
    leader_ca_cert_file = "/vault/tls/ca.crt"
    leader_tls_servername = "vault-2.vault-internal"
  }
}
service_registration "kubernetes" {}
""".replace('8200", leader_ca', '8200"\n leader_ca').replace('ca.crt" }', 'ca.crt"\n }')


def carried(text: str, **changes: Any) -> Any:
    hidden = itertools.count(30001)
    given: dict[str, Any] = {
        "pod_name": "vault-0",
        "namespace": "vault",
        "environment": {"HOSTNAME": "vault-0", "POD_IP": "10.244.1.5"},
        "address_of": lambda key: f"10.244.9.{int(key[-1])}" if key.startswith("vault/") else "10.244.8.8",
        "hidden_port": lambda: next(hidden),
    } | changes
    return local_config(text, **given)


def test_listeners_move_to_hidden_ports_and_nothing_else_of_them_changes() -> None:
    config = carried(CONFIG)
    assert config.ports == [Listening(8200, 30001), Listening(8201, 30002)]
    assert '  address = "127.0.0.1:30001"      # all { interfaces\n' in config.text
    assert '  cluster_address = "127.0.0.1:30002"\n' in config.text
    assert "unauthenticated_metrics_access = true" in config.text


def test_a_listener_without_addresses_gets_the_usual_ports() -> None:
    config = carried('listener "tcp" { tls_disable = true }')
    assert config.ports == [Listening(8200, 30001), Listening(8201, 30002)]
    assert "tls_disable = true" in config.text


def test_pod_names_become_the_addresses_they_are_served_at() -> None:
    text = carried(CONFIG).text
    assert 'api_addr = "https://127.244.9.0:8200"' in text
    assert 'cluster_addr = "https://127.244.9.0:8201"' in text
    assert 'leader_api_addr = "https://127.244.9.1:8200"' in text
    assert 'node_id = "vault-0"' in text


def test_tls_still_checks_the_name_that_was_configured() -> None:
    text = carried(CONFIG).text
    assert text.count('leader_tls_servername = "vault-0.vault-internal"') == 1
    assert text.count('leader_tls_servername = "vault-1.vault-internal.vault.svc.cluster.local"') == 1
    assert text.count("leader_tls_servername") == 3


def test_kubernetes_registration_is_left_out() -> None:
    assert "service_registration" not in carried(CONFIG).text


def test_the_helm_charts_bare_words_are_put_in() -> None:
    assert (
        expand('api_addr = "https://POD_IP:8200"', {"POD_IP": "10.244.1.5"})
        == 'api_addr = "https://10.244.1.5:8200"'
    )
    assert (
        'api_addr = "https://127.244.1.5:8200"'
        in carried('api_addr = "https://POD_IP:8200"\nlistener "tcp" {}').text
    )


def test_hashicorp_vault_is_told_not_to_lock_memory() -> None:
    assert "disable_mlock = true" in carried('listener "tcp" {}', openbao=False).text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"listener": {}}', "is JSON"),
        ("ui = true", "no listener"),
        ('ui = true\nlistener "tcp" {\n address = "x}"', "line 2 .* never closed"),
    ],
)
def test_a_configuration_that_cannot_be_carried_over_says_why(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        carried(text)


def limited(text: str) -> None:
    vault_limits.insist(text, [Path("/volumes/data"), Path("/volumes/tls")])


def test_what_bring_up_and_the_helm_chart_write_is_taken() -> None:
    text = configuration(3, seal="awskms", openbao=True, region="us-east-1", key="k").replace(
        "/vault/", "/volumes/"
    )
    limited(text.replace('service_registration "kubernetes" {}', ""))
    limited('ui = true\nlistener "tcp" {\n tls_disable = 1\n telemetry {\n  disable_hostname = true\n }\n}\n')


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('plugin_directory = "/volumes/data"', "plugin_directory"),
        ('"plugin_directory" = "/volumes/data"', "plugin_directory"),
        ('ui = true, plugin_directory = "/volumes/data"', "plugin_directory"),
        ('/* x */ plugin_directory = "/volumes/data" // y', "plugin_directory"),
        ('seal "pkcs11" {\n lib = "/volumes/data/evil.so"\n}', "seal pkcs11"),
        ('plugin "secret" "x" {\n command = "evil"\n}', "plugin secret x"),
        ('log_file = "/volumes/data/x"', "log_file"),
        ('pid_file = "/etc/passwd"', "pid_file"),
        ('storage "raft" {\n path = "/root/.ssh"\n}', "in no volume"),
        ('storage "raft" {\n path = "/volumes/data/../../root"\n}', "in no volume"),
        ('storage "raft" {\n path = "../../x"\n}', "in no volume"),
        ('audit "file" "a" {\n options {\n  file_path = "/root/.bashrc"\n }\n}', "in no volume"),
        ('audit "socket" "a" {}', "audit socket"),
        ('seal "static" {\n current_key = "file:///root/secret"\n}', "in no volume"),
        ('listener "tcp" {\n tls_key_file = "/root/.ssh/id_ed25519"\n}', "in no volume"),
        ('api_addr = "${x}"', "template"),
        ("cluster_name = <<EOF\nx\nEOF", "line 1 cannot be read"),
        ("ui = true # x\rplugin_directory = 1", "character"),
        ('"plugin\\u005fdirectory" = "x"', "line 1 cannot be read"),
        ('ui = { plugin_directory = "x" }', "ui"),
        ('listener "tcp" {', "middle of something"),
    ],
)
def test_a_pod_cannot_make_vault_load_or_write_what_is_not_its_own(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        limited(text)


def test_a_pod_cannot_choose_libraries_or_commands_by_variables() -> None:
    given = {"VAULT_ADDR": "a", "HOSTNAME": "h", "LD_PRELOAD": "x", "AWS_CONFIG_FILE": "x", "GODEBUG": "x"}
    assert vault_limits.variables(given | {"VAULT_PLUGIN_TMPDIR": "x", "PATH": "x"}) == {
        "VAULT_ADDR": "a",
        "HOSTNAME": "h",
    }


MACHINES = {f"master-{i}": f"{network(0)}.50.{i}" for i in range(3)}


def vault_pod(i: int) -> dict[str, Any]:
    probe = {"httpGet": {"path": "/v1/sys/health?standbyok=true", "port": "https", "scheme": "HTTPS"}}
    return {
        "metadata": {"name": f"vault-{i}", "namespace": "vault"},
        "spec": {
            "volumes": [{"name": "config"}, {"name": "tls"}, {"name": "data"}],
            "containers": [
                {
                    "name": "vault",
                    "image": "openbao/openbao:2.7.2",
                    "args": ["server", "-config=/vault/config/vault.hcl"],
                    "ports": [{"name": "https", "containerPort": 8200}],
                    "env": [{"name": "HOSTNAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                    "volumeMounts": [
                        {"name": "config", "mountPath": "/vault/config"},
                        {"name": "tls", "mountPath": "/vault/tls"},
                        {"name": "data", "mountPath": "/vault/data"},
                    ],
                    "readinessProbe": probe | {"periodSeconds": 1},
                }
            ],
        },
    }


class Vault:
    """Three Vault pods on three machines, and a blocking client of each (run in threads: the loop is the network)."""

    def __init__(self, directory: Path, config: str) -> None:
        self.directory = directory
        authority = Authority(directory)
        self.fabric = Fabric(MACHINES)
        self.processes = ProcessTable(directory / "state", self.fabric)
        self.pods = Pods(
            self.fabric, self.processes, directory / "state", MACHINES, network=f"{network(0)}.128.0/17"
        )
        hosts = [loopback(self.pods.address(f"vault/vault-{i}")) for i in range(3)]
        tls = authority.issue(
            "vault", hosts, ["*.vault-internal", "*.vault-internal.vault.svc.cluster.local"]
        )
        self.files = {
            "config": {"vault.hcl": config.encode()},
            "tls": {
                "ca.crt": tls.ca.read_bytes(),
                "tls.crt": tls.cert.read_bytes(),
                "tls.key": tls.key.read_bytes(),
            },
        }
        self.clients = [hvac.Client(url=f"https://{h}:8200", verify=str(tls.ca), timeout=60) for h in hosts]
        self.keys: list[str] = []

    async def start(self, i: int) -> None:
        disk = self.directory / f"disk-{i}"
        disk.mkdir(exist_ok=True)
        await self.pods.start(f"master-{i}", vault_pod(i), {"data": disk}, self.files)

    async def settled(self, ask: Callable[[], Any]) -> Any:
        """The first true answer of a blocking call; errors count as not yet."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with contextlib.suppress(Exception):  # a server that starts answers with many kinds of errors
                    if found := await asyncio.to_thread(ask):
                        return found
                await asyncio.sleep(0.05)

    async def initialise(self) -> None:
        first = self.clients[0]
        await self.settled(lambda: first.sys.read_init_status())
        reply = await asyncio.to_thread(first.sys.initialize, secret_shares=1, secret_threshold=1)
        self.keys = reply["keys"]
        for client in self.clients:
            client.token = reply["root_token"]

    def unseal(self, i: int) -> bool:
        self.clients[i].sys.submit_unseal_key(self.keys[0])
        return not self.clients[i].sys.read_seal_status()["sealed"]

    def voters(self, i: int) -> dict[str, bool]:
        servers = self.clients[i].sys.read_raft_config()["data"]["config"]["servers"]
        return {server["node_id"]: server["voter"] for server in servers}

    def active(self, among: tuple[int, ...] = (0, 1, 2)) -> str | None:
        """The pod that answers 200 to the health call."""
        for i in among:
            try:
                health = self.clients[i].sys.read_health_status(method="GET")
            except Exception:
                continue
            if isinstance(health, dict) or health.status_code == 200:
                return f"vault-{i}"
        return None

    async def close(self) -> None:
        for client in self.clients:
            client.adapter.close()
        await self.pods.close(grace_s=0)
        await self.processes.close(grace_s=0)
        await self.fabric.close()
        assert leftovers(self.directory / "state") == []
        self.clients.clear()
        gc.collect()


# urllib3 leaves a socket that was reset in its TLS handshake to the garbage collector
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
def test_three_openbao_pods_form_a_cluster_and_survive_the_loss_of_the_active_one(tmp_path: Path) -> None:
    """Facts: three voters after the 10 s of server stabilisation; a new active in 5-20 s with multiplier 5.

    The configuration here has multiplier 1, so that the elections take 1-2 s; the 10 s window stays.
    """

    async def scenario() -> None:
        fast = CONFIG.replace('path = "/vault/data"', 'path = "/vault/data"\n  performance_multiplier = 1')
        it = Vault(tmp_path, fast)
        try:
            await asyncio.gather(*(it.start(i) for i in range(3)))
            await it.initialise()
            for i in range(3):
                await it.settled(lambda i=i: it.unseal(i))
            everyone = {f"vault-{i}": True for i in range(3)}
            await it.settled(lambda: it.voters(0) == everyone)
            raft = {(f.source, f.target) for f in it.fabric.flows() if f.port == 8201}
            assert {("master-0", "master-1"), ("master-0", "master-2")} <= raft
            await it.settled(lambda: it.pods.state("vault/vault-2").ready)
            path = "/v1/sys/storage/raft/autopilot/state"
            await it.settled(lambda: it.clients[0].adapter.get(path)["data"]["failure_tolerance"] == 1)

            active = await it.settled(it.active)
            index = int(active[-1])
            others = tuple(i for i in range(3) if i != index)
            it.fabric.power(f"master-{index}", False)
            await it.pods.lose_power(f"master-{index}")
            assert it.pods.running(f"master-{index}") == []
            successor = await it.settled(lambda: it.active(others))
            assert successor in {f"vault-{i}" for i in others}
            await asyncio.to_thread(
                it.clients[int(successor[-1])].sys.enable_secrets_engine, "kv", path="after"
            )

            it.fabric.power(f"master-{index}", True)
            await it.start(index)
            await it.settled(lambda: it.unseal(index))
            await it.settled(lambda: it.voters(index) == everyone)
        finally:
            await it.close()

    asyncio.run(scenario())


def test_the_carried_configuration_is_one_that_the_server_accepts(tmp_path: Path) -> None:
    program = binaries.find_vault()
    text = carried(CONFIG, openbao=program.stem == "bao").text.replace("/vault/", f"{tmp_path}/")
    (tmp_path / "data").mkdir()
    tls = Authority(tmp_path / "data").issue("vault", ["127.0.0.1"])
    (tmp_path / "tls").mkdir()
    for source, name in ((tls.ca, "ca.crt"), (tls.cert, "tls.crt"), (tls.key, "tls.key")):
        (tmp_path / "tls" / name).write_bytes(source.read_bytes())
    (tmp_path / "vault.hcl").write_text(text)
    argv = [str(program), "operator", "diagnose", f"-config={tmp_path / 'vault.hcl'}", "-skip=listener"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    said = re.sub(r"\x1b\[\d+m", "", done.stdout)
    assert "[ success ] Parse Configuration" in said, said
