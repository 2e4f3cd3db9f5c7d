"""The live probes against emulated Talos machines with real etcd processes: the leader loses its power."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from meshlab.incident.evidence.collect import collect
from meshlab.incident.observe.connections import Connections
from meshlab.incident.observe.observed import initial_leaders, observed
from meshlab.incident.observe.observer import Observer
from meshlab.model import State, Timeline, Topology

sys.path.insert(0, str(Path(__file__).parents[1] / "emulate"))

from talos_site import call, until
from talos_site import cluster as machines

from meshlab.emulate.network.addresses import loopback
from meshlab.live.talos.client import TalosClient
from meshlab.live.talos.secrets_bundle import SecretsBundle
from own_time import PATIENCE_S


def masters_only(topology: Topology, addresses: dict[str, str]) -> Topology:
    """The three masters of the reference, at the addresses of this test."""
    made = topology.without("dc-1")
    for name, address in addresses.items():
        made = made.with_component(replace(made.machine(name), address=address))
    return made


def test_the_leaders_power_loss_is_seen_dated_and_survived(tmp_path: Path, cluster: Topology) -> None:
    async def story() -> None:
        bundle = SecretsBundle.generate()
        async with machines(tmp_path / "site", bundle, 117) as site:
            masters = await site.control_planes(3)
            await until(lambda: all(m.services.get("etcd") for m in masters), "etcd prepares everywhere")
            await until(
                lambda: masters[0].services.get("apid").state == "Running", "the Talos API of master-1"
            )
            await call(site.client(11).bootstrap)
            for master in masters:
                await master.wait_for("running", PATIENCE_S)
            names = {f"master-{n}": site.address(10 + n) for n in (1, 2, 3)}
            topology = masters_only(cluster, names)

            def talos(machine: str) -> TalosClient:
                return TalosClient(names[machine], site.talosconfig, timeout_s=3.0, dial=loopback)

            with Connections(topology, talos) as connections:
                observer = Observer(connections.probes(), tmp_path / "samples.jsonl", interval_s=0.2)
                observer.start()

                def etcd_is(state: State) -> bool:
                    seen = observed(observer.samples(), topology)
                    return seen.state_at("etcd", seen.horizon - 0.3) is state

                await asyncio.to_thread(
                    observer.watch, PATIENCE_S, None, lambda: _voters(observer.samples().of("etcd")) == 3
                )
                await asyncio.to_thread(observer.watch, PATIENCE_S, None, lambda: etcd_is(State.UP))
                assert etcd_is(State.UP)
                leader = leader_of(observed(observer.samples(), topology))
                struck_at = observer.now
                await next(m for m in masters if m.name == leader).power_off()
                gone_at = observer.now
                await asyncio.to_thread(
                    observer.watch,
                    PATIENCE_S,
                    None,
                    lambda: any(
                        e.kind == "election" and e.time > struck_at
                        for e in observed(observer.samples(), topology).events
                    ),
                )
                await asyncio.to_thread(observer.watch, PATIENCE_S, None, lambda: etcd_is(State.DEGRADED))
                observer.stop()
                collected = await asyncio.to_thread(
                    collect, connections, tmp_path / "logs", quiet=frozenset({leader})
                )
            seen = observed(observer.samples(), topology)
            lost = next(i for i in seen.of(leader) if i.state is State.UNREACHABLE and i.end > struck_at)
            asked = observer.samples().of("machine")[leader]
            last = max(s.sent for s in asked if s.answered)
            first = min(s.got for s in asked if not s.answered and s.sent > last)
            assert last <= lost.start <= first and last <= gone_at
            assert any(i.state is State.NO_LEADER and i.end > last for i in seen.of("etcd"))
            assert any(i.state is State.DEGRADED for i in seen.of("etcd") if i.start > struck_at)
            assert any(leader in what for what in collected.missing)

    asyncio.run(story())


def leader_of(timeline: Timeline) -> str:
    """Who leads etcd at the end of what was seen: the first leader, or who was elected last."""
    elected = [e.text.split()[0] for e in timeline.events if e.kind == "election" and e.component == "etcd"]
    return elected[-1] if elected else initial_leaders(timeline)["etcd"]


def _voters(asked: dict) -> int:
    """Members that answer, know a leader and are voters by their last answer."""
    last = [samples[-1] for samples in asked.values()]
    return sum(s.answered and s.answer["leader"] != "0" and not s.answer["learner"] for s in last)
