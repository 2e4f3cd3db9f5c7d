from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from meshlab.emulate.network.addresses import loopback
from meshlab.emulate.network.fabric import Fabric
from meshlab.emulate.pods.containers import Backoff
from meshlab.emulate.pods.pod_spec import (
    Kind,
    PodAddresses,
    environment,
    kind_of,
    local_path,
    local_paths,
    mounts,
)
from meshlab.emulate.pods.pods import Pods
from meshlab.emulate.pods.probes import Timing, Verdict, http_status
from meshlab.emulate.processes.processes import Child, ProcessTable, leftovers
from own_addresses import network
from own_time import PATIENCE_S, HandClock

MACHINES = {f"worker-{i}": f"{network(0)}.60.{i}" for i in (1, 2)}
NETWORK = f"{network(0)}.64.0/19"


class World:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = HandClock()
        self.fabric = Fabric(MACHINES)
        self.processes = ProcessTable(directory / "state", self.fabric)
        self.pods = Pods(
            self.fabric,
            self.processes,
            directory / "state",
            MACHINES,
            network=NETWORK,
            chain_speed=2000,
            backoff=Backoff(1.0, 2.0, 60.0),
            sleep=self.clock.wait,
        )

    async def until(self, condition: Callable[[], bool], deadline_s: float = PATIENCE_S) -> None:
        async with asyncio.timeout(deadline_s):
            while not condition():  # noqa: ASYNC110 (a state of other processes)
                await asyncio.sleep(0.02)

    async def logs(self, key: str, **how: Any) -> bytes:
        return b"".join([chunk async for chunk in self.pods.logs(key, **how)])


def run(directory: Path, scenario: Callable[[World], Awaitable[None]]) -> None:
    async def main() -> None:
        world = World(directory)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await scenario(world)
        finally:
            await world.pods.close(grace_s=0)
            await world.processes.close(grace_s=0)
            await world.fabric.close()
        assert leftovers(directory / "state") == []
        assert not (directory / "state" / "pods").exists()

    asyncio.run(main())


def chain_pod(name: str, image: str, **container: Any) -> dict[str, Any]:
    spec = {
        "name": "node",
        "image": image,
        "volumeMounts": [{"name": "ledger", "mountPath": "/ledger"}],
    } | container
    return {
        "metadata": {"name": name, "namespace": "chains"},
        "spec": {"volumes": [{"name": "ledger"}], "containers": [spec]},
    }


SOLANA_READY = {"readinessProbe": {"httpGet": {"path": "/health", "port": 8899}, "periodSeconds": 1}}


def test_a_chain_pod_runs_a_node_on_its_volume_and_is_reached_at_its_address(tmp_path: Path) -> None:
    async def scenario(it: World) -> None:
        disk = tmp_path / "disk"
        before = time.time()
        await it.pods.start(
            "worker-1", chain_pod("solana-0", "anzaxyz/agave:v3.0.0", **SOLANA_READY), {"ledger": disk}, {}
        )
        await it.until(lambda: it.pods.state("chains/solana-0").ready)
        state = it.pods.state("chains/solana-0")
        assert (state.phase, state.restarts, state.message) == ("Running", 0, "")
        assert state.started_at is not None
        assert before <= state.started_at <= time.time()
        address = it.pods.address("chains/solana-0")
        reader, writer = await asyncio.open_connection(
            loopback(address), 8899, local_addr=(loopback(MACHINES["worker-2"]), 0)
        )
        writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
        await writer.wait_closed()
        await it.pods.stop("worker-1", "chains/solana-0", 10)
        assert json.loads((disk / "solana" / "head.json").read_text())["clean"]
        with pytest.raises(KeyError):
            it.pods.state("chains/solana-0")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(loopback(address), 8899)

    run(tmp_path, scenario)


