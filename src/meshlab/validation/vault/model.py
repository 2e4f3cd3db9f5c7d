"""The same fault on a Vault group in the simulator, with what was set and measured beforehand and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from meshlab.parameters import Parameters
from meshlab.simulate.groups.hashicorp import HashicorpGroup
from meshlab.simulate.raft.timed.world import World
from meshlab.simulate.tracks import Track
from meshlab.validation.etcd.machine import Machine
from meshlab.validation.setting import Setting
from meshlab.validation.vault.trials import LOST_AFTER_S, VaultTrial

if TYPE_CHECKING:
    import numpy as np

LEADER = "m0"
WARM_TIMEOUTS = 8.0
LEASE_SHARE = 0.5
"""The leader lease is half the heartbeat time-out (hashicorp/raft's 500 ms against 1 s, times the same multiplier)."""


class VaultModel:
    """Draws faults of one setting on one machine."""

    def __init__(self, setting: Setting, machine: Machine) -> None:
        self.setting = setting
        self.machine = machine
        self.names = tuple(f"m{i}" for i in range(setting.members))
        self.parameters = Parameters.defaults()

    def draws(self, count: int) -> Iterator[VaultTrial]:
        """Gives ``count`` independent faults."""
        import numpy as np

        for replicate in range(count):
            yield self._draw(np.random.default_rng([self.setting.seed, replicate]))

    def _draw(self, rng: np.random.Generator) -> VaultTrial:
        if self.setting.fault == "seal-after-restart":
            return VaultTrial(
                None, None
            )  # the model's rule: without auto-unseal a restarted pod waits for people
        setting = self.setting
        at = (WARM_TIMEOUTS + float(rng.random())) * setting.heartbeat
        world = self._world(rng)
        for member in self.names if setting.fault == "full-restart" else (LEADER,):
            world.running[member].set(at, False, "killed")
            if setting.fault == "full-restart":
                world.running[member].set(at + 1e-3, True, "started again")
        if setting.fault == "kill-before-promotion":
            for member in self.names[1:]:
                world.voting[member] = Track(False)
        group = HashicorpGroup(
            world,
            heartbeat=setting.heartbeat,
            election=setting.election,
            lease=setting.heartbeat * LEASE_SHARE,
            rng=rng,
            leader=LEADER,
            startup=self.parameters.value("vault.startup-multiplier"),
            reconnect=self.parameters.distribution("vault.reconnect"),
            commit_interval=self.parameters.distribution("vault.commit-interval"),
        )
        _, log = group.run(at + LOST_AFTER_S)
        won = next((e for e in log if e.kind == "leader" and e.time > at), None)
        if won is None:
            return VaultTrial(None, None)
        mount = float(self.parameters.distribution("vault.mount").sample(rng))
        polled = float(rng.random()) * setting.poll
        return VaultTrial(won.time - at, won.time - at + mount + polled)

    def _world(self, rng: np.random.Generator) -> World:
        names, fsync, ask = self.names, self.machine.fsync, self.machine.ask
        return World(
            members=names,
            running={m: Track(True) for m in names},
            frozen={m: Track(False) for m in names},
            flows={(a, b): Track(True) for a in names for b in names if a != b},
            delay=lambda a, b, time: 0.5 * ask[int(rng.integers(len(ask)))],
            fsync=lambda member: fsync[int(rng.integers(len(fsync)))],
        )
