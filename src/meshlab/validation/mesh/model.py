"""The same fault on one pair in the simulator's overlay, with the constants that it ships with and nothing measured.

The pair are two workers of one site of the reference cluster: there Talos has one endpoint to try, so that what is
compared is WireGuard's own behaviour. What the packets of the real side add (they are ``poll`` apart, and cross the
link) is added to the simulated side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from meshlab.model.spec import reference
from meshlab.parameters import Parameters
from meshlab.simulate.layers.faults import apply_faults
from meshlab.simulate.layers.overlay import Overlay, build_overlay
from meshlab.simulate.layers.underlay import build_underlay
from meshlab.simulate.scenario.scenario import FOREVER, Fault, Scenario
from meshlab.simulate.streams import Streams
from meshlab.validation.mesh.trials import LAST_S, SPREAD_S, MeshTrial
from meshlab.validation.setting import Setting

if TYPE_CHECKING:
    import numpy as np

    from meshlab.simulate.tracks import Track

A, B = "worker-1", "worker-2"
AT = 1000.0
"""Long after the start: the age of the keys is whatever it is."""


class MeshModel:
    """Draws faults of one setting."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.topology = reference()
        self.parameters = Parameters.defaults().joined(self.topology)

    def _scenario(self, lasts: float) -> Scenario:
        if self.setting.fault == "restart":
            fault = Fault.fail(B, at=AT, lasts=lasts)
        else:  # one-way: what B sends is lost, as in the real pairs
            direction: Literal["both", "forward"] = "both" if self.setting.fault == "partition" else "forward"
            fault = Fault.partition((B,), (A,), at=AT, lasts=lasts, direction=direction)
        return Scenario("pair", AT + lasts + 600.0, (fault,))

    def draws(self, count: int) -> Iterator[MeshTrial]:
        """Gives ``count`` independent faults."""
        for replicate in range(count):
            streams = Streams(self.setting.seed, replicate)
            rng = streams.of("packets")
            scenario = self._scenario(self.setting.cut + float(rng.random()) * SPREAD_S)
            faults = apply_faults(self.topology, scenario, self.parameters, streams)
            underlay = build_underlay(self.topology, scenario)
            overlay = build_overlay(self.topology, self.parameters, underlay, faults, streams)
            yield _Seen(self.setting, overlay, scenario.faults[0].until).trial(rng)


@dataclass(frozen=True)
class _Seen:
    """What the packets of the real pairs would have seen of one replicate's overlay."""

    setting: Setting
    overlay: Overlay
    heal: float

    def trial(self, rng: np.random.Generator) -> MeshTrial:
        overlay = self.overlay
        ways = (overlay.flow(A, B), overlay.flow(B, A))
        begun = self._knows()
        shaken = [e.time for e in overlay.events if e.kind == "handshake" and e.time > AT]
        back = max(way.next_at(begun, True) for way in ways) + self._packets(shaken, rng)
        back_after = back - begun if back < FOREVER and back - begun < LAST_S else None
        hit = self.heal - AT + back_after if back_after is not None else None
        down = [e.time - AT for e in overlay.events if e.kind == "peer-down" and AT < e.time < self.heal]
        one_way = self.setting.fault == "partition-one-way"
        restart = self.setting.fault == "restart"
        return MeshTrial(
            key_age=None,
            back_after=back_after,
            black_hole=hit,
            carried_on=self._carried_on(ways[0], rng) if one_way else None,
            marked_down=None if restart else next(iter(down), None),
        )

    def _knows(self) -> float:
        """When the pair could meet again: healed, or the restarted machine has learnt of its peer."""
        if self.setting.fault != "restart":
            return self.heal
        return self.overlay.joined[B].next_at(AT + 1e-6, True)

    def _packets(self, shaken: list[float], rng: np.random.Generator) -> float:
        """A handshake takes two ways, and what waited for it one or two more; without one, packets are ``poll`` apart.

        The peer of one that restarts has keys, for which nobody listens: its packets do not wait, they are lost.
        """
        hop, poll = self.setting.link_delay, self.setting.poll
        if self.setting.fault == "restart":
            return float(rng.random()) * poll + 4 * hop
        if shaken:
            return 4 * hop
        return float(max(rng.random(2))) * poll + hop

    def _carried_on(self, way: Track[bool], rng: np.random.Generator) -> float:
        lost = min(way.next_at(AT, False), self.heal)
        return (
            max(0.0, lost - AT - float(rng.random()) * self.setting.poll) if lost < self.heal else lost - AT
        )
