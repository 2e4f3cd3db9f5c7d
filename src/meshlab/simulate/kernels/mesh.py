"""A mesh of machines at sites, ten thousand and more, without an edge: site arrays and what each machine adds.

What machine a sends to machine b leaves over a's access, crosses the backbone between their sites (the
quickest way, over other sites if need be) and enters over b's access. A tunnel (WireGuard) between them needs
both directions, and cannot come about when both are behind NAT at different sites. So everything about
n x n pairs follows from sites x sites arrays and n-vectors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from meshlab.simulate.kernels.compiling import compiled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@compiled
def quickest(delay: NDArray[np.float64]) -> None:
    """Turns direct delays between sites into those of the quickest ways, in place (Floyd and Warshall)."""
    sites = delay.shape[0]
    for via in range(sites):
        for a in range(sites):
            first = delay[a, via]
            if first < np.inf:
                for b in range(sites):
                    longer = first + delay[via, b]
                    if longer < delay[a, b]:
                        delay[a, b] = longer


@compiled
def histogram(
    order: NDArray[np.int64],
    bounds: NDArray[np.int64],
    access: NDArray[np.float64],
    nat: NDArray[np.bool_],
    delay: NDArray[np.float64],
    width: float,
    counts: NDArray[np.int64],
) -> None:
    """Counts the ordered pairs that have a tunnel by their delay, in steps of `width`; the last step is open.

    `order` lists the machines that are up, site by site; those of site s stand from ``bounds[s]`` on.
    """
    sites = delay.shape[0]
    last = counts.shape[0] - 1
    for x in range(sites):
        for y in range(sites):
            across = delay[x, y]
            if across == np.inf or delay[y, x] == np.inf:
                continue
            for at in range(bounds[x], bounds[x + 1]):
                a = order[at]
                start = access[a] + across
                for to in range(bounds[y], bounds[y + 1]):
                    b = order[to]
                    if a == b or (x != y and nat[a] and nat[b]):
                        continue
                    step = int((start + access[b]) / width)
                    counts[min(step, last)] += 1


@dataclass(frozen=True)
class Mesh:
    """A two-level mesh; every change gives a new one that shares what did not change.

    ``direct[s, t]``: seconds from site s to site t over their own link, infinite without one, and from a site
    to itself what its switches take. ``site[m]``, ``access[m]`` (seconds), ``nat[m]``, ``up[m]`` of machine m.
    """

    direct: NDArray[np.float64]
    site: NDArray[np.int64]
    access: NDArray[np.float64]
    nat: NDArray[np.bool_]
    up: NDArray[np.bool_]
    alive: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        direct: NDArray[np.float64],
        site: Sequence[int] | NDArray[np.int64],
        access: Sequence[float] | NDArray[np.float64],
        nat: Sequence[bool] | NDArray[np.bool_] | None = None,
    ) -> Mesh:
        """Gives a mesh in which everything is up."""
        sites, machines = np.asarray(site, np.int64), len(site)
        there = np.ascontiguousarray(direct, float)
        if there.ndim != 2 or there.shape[0] != there.shape[1] or np.isnan(there).any() or (there < 0).any():
            raise ValueError(f"delays between sites are a square of non-negative seconds, not {there.shape}")
        if len(access) != machines or (nat is not None and len(nat) != machines):
            raise ValueError(f"{machines} machines have a site; access and NAT must say as many")
        if machines and not 0 <= sites.min() <= sites.max() < len(there):
            raise ValueError(f"a machine's site is one of 0..{len(there) - 1}")
        hidden = np.zeros(machines, bool) if nat is None else np.asarray(nat, bool)
        whole = np.ones(machines, bool)
        return cls(there, sites, np.asarray(access, float), hidden, whole, np.ones(len(there), bool))

    # --- what if

    def without_site(self, site: int) -> Mesh:
        """Gives the mesh with a site lost, its machines and the ways through it."""
        alive = self.alive.copy()
        alive[site] = False
        return replace(self, alive=alive)

    def without_machines(self, machines: Sequence[int]) -> Mesh:
        up = self.up.copy()
        up[list(machines)] = False
        return replace(self, up=up)

    def cut(self, a: int, b: int, *, both: bool = False) -> Mesh:
        """Gives the mesh in which nothing gets from site a to site b over their own link."""
        direct = self.direct.copy()
        direct[a, b] = np.inf
        if both:
            direct[b, a] = np.inf
        return replace(self, direct=direct)

    def behind_nat(self, machine: int) -> Mesh:
        nat = self.nat.copy()
        nat[machine] = True
        return replace(self, nat=nat)

    # --- between sites

    @cached_property
    def between(self) -> NDArray[np.float64]:
        """Seconds from site to site the quickest way, infinite where there is none."""
        delay = self.direct.copy()
        local = np.diag(delay).copy()
        np.fill_diagonal(delay, 0.0)
        delay[~self.alive, :] = np.inf
        delay[:, ~self.alive] = np.inf
        quickest(delay)
        np.fill_diagonal(delay, np.where(self.alive, local, np.inf))
        return delay

    @cached_property
    def _joined(self) -> NDArray[np.bool_]:
        return np.isfinite(self.between) & np.isfinite(self.between.T)

    @cached_property
    def running(self) -> NDArray[np.bool_]:
        """Which machines run: up, at a site that is not lost."""
        return self.up & self.alive[self.site]

    # --- between machines

    def delay(self, a: int, b: int) -> float:
        """Seconds that a packet takes from machine a to machine b; infinite when it does not arrive."""
        if not (self.running[a] and self.running[b]):
            return float("inf")
        if a == b:
            return 0.0
        return float(self.access[a] + self.between[self.site[a], self.site[b]] + self.access[b])

    def tunnel(self, a: int, b: int) -> bool:
        """Whether two machines can have a tunnel: both ways are there, and not both are behind NAT apart."""
        if not (self.running[a] and self.running[b]) or a == b:
            return False
        apart = self.site[a] != self.site[b]
        return bool(self._joined[self.site[a], self.site[b]] and not (apart and self.nat[a] and self.nat[b]))

    def delays_from(self, a: int) -> NDArray[np.float64]:
        """Gives the seconds from machine a to every machine."""
        found: NDArray[np.float64] = self.access[a] + self.between[self.site[a]][self.site] + self.access
        found[~self.running] = np.inf
        if not self.running[a]:
            found[:] = np.inf
        else:
            found[a] = 0.0
        return found

    def tunnels(self) -> int:
        """Gives how many pairs of machines can have a tunnel (n (n-1) / 2 when all is well)."""
        sites = len(self.direct)
        there = np.bincount(self.site[self.running], minlength=sites)
        hidden = np.bincount(self.site[self.running & self.nat], minlength=sites)
        pairs = np.outer(there, there) - np.outer(hidden, hidden)
        np.fill_diagonal(pairs, there * (there - 1))
        return int(pairs[self._joined].sum()) // 2

    def islands(self) -> NDArray[np.int64]:
        """Gives each site's island: sites that hear each other, over others if need be; -1 for a lost one."""
        joined = self._joined | np.eye(len(self.direct), dtype=bool)
        found = np.where(self.alive, joined.argmax(axis=1), -1)
        return found.astype(np.int64)

    def histogram(self, width: float, steps: int = 1000) -> NDArray[np.int64]:
        """Gives how many ordered pairs with a tunnel take how long, in steps of `width` seconds; exact."""
        counts = np.zeros(steps, np.int64)
        who = np.flatnonzero(self.running)
        order = who[np.argsort(self.site[who], kind="stable")]
        bounds = np.searchsorted(self.site[order], np.arange(len(self.direct) + 1))
        histogram(order, bounds, self.access, self.nat, self.between, width, counts)
        return counts