def test_a_node_that_dies_is_started_again_at_once_and_then_with_growing_waits(tmp_path: Path) -> None:
    async def scenario(it: World) -> None:
        await it.pods.start("worker-1", chain_pod("tron-0", "tronprotocol/java-tron:x"), {}, {})
        key, process = "chains/tron-0", "pod-chains-tron-0-node"
        await it.until(lambda: it.pods.state(key).ready)
        await it.processes.kill(process)
        await it.until(lambda: it.pods.state(key).restarts == 1 and it.pods.state(key).ready)
        await it.processes.kill(process)
        await it.until(lambda: "CrashLoopBackOff" in it.pods.state(key).message)
        assert not it.pods.state(key).ready
        assert it.pods.state(key).phase == "Running"  # as the kubelet reports it
        it.clock.sleep(0.99)
        await asyncio.sleep(0.05)
        assert "back-off 1s" in it.pods.state(key).message
        it.clock.sleep(0.01)
        await it.until(lambda: it.pods.state(key).restarts == 2 and it.pods.state(key).ready)
        await it.processes.kill(process)
        await it.until(lambda: "back-off 2s" in it.pods.state(key).message)

    run(tmp_path, scenario)


def test_readiness_follows_the_probe_and_liveness_ends_the_container(tmp_path: Path) -> None:
    probes = {
        "readinessProbe": {"httpGet": {"path": "/eth/v1/node/health", "port": "rpc"}, "periodSeconds": 1},
        "livenessProbe": {
            "tcpSocket": {"port": "rpc"},
            "initialDelaySeconds": 1,
            "periodSeconds": 1,
            "failureThreshold": 1,
            "timeoutSeconds": 60,  # a busy machine's own; what is not listened to refuses at once
        },
        "ports": [{"name": "rpc", "containerPort": 8545}],
    }

    async def scenario(it: World) -> None:
        key, process = "chains/ethereum-0", "pod-chains-ethereum-0-node"
        await it.pods.start("worker-1", chain_pod("ethereum-0", "ethereum/client-go:v1", **probes), {}, {})
        await it.until(lambda: it.pods.state(key).phase == "Running")
        await it.until(lambda: it.pods.state(key).ready)
        hidden = next(iter(it.pods._pods[key].containers[0]._ports.values()))
        assert await http_status(hidden, "/eth/v1/node/health", https=False, timeout_s=PATIENCE_S) == 200
        await it.processes.pause(process)
        await it.until(lambda: it.pods.state(key).ready is False)
        await it.processes.resume(process)
        await it.until(lambda: it.pods.state(key).ready)
        assert it.pods.state(key).restarts == 0  # a paused process still accepts connections
        it.pods._pods[key].containers[0]._ports[8545] = 1  # nothing listens there
        await it.until(lambda: it.pods.state(key).restarts == 1)

    run(tmp_path, scenario)


def test_a_container_is_not_ready_before_its_probe_passed_nor_when_it_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(it: World) -> None:
        key, process = "chains/solana-0", "pod-chains-solana-0-node"
        at_its_start: list[bool] = []
        wait = Child.wait

        async def told(child: Child) -> int:
            task = asyncio.current_task()
            if task is not None and task.get_name() == f"{process} restarts":
                at_its_start.append(it.pods.state(key).ready)
            return await wait(child)

        monkeypatch.setattr(Child, "wait", told)
        await it.pods.start("worker-1", chain_pod("solana-0", "agave", **SOLANA_READY), {}, {})
        await it.until(lambda: it.pods.state(key).ready)
        assert not any(at_its_start) and at_its_start
        await it.processes.kill(process)
        before = len(at_its_start)
        await it.until(lambda: it.pods.state(key).restarts == 1 and len(at_its_start) > before)
        await it.until(lambda: it.pods.state(key).ready)
        assert not any(at_its_start)

    run(tmp_path, scenario)


