"""Layer 1, faults: from the scenario to what is powered, frozen, broken or rebooting, and when."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meshlab.model.states import State
from meshlab.model.timeline import Event
from meshlab.model.units import duration
from meshlab.simulate.scenario.kinds.interface import Window
from meshlab.simulate.scenario.scenario import FOREVER, Scenario, effects
from meshlab.simulate.tracks import Track

if TYPE_CHECKING:
    from meshlab.model.topology import Topology
    from meshlab.parameters import Parameters
    from meshlab.simulate.streams import Streams


@dataclass
class Faults:
    """What the scenario does to the parts.

    ``power`` holds up, down or booting for every machine that ever leaves ``up``; ``frozen`` the machines
    that are paused; ``broken`` the other components that fail; ``halted`` the chains (by workload) whose whole
    network makes no blocks, which is nothing that our own parts do; ``disks`` (machine, at, lasts) the lost ones;
    ``clean_stops`` when a machine's services are stopped in order (a restart, not a loss of power).
    Machines and components that a scenario does not touch are not in it: see `powered` and `works`.
    """

    power: dict[str, Track[State]] = field(default_factory=dict)
    frozen: dict[str, Track[bool]] = field(default_factory=dict)
    broken: dict[str, Track[bool]] = field(default_factory=dict)
    halted: dict[str, Track[bool]] = field(default_factory=dict)
    disks: list[tuple[str, float, float]] = field(default_factory=list)
    clean_stops: dict[str, set[float]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def power_of(self, machine: str) -> Track[State]:
        return self.power.get(machine) or _ALWAYS_UP

    def frozen_of(self, machine: str) -> Track[bool]:
        return self.frozen.get(machine) or _NEVER

    def halted_of(self, chain: str) -> Track[bool]:
        return self.halted.get(chain) or _NEVER

    def broken_of(self, component: str) -> Track[bool]:
        return self.broken.get(component) or _NEVER


_ALWAYS_UP: Track[State] = Track(State.UP)
_NEVER: Track[bool] = Track(False)


def apply_faults(topology: Topology, scenario: Scenario, parameters: Parameters, streams: Streams) -> Faults:
    """Gives the faults' effects. Boot durations come from ``machine.<name>.boot``, one draw per boot."""
    in_time = sorted(scenario.faults, key=lambda f: f.at)
    done = effects(in_time, topology)
    found = Faults(disks=done.disks, clean_stops=done.clean_stops)
    found.events = [Event(fault.at, fault.names[0], str(fault), "fault") for fault in in_time]
    for tracks, windows in (
        (found.broken, done.broken),
        (found.frozen, done.frozen),
        (found.halted, done.halted),
    ):
        tracks.update({name: _windows_track(parts) for name, parts in windows.items()})
    discovery, orchestrator = topology.discovery, topology.orchestrator
    if discovery and discovery.within and discovery.within in found.broken:
        found.broken.setdefault(discovery.name, found.broken[discovery.within])
    locked = found.broken.get(orchestrator.name) if orchestrator and orchestrator.disk_encryption else None
    for machine in topology.machines:
        if machine.name in done.off:
            boot = parameters.distribution(f"machine.{machine.name}.boot")
            rng = streams.of(f"{machine.name}/boot")
            found.power[machine.name] = _power_track(
                sorted(done.off[machine.name]), lambda boot=boot, rng=rng: float(boot.sample(rng)), locked
            )
    return found


def _windows_track(windows: list[Window]) -> Track[bool]:
    track: Track[bool] = Track(False)
    for start, end, cause in merged(windows):
        track.set(start, True, cause)
        if end < FOREVER:
            track.set(end, False, f"repaired at {duration(end)} ({cause})")
    return track


def merged(windows: list[Window]) -> list[Window]:
    """Gives the union of windows, in order; each keeps the cause of its first part."""
    found: list[Window] = []
    for start, end, cause in sorted(windows):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]), found[-1][2])
        else:
            found.append((start, end, cause))
    return found


def _power_track(windows: list[Window], boot: object, locked: Track[bool] | None) -> Track[State]:
    track: Track[State] = Track(State.UP)
    ends = merged(windows)
    for index, (start, end, cause) in enumerate(ends):
        if end > start:
            track.set(start, State.DOWN, cause)
        if end == FOREVER:
            break
        draw = boot() if callable(boot) else 0.0
        track.set(end, State.BOOTING, f"power is back at {duration(end)}" if end > start else cause)
        ready = end + draw
        why = f"booted in {duration(draw)}"
        if locked is not None:
            unlocked = locked.next_at(ready, False)
            if unlocked > ready:
                why = "booted once Omni could unlock its disks"
            ready = unlocked
        following = ends[index + 1][0] if index + 1 < len(ends) else FOREVER
        if ready < following and ready < FOREVER:
            track.set(ready, State.UP, why)
    return track
