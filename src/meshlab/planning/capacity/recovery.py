"""How long a chain node needs after an outage, and after a lost disk; and a voter after a lost disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from meshlab.model import Estimate, Topology
from meshlab.parameters import Parameters
from meshlab.planning.capacity.claims import WIREGUARD_RATE
from meshlab.planning.tables import growth
from meshlab.planning.worlds import WORLDS, Worlds

HOUR = 3_600.0


@dataclass(frozen=True)
class Recovery:
    """Time until a chain node is at the tip again, or a voter has everything, in seconds.

    `way` is the faster way in most worlds.

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
    samples: int = WORLDS,
    seed: int = 0,
) -> tuple[Recovery, ...]:
    """Gives the time back to the tip of each chain workload after outages and a lost disk, and of a voter after one.

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
    return (*found, *_voters(topology, known, samples, seed))


def _voters(topology: Topology, known: Parameters, samples: int, seed: int) -> Iterator[Recovery]:
    """A voter whose disk is lost: its machine boots anew, and the leader sends it the whole database.

    Over the slower of the machine's interface, the link, and one core of WireGuard; the group serves meanwhile.
    """
    import numpy as np

    worlds = Worlds(growth(), samples, seed)
    for group in topology.raft_groups:
        names = (
            ["etcd"]
            if group.engine == "etcd"
            else [worlds.name(w) for w in topology.workloads if w.group == group.name]
        )
        sized = [name for name in names if worlds.knows(name, "size")]
        if len(group.voters) < 2 or not sized:
            continue
        leader, voter = group.voters[0], topology.machine(group.voters[-1])
        link = topology.link_between(leader, voter.name)
        rates = [voter.network_rate, link.bandwidth if link else 0.0, WIREGUARD_RATE]
        rng = np.random.default_rng([seed, *f"{group.name}/disk".encode()])
        boot = np.asarray(known.distribution(f"machine.{voter.name}.boot").sample(rng, samples))
        copied = 8 * worlds(sized[0], "size") / min(rate for rate in rates if rate)
        yield Recovery(
            group.name,
            "a lost disk of one voter",
            Estimate.of(boot + copied, method=f"{samples} samples, seed {seed}"),
            "the leader's copy",
            0.0,
            f"{known[f'machine.{voter.name}.boot'].source}; {worlds.source(sized[0], 'size')}",
        )
