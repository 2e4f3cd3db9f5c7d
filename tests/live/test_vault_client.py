"""The Vault client against three real OpenBao servers: init once, unseal, three voters, a new leader."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

import needs
from meshlab.emulate.processes.binaries import MissingBinary, find_vault
from meshlab.live.secret import Secret
from meshlab.live.talos import pki
from meshlab.live.vault import InitKeys, VaultClient, VaultError
from own_time import PATIENCE_S


@dataclass
class Servers:
    """Three running servers, and how to make clients of them."""

    ports: list[int]
    processes: list[subprocess.Popen[bytes]]
    tls: ssl.SSLContext
    authority: str

    def client(self, number: int, token: Secret[str] | None = None) -> VaultClient:
        url = f"https://127.0.0.1:{self.ports[number]}"
        return VaultClient(url, name=f"vault-{number}", token=token, tls=self.tls, timeout_s=60.0)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    try:
        binary = find_vault()
    except MissingBinary as error:
        needs.skip("Vault or OpenBao", str(error))
    folder = tmp_path_factory.mktemp("vault")
    authority = pki.new_authority("ecdsa", organization="vault")
    server = pki.issue(
        authority, usage="both", common_name="vault", addresses=["127.0.0.1"], names=["localhost"]
    )
    (folder / "ca.crt").write_text(authority.certificate)
    (folder / "tls.crt").write_text(server.certificate)
    (folder / "tls.key").write_text(server.key.reveal())
    ports, cluster_ports = free_ports(3), free_ports(3)
    processes = []
    logs = []
    for number in range(3):
        data = folder / f"data-{number}"
        data.mkdir()
        joins = "\n".join(
            f'retry_join {{\n leader_api_addr = "https://127.0.0.1:{port}"\n'
            f' leader_ca_cert_file = "{folder}/ca.crt"\n}}'
            for other, port in enumerate(ports)
            if other != number
        )
        (folder / f"{number}.hcl").write_text(
            f"""
disable_mlock = true
api_addr = "https://127.0.0.1:{ports[number]}"
cluster_addr = "https://127.0.0.1:{cluster_ports[number]}"
listener "tcp" {{
  address = "127.0.0.1:{ports[number]}"
  cluster_address = "127.0.0.1:{cluster_ports[number]}"
  tls_cert_file = "{folder}/tls.crt"
  tls_key_file = "{folder}/tls.key"
}}
storage "raft" {{
  path = "{data}"
  node_id = "vault-{number}"
  performance_multiplier = 1
  {joins}
}}
audit "file" "stdout" {{
  options {{
    file_path = "stdout"
  }}
}}
"""
        )
        log = (folder / f"{number}.log").open("wb")
        logs.append(log)
        processes.append(
            subprocess.Popen(
                [str(binary), "server", f"-config={folder}/{number}.hcl"], stdout=log, stderr=log
            )
        )
    tls = ssl.create_default_context(cadata=authority.certificate)
    yield Servers(ports, processes, tls, authority.certificate)
    for process in processes:
        process.kill()
        process.wait()
    for log in logs:
        log.close()


@pytest.fixture(scope="module")
def keys(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> InitKeys:
    kept = tmp_path_factory.mktemp("kept") / "reply"
    with servers.client(0) as client:
        until(lambda: client.health().code == 501)
        found = client.initialize(
            lambda reply: kept.write_bytes(reply.reveal()) and None, shares=3, threshold=2
        )
    # What was kept before it was read is enough to go on with.
    assert InitKeys.parse(Secret(kept.read_bytes())).root_token == found.root_token
    for number in range(3):
        with servers.client(number) as client:
            until(lambda client=client: unsealed(client, found))
    with servers.client(0, found.root_token) as client:
        client.configure_autopilot(server_stabilization_time="1s", min_quorum=3)
        until(lambda: len(client.autopilot().voters) == 3)
    return found


def unsealed(client: VaultClient, keys: InitKeys) -> bool:
    try:
        return client.unseal(keys.unseal_keys) or not client.health().sealed
    except VaultError as error:
        assert error.kind in ("not-initialised", "invalid", "failed", "sealed"), error
        return False


def test_three_servers_become_three_voters(servers: Servers, keys: InitKeys) -> None:
    with servers.client(0, keys.root_token) as client:
        peers = client.raft_peers()
        autopilot = client.autopilot()
    assert [peer.node for peer in peers] == ["vault-0", "vault-1", "vault-2"]
    assert all(peer.voter for peer in peers)
    assert autopilot.failure_tolerance == 1 and autopilot.healthy


def test_one_is_active_and_two_stand_by(servers: Servers, keys: InitKeys) -> None:
    codes = sorted(servers.client(n).health().code for n in range(3))
    assert codes == [200, 429, 429]


def test_a_second_init_is_refused_and_keeps_nothing(servers: Servers, keys: InitKeys) -> None:
    kept: list[object] = []
    with servers.client(0) as client, pytest.raises(VaultError, match="already initialized"):
        client.initialize(kept.append)
    assert kept == []


def test_what_bring_up_configures_is_there_afterwards(servers: Servers, keys: InitKeys) -> None:
    with servers.client(0, keys.root_token) as client:
        client.write_policy("chains", 'path "kv/data/chains/*" { capabilities = ["read"] }')
        client.enable_engine("kv", "kv", version="2")
        client.enable_auth("kubernetes")
        client.configure_kubernetes_auth("https://kubernetes.default.svc", servers.authority)
        client.write_kubernetes_role(
            "chains", accounts=["chains"], namespaces=["chains"], policies=["chains"]
        )
        assert "chains" in client.policies()
        assert "kv/" in client.engines()
        assert "kubernetes/" in client.auth_methods()
        assert client.audit_devices() == ("stdout/",)
        with pytest.raises(VaultError) as again:
            client.enable_engine("kv", "kv", version="2")
        assert again.value.kind == "invalid"


def test_another_token_is_denied_and_not_shown(servers: Servers, keys: InitKeys) -> None:
    with servers.client(0, Secret("s.canary")) as client, pytest.raises(VaultError) as denied:
        client.policies()
    assert denied.value.kind == "denied"
    assert "canary" not in str(denied.value) + repr(denied.value) + repr(client) + json.dumps(
        str(vars(denied.value))
    )


def test_nobody_listening_is_unreachable_and_nothing_was_done(servers: Servers) -> None:
    (port,) = free_ports(1)
    with VaultClient(f"http://127.0.0.1:{port}", name="vault-9", timeout_s=1.0) as client:
        with pytest.raises(VaultError) as silent:
            client.unseal([Secret("a")])
        assert silent.value.kind == "unreachable"


def test_an_authority_that_is_not_ours_is_refused(servers: Servers, keys: InitKeys) -> None:
    url = f"https://127.0.0.1:{servers.ports[0]}"
    with VaultClient(url, tls=ssl.create_default_context()) as client, pytest.raises(VaultError, match="TLS"):
        client.health()


def test_when_the_active_one_is_killed_another_takes_over(servers: Servers, keys: InitKeys) -> None:
    """Last: it takes a server away."""
    leading: list[int] = []
    until(lambda: bool(leading.extend(n for n in range(3) if servers.client(n).health().active) or leading))
    active = leading[0]
    servers.processes[active].kill()
    others = [n for n in range(3) if n != active]
    until(lambda: any(servers.client(n).health().active for n in others))


def until(holds: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if holds():
                return
        except VaultError as error:
            assert error.kind != "denied", error
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
