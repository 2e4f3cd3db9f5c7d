"""The Talos steps on emulated machines: silence, a changed configuration, a reboot that is not done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_world import plan_of
from talos_site import Cluster, call, cluster, shared_bundle

from meshlab.live import yaml_text
from meshlab.live.secret import Secret
from meshlab.live.target import Target
from meshlab.model import Topology
from meshlab.provision.bringup import plan_bringup
from meshlab.provision.cluster.connections import TALOS_SECRETS, TALOSCONFIG
from meshlab.provision.cluster.records import Kind
from meshlab.provision.maintenance import plan_reboot
from meshlab.provision.plan.step import Step
from meshlab.provision.systems.context import Context
from meshlab.provision.systems.operations import operation_for
from meshlab.provision.systems.outcome import Absent, Found, Probe, Unreachable
from meshlab.provision.systems.session import opened
from meshlab.provision.systems.talos.configuration import CONFIG, wanted_config
from own_time import PATIENCE_S

SUBNET = 77


def moved(step: Step, address: str) -> Step:
    return Step.from_dict(step.to_dict() | {"settings": dict(step.settings) | {"address": address}})


def told(tmp_path: Path, target: Target, step: Step, story: Callable[[Cluster, Context, Step], Any]) -> None:
    """Runs a story about one master that has the configuration of a step of the plan."""

    async def run() -> None:
        async with cluster(tmp_path / "site", shared_bundle(), SUBNET) as site:
            with opened(target, "hybrid") as context:
                context.strongbox.put(TALOS_SECRETS, shared_bundle().to_yaml())
                context.strongbox.put(TALOSCONFIG, site.talosconfig.to_yaml())
                config = wanted_config(context, step.settings)
                master = site.machine("master-2", 21, user_data=config, installed=True, platform="aws")
                await master.power_on()
                at = moved(step, site.address(21))
                await story(site, context, at)

    asyncio.run(run())


@pytest.fixture
def configure(cluster: Topology, target: Target) -> Step:
    return plan_bringup(cluster, target, looked=False)["talos/master-2-config"]


async def looked(step: Step, context: Context, wanted: type[Probe]) -> Any:
    """Looks until the machine gives the kind of answer that is awaited."""
    async with asyncio.timeout(PATIENCE_S):
        while not isinstance(  # noqa: ASYNC110 - what is waited for has no event
            probe := await call(operation_for(step).probe, context), wanted
        ):
            await asyncio.sleep(0.05)
    return probe


def test_a_machine_without_power_is_unreachable_and_not_absent(
    tmp_path: Path, target: Target, configure: Step
) -> None:
    async def story(site: Cluster, context: Context, step: Step) -> None:
        await looked(step, context, Found)
        await site.site.machines["master-2"].power_off()
        probe = await call(operation_for(step).probe, context)
        assert probe == Unreachable(f"no answer from {site.address(21)}")
        assert not isinstance(probe, Absent)

    told(tmp_path, target, configure, story)


def test_a_changed_configuration_differs_until_it_is_applied_again(
    tmp_path: Path, target: Target, configure: Step
) -> None:
    async def story(site: Cluster, context: Context, step: Step) -> None:
        assert (await looked(step, context, Found)).differs == ()
        client = site.client(21)
        documents = yaml_text.load_all((await call(client.read, CONFIG)).decode())
        documents[0]["machine"]["sysctls"] = {"vm.swappiness": "1"}
        await call(client.apply_configuration, Secret(yaml_text.dump_all(documents), name="changed"))
        async with asyncio.timeout(PATIENCE_S):
            while not (probe := await looked(step, context, Found)).differs:  # noqa: ASYNC110 - as in looked
                await asyncio.sleep(0.05)
        assert probe.differs == ("machine.sysctls is set, which the plan does not do",)
        await call(operation_for(step).perform, context)
        assert (await looked(step, context, Found)).differs == ()

    told(tmp_path, target, configure, story)


def test_a_reboot_whose_end_nobody_recorded_is_found_by_the_boot_id(
    tmp_path: Path, cluster: Topology, target: Target, configure: Step
) -> None:
    reboot = plan_reboot(cluster, target, ["master-2"])["talos/reboot-master-2"]

    async def story(site: Cluster, context: Context, step: Step) -> None:
        await looked(step, context, Found)
        again = moved(reboot, site.address(21))
        plan, journal = plan_of(again, purpose="maintenance"), context.journal
        assert journal is not None
        journal.begin(plan.run, plan.hash, plan.purpose, plan.serial)
        heard = context.within(say=lambda text: journal.add(plan.run, again.id, Kind.PROGRESS, text) and None)
        assert isinstance(await call(operation_for(again).probe, context), Absent)
        result = await call(operation_for(again).perform, heard)
        assert site.site.machines["master-2"].boots == 2
        probe = await call(operation_for(again).probe, context)
        assert probe == Found({"boot_id": result["boot_id"]})

    told(tmp_path, target, configure, story)
