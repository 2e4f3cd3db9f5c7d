"""What became of a call without an answer, when looking itself takes long."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from fake_world import World, plan_of, step
from test_executor import context

from meshlab.live.target import Target
from meshlab.provision.run.resolve import Resolution, resolve
from meshlab.provision.systems.context import Context
from meshlab.provision.systems.operations import operation_for
from meshlab.provision.systems.outcome import Absent, Found, Probe
from own_time import HandClock


@dataclass
class SlowLooks:
    """Answers of looks, each as of the moment when it began, and each so long under way."""

    clock: HandClock
    visible_at: float
    takes_s: float
    begun: list[float] = field(default_factory=list)

    def probe(self, _: Context) -> Probe:
        now = self.clock.now()
        self.begun.append(now)
        self.clock.sleep(self.takes_s)
        return Found({"id": "gateway-0"}) if now >= self.visible_at else Absent("reads lag")


def resolved(world: World, target: Target, monkeypatch: pytest.MonkeyPatch, takes_s: float) -> Resolution:
    """Resolves a creation that reads show after four fifths of the lag that is waited for."""
    clock = HandClock()
    lag = target.patience.read_lag
    looks = SlowLooks(clock, visible_at=clock.now() + 0.8 * lag, takes_s=takes_s * lag)
    operation = operation_for(plan_of(step(world.path, "gateway", "lagging"))["gateway"])
    monkeypatch.setattr(operation, "probe", looks.probe)
    found = resolve(operation, context(target), intended_at=0.0, clock=clock.now)
    assert len(looks.begun) <= 20
    return found


@pytest.mark.parametrize("takes_s", [0.1, 0.7, 3.0])
def test_a_look_that_began_before_reads_had_time_does_not_settle_it(
    world: World, target: Target, monkeypatch: pytest.MonkeyPatch, takes_s: float
) -> None:
    assert resolved(world, target, monkeypatch, takes_s).verdict == "adopted"
