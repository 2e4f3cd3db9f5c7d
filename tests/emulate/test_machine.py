"""Emulated machines go through Talos' stages, and answer what Talos answers."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from talos_site import call, cluster, shared_bundle, until

from meshlab.emulate.talos.node_facts import folder_of
from meshlab.live.talos.errors import TalosError
from meshlab.live.talos.secrets_bundle import SecretsBundle
from meshlab.live.talos.talosconfig import Talosconfig
from own_addresses import dialled, network
from own_time import PATIENCE_S


@pytest.fixture(scope="module")
def bundle() -> SecretsBundle:
    return shared_bundle()


def test_bare_metal_goes_from_maintenance_over_install_to_a_worker(
    tmp_path: Path, bundle: SecretsBundle
) -> None:
    async def story() -> None:
        async with cluster(tmp_path, bundle, 1) as site:
            await site.control_planes(1)
            worker = site.machine("worker-1", 21)
            await worker.power_on()
            await worker.wait_for("maintenance", PATIENCE_S)
            insecure = site.insecure(21)
            assert (await call(insecure.version)).version.tag == "v1.13.9"
            assert (await call(insecure.disks))[0].name == "nvme0n1"
            first_boot = worker.boot_id
            await call(insecure.apply_configuration, site.config("worker-1", "worker"))
            await worker.wait_for("running", PATIENCE_S)
            assert worker.boot_id != first_boot and worker.boots == 2 and worker.installed
            services = await call(site.client(21).service_list)
            assert services["kubelet"].state == "Running" and "etcd" not in services

    asyncio.run(story())


def test_maintenance_refuses_what_needs_rights(tmp_path: Path, bundle: SecretsBundle) -> None:
    async def story() -> None:
        async with cluster(tmp_path, bundle, 2) as site:
            machine = site.machine("worker-1", 21)
            await machine.power_on()
            await machine.wait_for("maintenance", PATIENCE_S)
            insecure = site.insecure(21)
            for refused in (insecure.bootstrap, insecure.reset, insecure.kubeconfig):
                with pytest.raises(TalosError) as caught:
                    await call(refused)
                assert caught.value.code == "PERMISSION_DENIED"
            with pytest.raises(TalosError) as caught:
                await call(insecure.apply_configuration, "machine: {}")
            assert caught.value.code == "INVALID_ARGUMENT"
            assert machine.stage == "maintenance"

    asyncio.run(story())


def test_a_configured_machine_refuses_callers_without_its_authoritys_certificate(
    tmp_path: Path, bundle: SecretsBundle
) -> None:
    async def story() -> None:
        async with cluster(tmp_path, bundle, 3) as site:
            (machine,) = await site.control_planes(1)
            await until(
                lambda: machine.services.get("apid") and machine.services.get("apid").state == "Running",
                "apid",
            )
            with pytest.raises(TalosError) as caught:
                await call(site.insecure(11).version)
            assert caught.value.code == "UNAVAILABLE"
            stranger = Talosconfig.issue(SecretsBundle.generate(), "other")
            with pytest.raises(TalosError, match=r"certificate of .* is refused"):
                await call(site.client(11, stranger).version)
            reader = site.client(11, Talosconfig.issue(bundle, "test", roles=["os:reader"]))
            assert await call(reader.hostname) == "master-1"
            with pytest.raises(TalosError, match="not authorized"):
                await call(reader.reboot)
            with pytest.raises(TalosError, match="not authorized"):
                await call(reader.get, "KubeSpanIdentities", "local")

    asyncio.run(story())


def test_bootstrap_is_too_early_then_done_then_refused(tmp_path: Path, bundle: SecretsBundle) -> None:
    async def story() -> None:
        async with cluster(tmp_path, bundle, 4) as site:
            (master,) = await site.control_planes(1)
            worker = site.machine("worker-1", 21, user_data=site.config("worker-1", "worker"), installed=True)
            await worker.power_on()
            await worker.wait_for("running", PATIENCE_S)
            with pytest.raises(TalosError) as on_worker:
                await call(site.client(21).bootstrap)
            assert on_worker.value.code == "UNIMPLEMENTED"
            client = site.client(11)
            services = await call(client.service_list)
            assert services["etcd"].state == "Preparing" and master.stage == "booting"
            with pytest.raises(TalosError) as no_etcd:
                await call(client.etcd_member_list)
            assert no_etcd.value.code == "UNAVAILABLE"
            await call(client.bootstrap)
            await master.wait_for("running", PATIENCE_S)
            with pytest.raises(TalosError) as again:
                await call(client.bootstrap)
            assert again.value.code == "ALREADY_EXISTS"
            assert "etcd data directory is not empty" in again.value.message
            status = await call(client.etcd_status)
            assert status.leader == status.member_id != 0
            await until(
                lambda: ("start control plane", "master-1") in site.hooks.calls, "the control plane starts"
            )

    asyncio.run(story())


def test_other_control_planes_join_as_learners_and_are_promoted(
    tmp_path: Path, bundle: SecretsBundle
) -> None:
    async def story() -> None:
        async with cluster(tmp_path, bundle, 5) as site:
            machines = await site.control_planes(3)
            await until(lambda: all(m.services.get("etcd") for m in machines), "etcd prepares everywhere")
            client = site.client(11)
            await until(lambda: machines[0].services.get("apid").state == "Running", "apid")
            await call(client.bootstrap)
            for machine in machines:
                await machine.wait_for("running", PATIENCE_S)
            members = await call(client.etcd_member_list)
            assert sorted(m.hostname for m in members) == ["master-1", "master-2", "master-3"]
            assert not any(member.is_learner for member in members)
            assert sorted(m.peer_urls[0] for m in members) == [
                f"https://{network(1)}.5.{n}:2380" for n in (11, 12, 13)
            ]
            lines = await call(lambda: list(client.health_check(wait_s=int(PATIENCE_S))))
            assert lines[-1] == "waiting for all nodes to finish boot sequence: OK"
            replies = await call(client.fan_out, "EtcdStatus", [site.address(12), site.address(13)])
            leaders = {reply.member_status.leader for reply in replies.values()}
            assert leaders == {(await call(client.etcd_status)).leader}
            moved = await call(client.etcd_forfeit_leadership)
            assert moved in ("", "master-2", "master-3")
            snapshot = await call(lambda: b"".join(client.etcd_snapshot()))
            assert len(snapshot) > 10_000

            await machines[2].power_off()
            replies = await call(client.fan_out, "Version", [site.address(11), site.address(13)])
            silent = replies[site.address(13)]
            assert isinstance(silent, TalosError) and silent.code == "UNAVAILABLE"
            assert replies[site.address(11)].version.tag == "v1.13.9"
            await machines[2].power_on()
            await machines[2].wait_for("running", PATIENCE_S)

            before = {m.hostname: m.id for m in await call(client.etcd_member_list)}
            await call(site.client(12).reset, wipe=["STATE", "EPHEMERAL"])
            await until(lambda: machines[1].boots == 2, "master-2 boots again")
            await machines[1].wait_for("running", PATIENCE_S)
            after = {m.hostname: m.id for m in await call(client.etcd_member_list)}
            assert after["master-1"] == before["master-1"] and after["master-2"] != before["master-2"]

    asyncio.run(story())


def test_a_reboot_changes_the_boot_id_and_tells_its_actor(tmp_path: Path, bundle: SecretsBundle) -> None:
    async def story() -> None:
        async with cluster(tmp_path, bundle, 6) as site:
            worker = site.machine("worker-1", 21, user_data=site.config("worker-1", "worker"), installed=True)
            await site.control_planes(1)
            await worker.power_on()
            await worker.wait_for("running", PATIENCE_S)
            client = site.client(21)
            before = await call(client.boot_id)
            events = client.events(tail=0, timeout_s=PATIENCE_S)
            hello = await call(next, events)
            assert hello.kind == "hello"
            actor = await call(client.reboot)
            seen = []
            with pytest.raises(TalosError):  # the stream is cut when the machine goes down
                while True:
                    seen.append(await call(next, events))
            sequences = [event for event in seen if event.kind == "SequenceEvent"]
            assert [event.actor_id for event in sequences] == [actor, actor]
            await until(lambda: worker.boots == 2 and worker.stage == "running", "it is back")
            assert await call(client.boot_id) != before

    asyncio.run(story())


def test_configuration_changes_are_applied_staged_or_refused(tmp_path: Path, bundle: SecretsBundle) -> None:
    async def story() -> None:
        async with cluster(tmp_path, bundle, 7) as site:
            await site.control_planes(1)
            worker = site.machine("worker-1", 21, user_data=site.config("worker-1", "worker"), installed=True)
            await worker.power_on()
            await worker.wait_for("running", PATIENCE_S)
            client = site.client(21)
            labels = site.config("worker-1", "worker", labels={"a": "b"})
            plan = await call(client.apply_configuration, labels, dry_run=True)
            assert "without a reboot" in plan.mode_details and worker.config.at("machine.nodeLabels") is None
            await call(client.apply_configuration, labels)
            assert worker.config.at("machine.nodeLabels") == {"a": "b"} and worker.boots == 1
            sysctls = site.config("worker-1", "worker", sysctls={"vm.max_map_count": "1000000"})
            with pytest.raises(TalosError) as caught:
                await call(client.apply_configuration, sysctls, mode="no-reboot")
            assert caught.value.code == "INVALID_ARGUMENT" and "machine.sysctls" in caught.value.message
            await call(client.apply_configuration, sysctls, mode="staged")
            assert worker.config.at("machine.sysctls") is None
            await call(client.reboot)
            await until(lambda: worker.boots == 2 and worker.stage == "running", "it is back")
            assert worker.config.at("machine.sysctls") == {"vm.max_map_count": "1000000"}

    asyncio.run(story())


def test_a_machine_without_power_is_an_error_within_the_deadline(
    tmp_path: Path, bundle: SecretsBundle
) -> None:
    async def story() -> None:
        async with cluster(tmp_path, bundle, 8) as site:
            with socket.create_server(
                (f"{dialled(network(1))}.8.99", 50000)
            ):  # accepts, and never says a word
                client = site.client(99, timeout_s=0.5)
                with pytest.raises(TalosError) as caught:
                    await call(client.version)
                assert (
                    caught.value.code in ("DEADLINE_EXCEEDED", "UNAVAILABLE") and caught.value.outcome_unknown
                )

    asyncio.run(story())


def test_an_upgrade_boots_the_new_version(tmp_path: Path, bundle: SecretsBundle) -> None:
    async def story() -> None:
        async with cluster(tmp_path, bundle, 9) as site:
            await site.control_planes(1)
            worker = site.machine("worker-1", 21, user_data=site.config("worker-1", "worker"), installed=True)
            await worker.power_on()
            await worker.wait_for("running", PATIENCE_S)
            client = site.client(21)
            await call(client.upgrade, "ghcr.io/siderolabs/installer:v1.13.10")
            assert (await call(client.version)).version.tag == "v1.13.9"
            await call(client.reboot)
            await until(lambda: worker.boots == 2 and worker.stage == "running", "it is back")
            assert (await call(client.version)).version.tag == "v1.13.10"

    asyncio.run(story())


def test_a_change_that_is_not_the_meshs_leaves_the_tunnels_alone(
    tmp_path: Path, bundle: SecretsBundle
) -> None:
    async def story() -> None:
        async with cluster(tmp_path, bundle, 10) as site:
            await site.control_planes(1)
            worker = site.machine("worker-1", 21, user_data=site.config("worker-1", "worker"), installed=True)
            await worker.power_on()
            await worker.wait_for("running", PATIENCE_S)
            mesh = worker.mesh
            await call(
                site.client(21).apply_configuration, site.config("worker-1", "worker", labels={"a": "b"})
            )
            assert worker.mesh is mesh
            endpoints = ("192.0.2.1:51820",)
            changed = site.config("worker-1", "worker", extra_announced_endpoints=endpoints)
            await call(site.client(21).apply_configuration, changed)
            await until(lambda: worker.mesh is not None and worker.mesh is not mesh, "the mesh begins anew")
            assert worker.mesh.affiliate.endpoints[-1] == "192.0.2.1:51820"

    asyncio.run(story())


@pytest.mark.parametrize("path", ["/var/mnt/x/../../../etc", "/var/../..", "/../x", "../x"])
def test_a_path_of_a_machine_does_not_leave_its_disk(
    tmp_path: Path, bundle: SecretsBundle, path: str
) -> None:
    async def story() -> None:
        async with cluster(tmp_path, bundle, 12) as site:
            machine = site.machine("worker-1", 21)
            with pytest.raises(ValueError, match="must not contain"):
                folder_of(machine, path)
            assert folder_of(machine, "/var/mnt/x/y") == machine.directory / "u-x" / "y"

    asyncio.run(story())


def test_an_address_that_is_taken_is_said(tmp_path: Path, bundle: SecretsBundle) -> None:
    async def story() -> None:
        async with cluster(tmp_path, bundle, 11) as site:
            with socket.create_server((f"{dialled(network(1))}.11.21", 50000)):
                machine = site.machine("worker-1", 21)
                await machine.power_on()
                await until(lambda: "50000" in machine.problem, "the address to be found taken")
                await machine.wait_for("off", PATIENCE_S)
                assert not machine.powered

    asyncio.run(story())