def test_a_placeholder_simply_runs(tmp_path: Path) -> None:
    async def scenario(it: World) -> None:
        pod = {
            "metadata": {"name": "web"},
            "spec": {"containers": [{"name": "web", "image": "nginx:1"}], "hostNetwork": True},
        }
        await it.pods.start("worker-2", pod, {}, {})
        state = it.pods.state("default/web")
        assert (state.phase, state.ready) == ("Running", True)
        assert it.pods.address("default/web") == MACHINES["worker-2"]
        assert b"nginx:1" in await it.logs("default/web")
        with pytest.raises(RuntimeError, match="already runs on worker-2"):
            await it.pods.start("worker-1", pod, {}, {})

    run(tmp_path, scenario)


def test_logs_can_be_cut_to_their_last_lines_and_followed_to_the_end(tmp_path: Path) -> None:
    async def scenario(it: World) -> None:
        key = "chains/tron-0"
        await it.pods.start("worker-1", chain_pod("tron-0", "tron"), {}, {})
        followed = bytearray()

        async def follow() -> None:
            async for chunk in it.pods.logs(key, follow=True):
                followed.extend(chunk)

        following = asyncio.create_task(follow())
        await it.until(lambda: it.pods.state(key).ready)
        async with asyncio.timeout(PATIENCE_S):
            while b"healthy" not in await it.logs(key):  # noqa: ASYNC110 (another process writes it)
                await asyncio.sleep(0.05)
        everything = await it.logs(key)
        assert await it.logs(key, tail=1) == everything.splitlines(keepends=True)[-1]
        assert await it.logs(key, tail=0) == b""
        with pytest.raises(KeyError, match="no container 'x'; it has: node"):
            await it.logs(key, container="x")
        await it.until(lambda: followed.startswith(everything))
        await it.pods.stop("worker-1", key, 10)
        await following

    run(tmp_path, scenario)


def test_what_a_pod_lacks_is_said_in_its_state(tmp_path: Path) -> None:
    async def scenario(it: World) -> None:
        no_config = chain_pod("vault-0", "hashicorp/vault:2.0")
        await it.pods.start("worker-1", no_config, {}, {})
        await it.until(lambda: "mounts no HCL file" in it.pods.state("chains/vault-0").message)
        assert it.pods.state("chains/vault-0").phase == "Pending"
        secret = {"name": "JWT", "valueFrom": {"secretKeyRef": {"name": "jwt", "key": "jwt.hex"}}}
        await it.pods.start("worker-1", chain_pod("geth-0", "geth", env=[secret]), {}, {})
        assert "variable JWT" in it.pods.state("chains/geth-0").message

    run(tmp_path, scenario)


def test_mounted_secrets_are_readable_by_their_owner_only_and_gone_with_the_pod(tmp_path: Path) -> None:
    async def scenario(it: World) -> None:
        pod = chain_pod("tron-0", "tron")
        pod["spec"]["volumes"].append({"name": "jwt"})
        await it.pods.start("worker-1", pod, {"ledger": tmp_path / "disk"}, {"jwt": {"jwt.hex": b"secret"}})
        await it.until((tmp_path / "disk" / "tron" / "head.json").exists)
        (written,) = (tmp_path / "state").rglob("jwt.hex")
        assert written.read_bytes() == b"secret"
        assert written.stat().st_mode & 0o077 == 0
        await it.pods.stop("worker-1", "chains/tron-0", 10)
        assert not written.exists()
        assert (tmp_path / "disk").exists()

    run(tmp_path, scenario)


