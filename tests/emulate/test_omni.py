"""Machines join the emulated Omni, and a cluster template makes a cluster of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from talos_site import call, cluster, shared_bundle, until

from meshlab.emulate.omni.joining import join
from meshlab.emulate.omni.service import Omni
from meshlab.emulate.talos.api.faults import Fault
from meshlab.live.omni.client import OmniClient, OmniError
from meshlab.live.omni.signature import ServiceAccount
from meshlab.live.secret import Secret
from own_time import PATIENCE_S

TEMPLATE = """
kind: Cluster
name: reference
kubernetes: {{version: v1.36.3}}
talos: {{version: v1.13.9}}
patches:
- name: mesh
  inline: {{apiVersion: v1alpha1, kind: KubeSpanConfig, enabled: true}}
---
kind: ControlPlane
machines: [{master}]
---
kind: Workers
machines: [{worker}]
---
kind: Machine
name: {worker}
install: {{disk: /dev/nvme0n1}}
patches:
- name: labels
  inline: {{machine: {{nodeLabels: {{topology.kubernetes.io/zone: dc-1}}}}}}
"""


def test_a_template_turns_joined_machines_into_a_cluster(tmp_path: Path) -> None:
    async def story() -> None:
        account = ServiceAccount.generate("meshlab")
        async with cluster(tmp_path, shared_bundle(), 41) as site:
            master, worker = site.machine("master-1", 11, installed=True), site.machine("worker-1", 21)
            omni = Omni(site.site, [account])
            url = await omni.start()
            client = OmniClient(url, account)
            try:
                for machine in (master, worker):
                    await machine.power_on()
                    await join(machine, url, omni.join_token)
                names = {m.spec.network.hostname: m for m in await call(client.machines)}
                assert len(names) == 2
                template = TEMPLATE.format(master=master.hardware.uuid, worker=worker.hardware.uuid)
                changes = await call(client.apply_template, template)
                assert "created Clusters reference" in changes and len(changes) == 8
                assert await call(client.apply_template, template) == []
                await until(lambda: master.ready and worker.ready, "both are ready")

                async def ready() -> bool:
                    return bool((await call(client.cluster_status, "reference")).ready)

                async with asyncio.timeout(PATIENCE_S):
                    while not await ready():  # noqa: ASYNC110 - asked over the wire
                        await asyncio.sleep(0.05)
                assert worker.config is not None
                assert worker.config.at("machine.nodeLabels") == {"topology.kubernetes.io/zone": "dc-1"}
                assert worker.config.kubespan.get("enabled") is True
                assert site.hooks.calls.count(("bootstrap etcd", "master-1")) == 1
                text = await call(client.talosconfig, "reference")
                assert "siderov1" in text and account.identity in text
                await call(client.delete_cluster, "reference")
                await until(
                    lambda: worker.stage == "maintenance" and worker.config is None,
                    "the worker is free again",
                )
            finally:
                client.close()
                await omni.stop()

    asyncio.run(story())


def test_omni_refuses_strangers_and_wrong_tokens(tmp_path: Path) -> None:
    async def story() -> None:
        async with cluster(tmp_path, shared_bundle(), 42) as site:
            machine = site.machine("worker-1", 21)
            omni = Omni(site.site, [ServiceAccount.generate("meshlab")])
            url = await omni.start()
            stranger = OmniClient(url, ServiceAccount.generate("meshlab"))
            try:
                with pytest.raises(OmniError) as caught:
                    await call(stranger.machines)
                assert caught.value.code == "UNAUTHENTICATED"
                with pytest.raises(Fault, match="join token"):
                    await join(machine, url, Secret("wrong"))
                assert omni.machines == {}
            finally:
                stranger.close()
                await omni.stop()

    asyncio.run(story())
