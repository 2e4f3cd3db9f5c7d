"""Which limits bound an exploration: what was asked, how many designs miss it, and how many it rejects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlab.model.units import duration
from meshlab.planning.explore.limits import CONFIDENCE

if TYPE_CHECKING:
    from meshlab.planning.explore.exploration import Exploration


@dataclass(frozen=True)
class Bound:
    """A limit: the constraint's name, what is asked in words, and how many designs it costs.

    A design is rejected by one constraint (`limits.missed` says which) and may miss others: ``missing`` designs miss
    this one, it ``rejects`` some of them, and ``alone`` miss nothing else, so they would be left without it.
    """

    constraint: str
    asked: str
    missing: int
    rejects: int
    alone: int

    @property
    def verdict(self) -> str:
        """Whether it binds: whether it rejects a design."""
        if self.rejects:
            return "binds"
        return "missed, but something else rejects first" if self.missing else "keeps nothing out"


def bounds(found: Exploration) -> tuple[Bound, ...]:
    """Gives each limit of an exploration with what it does, in the order in which they are asked for."""
    asked, none = found.limits, float("inf")
    words = {"fits": "every workload on its machine"}
    if found.load:
        for kind in found.today.measures.latency:
            words[f"load {kind}"] = f"{found.load:,g} requests a second are carried"
    words |= {
        f"min-availability {name}": f"at least {least:.5%}" for name, least in asked.availability.items()
    }
    words |= {f"max-latency {kind}": f"p99 at most {duration(most)}" for kind, most in asked.latency.items()}
    if asked.budget < none:
        words["budget"] = f"at most {asked.budget:,.0f} USD a month (median)"
    if asked.horizon > 0:
        words["horizon"] = f"nothing used up within {asked.horizon:.0f} months ({CONFIDENCE:.0%} sure)"
    return tuple(_bound(found, constraint, text) for constraint, text in words.items())


def _bound(found: Exploration, constraint: str, text: str) -> Bound:
    misses = [[miss.constraint for miss in one.missed] for one in found.designs]
    return Bound(
        constraint,
        text,
        missing=sum(constraint in them for them in misses),
        rejects=sum(them[:1] == [constraint] for them in misses),
        alone=sum(them == [constraint] for them in misses),
    )