def test_pods_of_a_machine_without_power_are_gone_at_once(tmp_path: Path) -> None:
    async def scenario(it: World) -> None:
        await it.pods.start("worker-1", chain_pod("tron-0", "tron"), {"ledger": tmp_path / "disk"}, {})
        await it.pods.start("worker-2", chain_pod("solana-0", "agave"), {}, {})
        await it.until((tmp_path / "disk" / "tron" / "head.json").exists)
        await it.until(
            lambda: it.pods.state("chains/tron-0").ready and it.pods.state("chains/solana-0").ready
        )
        it.fabric.power("worker-1", False)
        await it.pods.lose_power("worker-1")
        assert it.pods.running() == ["chains/solana-0"]
        assert it.processes.running("worker-1") == []
        assert json.loads((tmp_path / "disk" / "tron" / "head.json").read_text())["clean"] is False
        await it.pods.start("worker-2", chain_pod("tron-0", "tron"), {"ledger": tmp_path / "disk"}, {})
        await it.until(lambda: it.pods.state("chains/tron-0").ready)

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        ("openbao/openbao:2.7.2", Kind.VAULT),
        ("hashicorp/vault:2.0.4", Kind.VAULT),
        ("hashicorp/vault-k8s:1.7", Kind.PLACEHOLDER),
        ("anzaxyz/agave:v3.0.0", Kind.SOLANA),
        ("ethereum/client-go:v1.17.0", Kind.ETHEREUM),
        ("sigp/lighthouse@sha256:0", Kind.BEACON),
        ("registry.local:5000/tronprotocol/java-tron:GreatVoyage-v4.8.1", Kind.TRON),
        ("nginx", Kind.PLACEHOLDER),
    ],
)
def test_an_image_is_known_by_the_last_part_of_its_name(image: str, kind: Kind) -> None:
    assert kind_of(image) is kind


def test_a_pod_name_has_one_address_whatever_the_order() -> None:
    names = [f"vault/vault-{i}" for i in range(3)]
    one, other = PodAddresses(), PodAddresses()
    first = [one.of(name) for name in names]
    assert [other.of(name) for name in reversed(names)] == first[::-1]
    assert len(set(first)) == 3
    assert all(address.startswith("10.244.") for address in first)


def test_addresses_of_a_full_small_network_do_not_collide() -> None:
    addresses = PodAddresses("10.244.7.0/29")
    given = [addresses.of(f"a/{i}") for i in range(7)]
    assert len(set(given)) == 7
    assert "10.244.7.0" not in given


def hostile(
    container: str, volume: str, files: dict[str, bytes]
) -> tuple[dict[str, Any], dict[str, dict[str, bytes]]]:
    """A chain pod whose ConfigMap brings files along, with names as its author likes them."""
    pod = chain_pod("geth-0", "geth")
    pod["spec"]["containers"][0]["name"] = container
    pod["spec"]["volumes"].append({"name": volume, "configMap": {"name": "evil"}})
    pod["spec"]["containers"][0]["env"] = [
        {"name": "PYTHONPATH", "value": "/tmp"},
        {"name": "PYTHONSTARTUP", "value": "/tmp/x.py"},
    ]
    return pod, {volume: files}


@pytest.mark.parametrize(
    ("container", "module"),
    [("volumes", "meshlab"), ("v", "meshlab"), ("c", "sitecustomize"), ("node", "argparse")],
)
def test_a_pod_cannot_bring_code_that_its_process_runs(tmp_path: Path, container: str, module: str) -> None:
    """A ConfigMap volume named like a package, where the process of a container with the right name ran, was one."""
    proof = tmp_path / "ran"
    code = f"open({str(proof)!r}, 'w').write('x')\n".encode()

    async def scenario(it: World) -> None:
        pod, config = hostile(container, module, {"__init__.py": code, f"{module}.py": code})
        await it.pods.start("worker-1", pod, {"ledger": tmp_path / "disk"}, config)
        await it.until(lambda: it.pods.state("chains/geth-0").phase == "Running")
        log = it.pods._pods["chains/geth-0"].containers[0].log
        await it.until(lambda: b"listens on" in log.read_bytes(), 30)  # it has imported all that it imports
        assert not proof.exists()

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    "file", ["../../../escaped", "/tmp/meshlab-escaped", "a/../../../escaped", "..", "a/../.."]
)
def test_a_file_of_a_configmap_stays_in_its_volume(tmp_path: Path, file: str) -> None:
    async def scenario(it: World) -> None:
        pod, config = hostile("node", "files", {file: b"x"})
        await it.pods.start("worker-1", pod, {"ledger": tmp_path / "disk"}, config)
        state = it.pods.state("chains/geth-0")
        assert (state.phase, "no path below" in state.message) == ("Pending", True)

    run(tmp_path, scenario)
    assert not list(tmp_path.rglob("*escaped*")) and not Path("/tmp/meshlab-escaped").exists()


