"""KubeSpan: addresses as Talos computes them, the peer state machine, and tunnels between emulated machines."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from talos_site import QUICK, Cluster, call, cluster, shared_bundle, until

from meshlab.emulate.kubespan.identity import KubeSpanIdentity, node_address, ula_prefix
from meshlab.emulate.kubespan.peer import Peer, calculated, next_endpoint, with_endpoint
from meshlab.emulate.timings import KubeSpanTimings
from meshlab.live.talos import resources as types
from meshlab.live.talos.secrets_bundle import SecretsBundle
from own_time import PATIENCE_S

REAL = KubeSpanTimings()


@pytest.fixture(scope="module")
def bundle() -> SecretsBundle:
    return shared_bundle()


def test_addresses_match_the_vector_of_talos() -> None:
    # facts: talos-omni-kubespan §3.1
    prefix = ula_prefix("8XuV9TZHW08DOk3bVxQjH9ih_TBKjnh-j44tsCLSBzo=")
    assert str(prefix) == "fd7f:175a:b97c:5602::/64"
    assert str(node_address(prefix, "2e:1a:b6:53:81:69")) == "fd7f:175a:b97c:5602:2c1a:b6ff:fe53:8169"


def test_the_siderolink_prefix_is_the_same_scheme_with_no_cluster() -> None:
    assert str(ula_prefix("", purpose=3)) == "fdae:41e4:649b:9303::/64"


def test_the_key_survives_a_reboot_and_the_address_follows_the_card(tmp_path: Path) -> None:
    first = KubeSpanIdentity.load_or_make(tmp_path / "key", "id", "02:00:00:00:00:01")
    again = KubeSpanIdentity.load_or_make(tmp_path / "key", "id", "02:00:00:00:00:02")
    assert first.public_key == again.public_key and first.address != again.address


# E: seconds since the endpoint changed, H: since the handshake (None: never); facts §3.4
STATES = [
    (10, None, "unknown"),
    (10, 5, "up"),
    (10, 12, "unknown"),
    (20, None, "down"),
    (20, 19, "up"),
    (20, 30, "down"),
    (270, 200, "up"),
    (300, 274, "up"),
    (300, 276, "down"),
    (1000, None, "down"),
]


@pytest.mark.parametrize(("changed", "handshake", "state"), STATES)
def test_the_state_follows_from_the_times(changed: float, handshake: float | None, state: str) -> None:
    now = 10_000.0
    peer = Peer(
        last_used_endpoint="a",
        endpoint="a",
        endpoint_changed_at=now - changed,
        handshake_at=None if handshake is None else now - handshake,
    )
    assert calculated(peer, now, REAL).state == state


def test_a_peer_without_any_endpoint_yet_is_unknown_not_down() -> None:
    assert calculated(Peer(), 0.0, REAL).state == "unknown"


def test_endpoints_are_tried_in_turn_and_a_roaming_peer_is_left_alone() -> None:
    peer = with_endpoint(Peer(), "a", 0.0)
    assert next_endpoint(Peer(), ["a", "b"]) == "a"
    assert next_endpoint(peer, ["a", "b"]) is None  # unknown: it still has time
    down = replace(peer, state="down")
    assert next_endpoint(down, ["a", "b"]) == "b"
    assert next_endpoint(replace(down, last_used_endpoint="b"), ["a", "b"]) == "a"
    assert next_endpoint(replace(down, last_used_endpoint="gone"), ["a", "b"]) == "a"
    assert next_endpoint(down, ["a"]) is None  # the only one, and in use
    assert next_endpoint(replace(peer, state="up", endpoint="roamed"), ["a", "b"]) is None


def peer_states(site: Cluster, name: str) -> dict[str, str]:
    machine = site.site.machines[name]
    return {
        spec.label: ["unknown", "up", "down"][spec.state]
        for spec in machine.store.specs(types.KUBESPAN_PEER_STATUS).values()
    }


async def mesh(site: Cluster) -> None:
    """Two masters in a cloud with public addresses, one worker behind a data centre's firewall."""
    for number in (1, 2):
        name = f"master-{number}"
        await site.machine(
            name,
            10 + number,
            user_data=site.config(name),
            installed=True,
            location="cloud",
            external_address=f"203.0.113.{number}",
        ).power_on()
    worker = site.machine(
        "worker-1", 21, user_data=site.config("worker-1", "worker"), installed=True, location="dc-1"
    )
    await worker.power_on()


def all_up(site: Cluster) -> bool:
    expected = {"master-1": 2, "master-2": 2, "worker-1": 2}
    return all(list(peer_states(site, name).values()) == ["up"] * count for name, count in expected.items())


