"""The API of emulated machines: through the fabric, under the vendor's own client, and its rules of forwarding."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest
from talos_site import Cluster, call, cluster, shared_bundle, until

from meshlab.emulate.network.addresses import loopback
from meshlab.emulate.network.fabric import Fabric
from meshlab.live.talos.errors import TalosError
from meshlab.live.talos.talosconfig import Talosconfig
from needs import lacking
from own_time import PATIENCE_S

TALOSCTL = os.environ.get("MESHLAB_TALOSCTL") or shutil.which("talosctl")


async def one_control_plane(site: Cluster) -> None:
    (master,) = await site.control_planes(1)
    await until(lambda: master.etcd and (s := master.services.get("apid")) and s.state == "Running", "apid")
    await call(site.client(11).bootstrap)
    await master.wait_for("running", PATIENCE_S)


def test_a_machine_answers_through_the_fabric_and_is_silent_without_power(tmp_path: Path) -> None:
    async def story() -> None:
        async with cluster(tmp_path, shared_bundle(), 51) as site:
            fabric = Fabric({"worker-1": site.address(21)})
            site.site.exposure = fabric
            try:
                worker = site.machine("worker-1", 21)
                await worker.power_on()
                await worker.wait_for("maintenance", PATIENCE_S)
                insecure = site.insecure(21)
                assert (await call(insecure.version)).version.tag == "v1.13.9"
                fabric.power("worker-1", False)
                with pytest.raises(TalosError) as caught:
                    await call(insecure.version, timeout_s=0.5)
                assert caught.value.code == "DEADLINE_EXCEEDED"
                await worker.power_off()
                fabric.power("worker-1", True)
                await worker.power_on()
                await worker.wait_for("maintenance", PATIENCE_S)
                assert (
                    await call(insecure.version)
                ).version.tag == "v1.13.9"  # the same client, on a new connection
            finally:
                await fabric.close()

    asyncio.run(story())


def test_a_control_plane_forwards_and_a_worker_does_not(tmp_path: Path) -> None:
    async def story() -> None:
        async with cluster(tmp_path, shared_bundle(), 52) as site:
            await one_control_plane(site)
            worker = site.machine("worker-1", 21, user_data=site.config("worker-1", "worker"), installed=True)
            await worker.power_on()
            await worker.wait_for("running", PATIENCE_S)
            through = site.client(11, node=site.address(21))
            assert await call(through.hostname) == "worker-1"
            assert (await call(through.get, "MachineStatuses", "machine")).data["stage"] == "running"
            with pytest.raises(TalosError, match="no request forwarding"):
                await call(site.client(21, node=site.address(11)).hostname)
            site.cuts.add(("master-1", "worker-1"))
            with pytest.raises(TalosError) as caught:
                await call(through.hostname)
            assert caught.value.code == "UNAVAILABLE"

    asyncio.run(story())


def test_resources_that_are_not_there_or_not_allowed_have_talos_codes(tmp_path: Path) -> None:
    async def story() -> None:
        async with cluster(tmp_path, shared_bundle(), 53) as site:
            await one_control_plane(site)
            client = site.client(11)
            for arguments, code in (
                (("Members", "nobody"), "NOT_FOUND"),
                (("Nonsense.talos.dev", "x", "runtime"), "PERMISSION_DENIED"),
                (("Members", "master-1", "nowhere"), "PERMISSION_DENIED"),
            ):
                with pytest.raises(TalosError) as caught:
                    await call(client.get, *arguments)
                assert caught.value.code == code

    asyncio.run(story())


def test_a_kubeconfig_is_an_admins_for_the_endpoint(tmp_path: Path) -> None:
    async def story() -> None:
        from meshlab.live import yaml_text
        from meshlab.live.talos import pki

        async with cluster(tmp_path, shared_bundle(), 54) as site:
            await one_control_plane(site)
            secret = await call(site.client(11).kubeconfig)
            assert "PRIVATE KEY" not in repr(secret)
            config = yaml_text.load(secret.reveal())
            assert config["clusters"][0]["cluster"]["server"] == f"https://{site.address(11)}:6443"
            import base64

            certificate = base64.b64decode(config["users"][0]["user"]["client-certificate-data"]).decode()
            assert pki.organizations(pki.load_certificate(certificate)) == ["system:masters"]

    asyncio.run(story())


@pytest.mark.skipif(TALOSCTL is None, reason=lacking("talosctl"))
def test_talosctl_itself_is_content(tmp_path: Path) -> None:
    async def story() -> None:
        async with cluster(tmp_path, shared_bundle(), 55) as site:
            await one_control_plane(site)
            host = loopback(site.address(11))
            config = Talosconfig.issue(shared_bundle(), "test", endpoints=[host], nodes=[site.address(11)])
            path = tmp_path / "talosconfig"
            path.write_text(config.to_yaml().reveal())
            for arguments, expected in (
                (["version"], "v1.13.9"),
                (["services"], "etcd"),
                (["get", "members"], "master-1"),
                (["etcd", "members"], "master-1"),
                (["etcd", "status"], "MEMBER"),
                (["get", "machinestatus"], "running"),
            ):
                process = await asyncio.create_subprocess_exec(
                    str(TALOSCTL),
                    "--talosconfig",
                    str(path),
                    *arguments,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                )
                output, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
                assert process.returncode == 0 and expected in output.decode(), output.decode()

    asyncio.run(story())