def test_a_file_in_a_folder_of_its_volume_is_written_there(tmp_path: Path) -> None:
    async def scenario(it: World) -> None:
        pod, config = hostile("node", "files", {"deep/er/x": b"content"})
        await it.pods.start("worker-1", pod, {"ledger": tmp_path / "disk"}, config)
        [written] = (tmp_path / "state" / "pods").rglob("x")
        assert (written.read_bytes(), written.parent.name) == (b"content", "er")

    run(tmp_path, scenario)


@pytest.mark.parametrize("inside", ["..", "../x", "/etc", "a/../../b"])
def test_a_sub_path_stays_in_its_volume(inside: str) -> None:
    container = {"volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": inside}]}
    with pytest.raises(ValueError, match="no path below"):
        mounts(container, {"v": Path("/h/v")})


def test_a_path_with_dots_is_in_no_volume() -> None:
    assert local_path("/v/../../etc/x.hcl", [("/v", Path("/h/v"))]) is None


def test_variables_refer_to_fields_and_to_those_before_them() -> None:
    pod = {"metadata": {"name": "vault-1", "namespace": "vault"}, "spec": {"nodeName": "master-2"}}
    container = {
        "name": "vault",
        "env": [
            {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "ADDR", "value": "https://$(HOSTNAME).vault-internal:8200"},
            {"name": "KEPT", "value": "$(LATER)"},
            {"name": "LATER", "value": "x"},
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            {"name": "NONE", "valueFrom": {"secretKeyRef": {"name": "t", "key": "k", "optional": True}}},
        ],
    }
    got = environment(
        pod, container, address="10.244.1.5", host_address="10.20.2.11", config={"s": {"k": b"t"}}
    )
    assert got == {
        "HOSTNAME": "vault-1",
        "NODE": "master-2",
        "IP": "10.244.1.5",
        "ADDR": "https://vault-1.vault-internal:8200",
        "KEPT": "$(LATER)",
        "LATER": "x",
        "TOKEN": "t",
    }


def test_paths_of_mounted_volumes_become_paths_of_this_machine() -> None:
    container = {
        "volumeMounts": [
            {"name": "tls", "mountPath": "/vault/tls"},
            {"name": "root", "mountPath": "/vault/"},
            {"name": "conf", "mountPath": "/etc/a.hcl", "subPath": "a.hcl"},
            {"name": "absent", "mountPath": "/x"},
        ]
    }
    found = mounts(container, {"tls": Path("/h/tls"), "root": Path("/h/root"), "conf": Path("/h/conf")})
    text = 'a = "/vault/tls/ca.crt" b = "/vault/data" c = "/vaulted" d = "/opt/vault/x" e = "/x/y"'
    assert local_paths(text, found) == (
        'a = "/h/tls/ca.crt" b = "/h/root/data" c = "/vaulted" d = "/opt/vault/x" e = "/x/y"'
    )
    assert local_path("/etc/a.hcl", found) == Path("/h/conf/a.hcl")
    assert local_path("/vault/tls/deep/x", found) == Path("/h/tls/deep/x")
    assert local_path("/elsewhere", found) is None


def test_a_probe_decides_after_its_threshold_of_answers_in_a_row() -> None:
    verdict = Verdict(Timing(failures=3, successes=1))
    answers = [True, False, False, True, False, False, False, True]
    states = []
    for one in answers:
        verdict.take(one)
        states.append(verdict.passing)
    assert states == [True, True, True, True, True, True, False, True]
