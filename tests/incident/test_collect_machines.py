"""Collecting from emulated machines with real etcd: the election's own words, dated, with their raft term."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

from meshlab.incident.evidence.collect import collect
from meshlab.incident.evidence.readers.table import read_logs
from meshlab.incident.observe.connections import Connections
from meshlab.model import Topology
from own_addresses import network

sys.path.insert(0, str(Path(__file__).parents[1] / "emulate"))

from talos_site import Cluster, call, shared_bundle, until
from talos_site import cluster as machines

from meshlab.emulate.network.addresses import loopback
from meshlab.live.talos.client import TalosClient
from own_time import PATIENCE_S

MASTERS = ("master-1", "master-2", "master-3")


async def founded(site: Cluster) -> None:
    masters = await site.control_planes(3)
    await until(
        lambda: all((s := m.services.get("apid")) and s.state == "Running" for m in masters), "the Talos APIs"
    )
    await call(site.client(11).bootstrap)
    for master in masters:
        await master.wait_for("running", PATIENCE_S)


async def led(site: Cluster, names: set[str], *, after: int = 0) -> tuple[str, int, dict[str, str]]:
    """The machine that all members named follow, its term, and the machine of each member id as raft writes it.

    Members know a new leader before they tell its term, which they take from its first entry: ``after`` is a term
    that must be over.
    """
    async with asyncio.timeout(PATIENCE_S):
        while True:
            told = {name: await site.hooks.clients[name].status() for name in sorted(names)}
            ids = {status.member_id: name for name, status in told.items()}
            leaders = {(status.leader, status.raft_term) for status in told.values()}
            (leader, term), *others = leaders
            if not others and leader in ids and term > after:
                return ids[leader], term, {f"{member:x}": name for member, name in ids.items()}
            await asyncio.sleep(0.1)


def test_collected_rows_tell_the_election_after_a_lost_leader_with_its_term(
    tmp_path: Path, cluster: Topology
) -> None:
    async def story() -> None:
        begun = time.time()
        async with machines(tmp_path / "site", shared_bundle(), 21, network=network(2)) as site:
            await founded(site)
            old, before, ids = await led(site, set(MASTERS))
            await site.site.machines[old].power_off()
            left = set(MASTERS) - {old}
            new, term, _ = await led(site, left, after=before)
            topology = cluster.without("dc-1")
            for name in MASTERS:
                address = site.site.machines[name].hardware.address
                topology = topology.with_component(replace(topology.machine(name), address=address))

            def talos(machine: str) -> TalosClient:
                address = topology.machine(machine).address
                return TalosClient(address, site.talosconfig, timeout_s=60.0, dial=loopback)

            folder = tmp_path / "logs"
            with Connections(topology, talos) as connections:
                found = await asyncio.to_thread(collect, connections, folder, quiet=frozenset({old}))
        assert found.missing == (f"logs of {old}: the machine is silent",)
        assert {path.name for path in found.files} == {
            f"{kind}-{name}.{end}"
            for name in left
            for kind, end in (("etcd", "log"), ("talos-events", "json"))
        }
        rows = read_logs(folder, ids)

        (election,) = [row for row in rows if row.kind == "election" and row.keys["term"] == term]
        assert election.component == new
        assert election.text == f"{new}: {new} became leader at term {term}"
        file, number = election.evidence.rsplit(":", 1)
        line = json.loads((tmp_path / file).read_text().splitlines()[int(number) - 1])
        assert line["msg"].endswith(f"became leader at term {term}")
        assert begun - 1 < election.t_lo <= election.t_hi < time.time() + 1

        known = {
            row.component: row for row in rows if row.kind == "leader-known" and row.keys["term"] == term
        }
        assert set(known) == left
        assert all(ids[row.keys["leader"]] == new for row in known.values())
        lost = [row for row in rows if row.kind == "leader-lost" and row.t_lo > begun]
        assert {row.component for row in lost if ids[row.keys["leader"]] == old} == left
        campaigns = [row for row in rows if row.kind == "campaign" and row.component == new]
        assert any(row.keys.get("role") == "candidate" and row.keys["term"] == term for row in campaigns)

        for name in left:
            states = [row for row in rows if row.component == name and row.kind == "ServiceStateEvent"]
            assert any("service etcd" in row.text for row in states)
            assert all(row.evidence.startswith(f"logs/talos-events-{name}.json:") for row in states)
            assert all(begun - 2 < row.t_lo < row.t_hi < time.time() + 3 for row in states)

    asyncio.run(story())
