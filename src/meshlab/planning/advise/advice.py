"""The quorum advisor: how each raft group stands now, what must not be done, and the safest way out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from meshlab.model import Topology
from meshlab.parameters import Parameters
from meshlab.planning.advise.actions import Action, actions
from meshlab.planning.advise.prohibitions import Prohibition, prohibitions
from meshlab.planning.advise.situation import YEAR, Situation, situation


@dataclass(frozen=True)
class Advice:
    """What there is to say of one raft group; `actions` the safest first, none where nothing is down."""

    now: Situation
    prohibitions: tuple[Prohibition, ...]
    actions: tuple[Action, ...]

    @property
    def group(self) -> str:
        return self.now.group.name

    @property
    def verdict(self) -> str:
        """One sentence for the person who is on call."""
        now, voters = self.now, len(self.now.group.voters)
        has = f"{self.group} has {len(now.up)} of {voters} voters"
        if not now.serving and len(now.up) >= now.group.quorum:
            return f"{has}, but they cannot reach each other: it does not serve"
        if not now.serving:
            return f"{has} and needs {now.group.quorum}: no quorum, no writes"
        if now.margin == 0:
            return f"{has} and needs {now.group.quorum}: it serves, and the next loss ends that"
        return f"{has}: it serves and may lose {now.margin} more"

    def to_dict(self) -> dict[str, Any]:
        """Gives the advice as plain data (times in seconds, rates per year)."""
        now = self.now
        return {
            "group": self.group,
            "state": str(now.state),
            "verdict": self.verdict,
            "voters": list(now.group.voters),
            "up": list(now.up),
            "lost": now.lost,
            "quorum": now.group.quorum,
            "margin": now.margin,
            "next_loss_ends_it": [
                {"component": b.component, "failures_per_year": b.reliability.rate * YEAR}
                for b in now.breakers
            ],
            "must_not": [asdict(p) for p in self.prohibitions],
            "actions": [
                {
                    "kind": a.kind,
                    "what": a.what,
                    "why": a.why,
                    "steps": list(a.steps),
                    "exposed_s": _interval(a.exposure.seconds),
                    "quorum_loss_probability": _interval(a.exposure.risk) if now.serving else None,
                    "margin_after": a.after,
                    "keeps_data": a.keeps_data,
                    "source": a.source,
                }
                for a in self.actions
            ],
        }


def advise(
    topology: Topology, down: Iterable[str] = (), parameters: Parameters | None = None
) -> tuple[Advice, ...]:
    """Gives the advice for every raft group, each on its own: etcd and Vault share machines, not their state.

    Parameters
    ----------
    down
        Names of components that are down now: machines, zones, sites, links, groups.

    Raises
    ------
    UnknownComponent
        A name is not in the topology.

    Examples
    --------
    >>> from meshlab.model.spec import reference
    >>> etcd, vault = advise(reference(), {"master-2"})
    >>> etcd.verdict
    'etcd has 2 of 3 voters and needs 2: it serves, and the next loss ends that'
    >>> etcd.actions[0].what
    'bring back master-2'
    """
    known = parameters or Parameters.for_topology(topology)
    gone = frozenset(down)
    for name in gone:
        topology[name]
    found = []
    for group in topology.raft_groups:
        now = situation(topology, group, gone)
        found.append(Advice(now, prohibitions(topology, now), actions(topology, known, now)))
    return tuple(found)


def _interval(estimate: Any) -> dict[str, float | str]:
    return {"low": estimate.low, "mid": estimate.mid, "high": estimate.high, "method": estimate.method}
