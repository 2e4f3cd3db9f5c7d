"""The cloud starts by itself or in the cluster's process table, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest
from awslab import client

from meshlab.emulate.aws.cloud import AwsCloud
from meshlab.emulate.aws.settings import INSTANT, AwsSettings
from meshlab.emulate.processes.processes import ProcessTable, leftovers


def test_the_cloud_in_a_process_table_ends_with_nothing_running(tmp_path: Path) -> None:
    async def life() -> tuple[int, bool]:
        table = ProcessTable(tmp_path)
        cloud = AwsCloud(AwsSettings(timings=INSTANT), processes=table, state_dir=tmp_path / "aws")
        await cloud.start()
        child = table.get("aws-moto")
        assert child is not None and [left.name for left in leftovers(tmp_path)] == ["aws-moto"]
        zones = await asyncio.to_thread(_zones, cloud)
        await cloud.stop()
        await table.close()
        return child.pid, "us-east-1c" in zones

    pid, answered = asyncio.run(life())
    assert answered
    assert not psutil.pid_exists(pid)
    assert leftovers(tmp_path) == []
    assert sorted(path.name for path in (tmp_path / "aws").iterdir()) == ["aws-requests.jsonl", "moto.log"]


def _zones(cloud: AwsCloud) -> list[str]:
    ec2 = client(cloud.endpoint, "ec2", credentials=cloud.credentials)
    names = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]]
    ec2.close()
    return names


def test_a_moto_that_does_not_start_says_what_its_log_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshlab.emulate.aws.moto.backend.sys.executable", "/bin/false")

    async def life() -> None:
        cloud = AwsCloud(state_dir=tmp_path)
        await cloud.start()

    with pytest.raises(RuntimeError, match=r"install moto\[server\]"):
        asyncio.run(life())