def test_three_machines_mesh_across_sites_and_serve_it_as_resources(
    tmp_path: Path, bundle: SecretsBundle
) -> None:
    async def story() -> None:
        async with cluster(tmp_path, bundle, 31) as site:
            await mesh(site)
            await until(lambda: all_up(site), "every peer is up")
            client = site.client(11)
            statuses = {
                status.spec.label: status for status in await call(client.list, "KubeSpanPeerStatuses")
            }
            assert set(statuses) == {"master-2", "worker-1"}
            assert statuses["worker-1"].data["state"] == "up"
            assert statuses["worker-1"].data["endpoint"] == f"{site.address(21)}:51820"
            worker = site.site.machines["worker-1"]
            used = {
                spec.label: spec.endpoint for spec in worker.store.specs(types.KUBESPAN_PEER_STATUS).values()
            }
            # a master's private address, first in the list, leads nowhere from outside: the public one came second
            assert used["master-1"].ip == bytes([203, 0, 113, 1])
            members = await call(client.list, "members")
            assert [member.id for member in members] == ["master-1", "master-2", "worker-1"]
            assert members[2].data["machineType"] == "worker"
            identity = await call(client.get, "KubeSpanIdentities", "local")
            assert identity.data["subnet"] == str(ula_prefix(bundle.cluster_id))

    asyncio.run(story())


def test_an_established_peer_goes_down_only_after_its_time_and_comes_back(
    tmp_path: Path, bundle: SecretsBundle
) -> None:
    async def story() -> None:
        async with cluster(tmp_path, bundle, 32) as site:
            await mesh(site)
            await until(lambda: all_up(site), "every peer is up")
            loop = asyncio.get_running_loop()
            site.cuts |= {("master-1", "worker-1")}  # one direction is enough
            mesh_of = site.site.machines["worker-1"].mesh
            assert mesh_of is not None
            (last,) = [
                mesh_of.peers[key].handshake_at
                for key, spec in site.site.machines["worker-1"]
                .store.specs(types.KUBESPAN_PEER_STATUS)
                .items()
                if spec.label == "master-1"
            ]
            assert last is not None
            # with a second endpoint to try, "down" is left at once for "unknown" with that one
            await until(lambda: peer_states(site, "worker-1")["master-1"] != "up", "the peer is not up")
            assert loop.time() - last >= QUICK.kubespan.peer_down_s
            await until(
                lambda: (
                    peer_states(site, "worker-1")["master-1"] != "up"
                    and peer_states(site, "worker-1")["master-2"] == "up"
                ),
                "only the peer that was cut off is not up",
            )
            site.cuts.clear()
            await until(lambda: all_up(site), "every peer is up again")

    asyncio.run(story())


def test_without_discovery_tunnels_stay_but_a_rebooted_machine_is_alone(
    tmp_path: Path, bundle: SecretsBundle
) -> None:
    async def story() -> None:
        async with cluster(tmp_path, bundle, 33) as site:
            await mesh(site)
            await until(lambda: all_up(site), "every peer is up")
            site.site.discovery.stop()
            worker = site.site.machines["worker-1"]
            await call(site.client(21).reboot)
            await until(lambda: worker.boots == 2 and worker.mesh is not None, "it is back")
            await until(lambda: worker.store.specs(types.MEMBER), "it looked around")
            assert peer_states(site, "worker-1") == {} and len(worker.store.specs(types.MEMBER)) == 1
            await until(lambda: peer_states(site, "master-1")["master-2"] == "up", "a tunnel stays")
            site.site.discovery.start()
            await until(lambda: all_up(site), "every peer is up again")

    asyncio.run(story())


def test_a_watch_sees_a_peer_appear(tmp_path: Path, bundle: SecretsBundle) -> None:
    async def story() -> None:
        async with cluster(tmp_path, bundle, 34) as site:
            await site.control_planes(1)
            master = site.site.machines["master-1"]
            await until(
                lambda: master.services.get("apid") and master.services.get("apid").state == "Running", "apid"
            )
            changes = site.client(11).watch("KubeSpanPeerSpecs", timeout_s=PATIENCE_S)
            assert (await call(next, changes)).kind == "bootstrapped"
            await site.machine(
                "worker-1", 21, user_data=site.config("worker-1", "worker"), installed=True
            ).power_on()
            created = await call(next, changes)
            assert (created.kind, created.resource.spec.label) == ("created", "worker-1")
            changes.close()

    asyncio.run(story())
