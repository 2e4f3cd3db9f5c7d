"""How long a chain node needs after an outage, and after a lost disk."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from meshlab.model import Estimate, Topology
from meshlab.parameters import Parameters

HOUR = 3_600.0


@dataclass(frozen=True)
class Recovery:
    """Time until a chain node is at the tip again, in seconds; `way` is the faster way in most worlds.

    ``never`` is the share of worlds in which catching up does not end, because blocks come as fast as they are
    replayed: there a fresh snapshot is the only way.
    """

    workload: str
    after: str
    seconds: Estimate
    way: str
    never: float
    source: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def recoveries(
    topology: Topology,
    parameters: Parameters | None = None,
    *,
    outages: tuple[float, ...] = (HOUR, 24 * HOUR),
    samples: int = 20_000,
    seed: int = 0,
) -> tuple[Recovery, ...]:
    """Gives, for each chain workload, the time back to the tip after outages and after a lost disk.

    After an outage of T seconds the node is T / block time behind and gains (replay rate - chain rate) blocks a
    second; or it restores a snapshot (``resync``), whichever is faster [facts H]. After a lost disk: the disk is
    replaced, then the node is synced anew.
    """
    import numpy as np

    known = parameters or Parameters.for_topology(topology)
    method = f"{samples} samples, seed {seed}"
    found = []
    for position, workload in enumerate(topology.workloads):
        if workload.group:
            continue
        kind = workload.role
        rng = np.random.Generator(np.random.Philox(key=[seed, 1000 + position]))
        rate = np.asarray(known.distribution(f"{kind}.catch-up").sample(rng, samples))
        resync = np.asarray(known.distribution(f"{kind}.resync").sample(rng, samples))
        swap = np.asarray(known.distribution("disk.replace").sample(rng, samples))
        chain = 1 / known.value(f"{kind}.block-time")
        gain = rate - chain
        for outage in outages:
            with np.errstate(divide="ignore"):
                replayed = np.where(gain > 0, outage * chain / np.maximum(gain, 1e-12), np.inf)
            best = np.minimum(replayed, resync)
            way = "replay" if np.mean(replayed <= resync) >= 0.5 else "snapshot"
            found.append(
                Recovery(
                    workload.name,
                    f"an outage of {outage / HOUR:g} h",
                    Estimate.of(best, method=method),
                    way,
                    float(np.mean(gain <= 0)),
                    known[f"{kind}.catch-up"].source,
                )
            )
        found.append(
            Recovery(
                workload.name,
                "a lost disk",
                Estimate.of(swap + resync, method=method),
                "snapshot",
                0.0,
                f"{known['disk.replace'].source}; {known[f'{kind}.resync'].source}",
            )
        )
    return tuple(found)
