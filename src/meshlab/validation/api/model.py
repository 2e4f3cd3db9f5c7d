"""The same fault in the simulator's layers (raft, control plane, clients) with the same timers and measured inputs.

Set are the raft timers, the client's time-out and etcd's own (5 s and two election time-outs, whichever is shorter);
measured beforehand, the time of a message and of a synchronous write (their medians). A read of one object is a
linearizable read of etcd: the layers name that for etcd itself. Nothing is fitted.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from meshlab.model.spec import reference
from meshlab.parameters import Parameters
from meshlab.simulate.layers.clients import client_outages
from meshlab.simulate.layers.control_plane import run_control_plane
from meshlab.simulate.layers.faults import apply_faults
from meshlab.simulate.layers.overlay import build_overlay
from meshlab.simulate.layers.quorums import run_group
from meshlab.simulate.layers.underlay import build_underlay
from meshlab.simulate.scenario.scenario import Fault, Scenario
from meshlab.simulate.streams import Streams
from meshlab.simulate.tracks import Track
from meshlab.validation.api.trials import ApiTrial
from meshlab.validation.etcd.machine import Machine
from meshlab.validation.setting import Setting

if TYPE_CHECKING:
    import numpy as np

LEADER = "master-1"
AT = 30.0
ETCD, API = "etcd", "kubernetes-api"


class ApiModel:
    """Draws faults of one setting on one machine."""

    def __init__(self, setting: Setting, machine: Machine) -> None:
        self.setting = setting
        self.machine = machine
        self.topology = reference()

    @cached_property
    def parameters(self) -> Parameters:
        setting = self.setting
        table = Parameters.defaults().joined(self.topology)
        hop = statistics.median(self.machine.ask) / 2
        given = {
            f"raft.{ETCD}.heartbeat": setting.heartbeat,
            f"raft.{ETCD}.election": setting.election,
            "etcd.request-timeout": min(setting.client_timeout, 5.0 + 2 * setting.election),
            "kubespan.added-latency": 0.0,
            "local.latency": hop,
        }
        given |= {f"link.{link.name}.latency": hop for link in self.topology.links}
        given |= {
            f"machine.{m}.fsync": statistics.median(self.machine.fsync)
            for m in self.topology.raft_group(ETCD).voters
        }
        for name, value in given.items():
            table = table.with_value(name, value, "validation: set, or measured beforehand")
        return table

    def draws(self, count: int) -> Iterator[ApiTrial]:
        """Gives ``count`` independent faults."""
        for replicate in range(count):
            yield self._draw(Streams(self.setting.seed, replicate))

    def _draw(self, streams: Streams) -> ApiTrial:
        rng = streams.of("validation")
        at = AT + float(rng.random())  # any phase of the ticks
        scenario = Scenario("x", at + 90.0, (Fault.fail(LEADER, at=at),), {ETCD: LEADER})
        topology, parameters, horizon = self.topology, self.parameters, scenario.horizon
        underlay = build_underlay(topology, scenario)
        faults = apply_faults(topology, scenario, parameters, streams)
        overlay = build_overlay(topology, parameters, underlay, faults, streams)
        spec = topology.raft_group(ETCD)
        running = {m: Track(True) for m in spec.voters}
        running[LEADER].set(at, False, "killed")
        group = run_group(
            spec, topology, parameters, underlay, overlay, faults, streams, horizon, running=running, leader=LEADER
        )  # fmt: skip
        control = run_control_plane(topology, parameters, faults, overlay, group, streams, horizon)
        outages = client_outages(topology, parameters, faults, control, [group], streams, horizon)
        won = next((r for r in group.reigns if r.elected > at), None)
        ends = {(o.service, o.kind): o.end - at for o in outages if o.start <= at + 1e-6}
        return ApiTrial(
            None if won is None else won.elected - at + self._poll(rng),
            0 if won is None else won.term - 1,
            [ends[self._api, "write"] + self._answer(rng)] if (self._api, "write") in ends else [],
            [ends[ETCD, "linearizable read"] + self._answer(rng)]
            if (ETCD, "linearizable read") in ends
            else [],
        )

    @property
    def _api(self) -> str:
        return next(service.name for service in self.topology.services if service.role == "api")

    def _poll(self, rng: np.random.Generator) -> float:
        return float(rng.random()) * self.setting.poll + float(rng.choice(self.machine.ask))

    def _answer(self, rng: np.random.Generator) -> float:
        """The request that gets through takes its time; the one before it ended a pause earlier."""
        return float(rng.choice(self.machine.put))
