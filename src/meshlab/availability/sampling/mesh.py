"""A mesh of machines with links that fail on their own: too many for an exact answer, so sampled."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from meshlab.availability.sampling.intervals import HalfWidth
from meshlab.availability.sampling.sampled import Campaign, Progress, Sampled, checked, counted
from meshlab.availability.sampling.streams import scales, streams
from meshlab.model.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from meshlab.model import Topology

CHUNK = 1 << 20  # worlds
_TILE = 128  # words of worlds that are drawn together


@dataclass(frozen=True)
class Need:
    """At least `k` of these machines are in the piece that serves."""

    k: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class MeshModel:
    """Machines and links, what each is lost with, and what one connected piece has to hold.

    Traffic may take any way over machines that are up (routing); a mesh that never relays through a third is a
    structure function of its own, see `structure.structure`.

    Attributes
    ----------
    down
        Each cause's probability: of a machine, a link, a site, whatever is lost by itself.
    machines
        Each machine's causes; it is up while none of them is lost.
    links
        Pairs of machines with the causes of the link between them.
    needs
        What one connected piece has to hold, all of it.
    """

    down: Mapping[str, float]
    machines: Mapping[str, tuple[str, ...]]
    links: Mapping[tuple[str, str], tuple[str, ...]]
    needs: tuple[Need, ...] = field(default=())

    def __post_init__(self) -> None:
        for cause, p in self.down.items():
            if not 0.0 <= p <= 1.0:
                raise InputError.single(cause, f"{p} is no probability", "give one between 0 and 1")
        named = {cause for causes in (*self.machines.values(), *self.links.values()) for cause in causes}
        if missing := sorted(named - set(self.down)):
            raise InputError.single(missing[0], "this cause has no probability", "name it in `down`")
        ends = {end for link in self.links for end in link}
        groups = {member for need in self.needs for member in need.members}
        if unknown := sorted((ends | groups) - set(self.machines)):
            raise InputError.single(
                unknown[0], "there is no such machine in the mesh", "name it in `machines`"
            )
        if loops := sorted(a for a, b in self.links if a == b):
            raise InputError.single(loops[0], "a link joins two machines, not one with itself")
        if not self.needs or any(not 1 <= need.k <= len(set(need.members)) for need in self.needs):
            raise InputError.single(
                "needs", "a mesh serves when groups of machines are in one piece", "give 1 <= k <= members"
            )

    @classmethod
    def full(
        cls,
        machines: Mapping[str, str],
        *,
        machine_down: float,
        link_down: float,
        needs: tuple[Need, ...],
        across_down: float | None = None,
        site_down: float = 0.0,
    ) -> MeshModel:
        """Gives a full mesh of machines at sites (machine → site); `across_down` is of links between sites."""
        across = link_down if across_down is None else across_down
        names = list(machines)
        down = dict.fromkeys(names, machine_down) | {f"site {s}": site_down for s in machines.values()}
        links = {}
        for i, a in enumerate(names):
            for b in names[i + 1 :]:
                links[a, b] = (f"{a} - {b}",)
                down[f"{a} - {b}"] = link_down if machines[a] == machines[b] else across
        return cls(down, {m: (m, f"site {s}") for m, s in machines.items()}, links, needs)

    @cached_property
    def arrays(self) -> MeshArrays:
        """The model as a kernel reads it."""
        return MeshArrays.of(self)


def mesh_of(topology: Topology, needs: tuple[Need, ...], *, tunnel_down: float) -> MeshModel:
    """Gives a topology's machines as a full mesh in which every tunnel fails by itself too.

    A machine is lost with its zone, its site and the groups that hold it; a tunnel with the link that the design
    draws between its ends, with the overlay, and by itself with `tunnel_down`. Pairs without a way (both behind NAT
    at different sites, no link between the sites) have none here either.
    """
    from itertools import combinations

    from meshlab.availability.exact.structure import machine, way
    from meshlab.availability.trees.formula import AnyOf, events
    from meshlab.availability.trees.rates import rates, steady

    known = steady(rates(topology))
    down: dict[str, float] = {}
    machines, links = {}, {}
    for m in topology.machines:
        machines[m.name] = events(machine(topology, m.name))
    for a, b in combinations(machines, 2):
        between = way(topology, a, b)
        if between == AnyOf(()):
            continue
        own = f"{a} - {b}"
        links[a, b] = (own, *(cause for cause in events(between) if known.get(cause)))
        down[own] = tunnel_down
    for cause in {cause for causes in (*machines.values(), *links.values()) for cause in causes}:
        down.setdefault(cause, known.get(cause, 0.0))
    return MeshModel(down, machines, links, needs)


@dataclass(frozen=True, eq=False)
class MeshArrays:
    """A mesh in arrays. Lists of lists stand one after the other, with where each begins.

    A piece that serves holds at least k of the n members of each need, so at least one of any n - k + 1 of them:
    those of the need with the fewest are the `roots` from which pieces are looked for.
    """

    causes: tuple[str, ...]
    down: NDArray[np.float64]
    machine_causes: tuple[NDArray[np.int64], NDArray[np.int64]]
    near: tuple[NDArray[np.int64], NDArray[np.int64]]
    over: NDArray[np.int64]
    link_causes: tuple[NDArray[np.int64], NDArray[np.int64]]
    roots: NDArray[np.int64]
    order: NDArray[np.int64]
    needs: NDArray[np.int64]
    members: tuple[NDArray[np.int64], NDArray[np.int64]]

    @classmethod
    def of(cls, mesh: MeshModel) -> MeshArrays:
        """Gives the arrays; causes that never happen are left out."""
        used = (*mesh.machines.values(), *mesh.links.values())
        causes = sorted({c for one in used for c in one if mesh.down[c] > 0})
        number = {name: i for i, name in enumerate(causes)}
        machine = {name: i for i, name in enumerate(mesh.machines)}
        neighbours: list[list[tuple[int, int]]] = [[] for _ in machine]
        for i, (a, b) in enumerate(mesh.links):
            neighbours[machine[a]].append((machine[b], i))
            neighbours[machine[b]].append((machine[a], i))
        groups = [[machine[name] for name in dict.fromkeys(need.members)] for need in mesh.needs]
        thresholds = [need.k for need in mesh.needs]
        _, fewest = min((len(g) - k, i) for i, (g, k) in enumerate(zip(groups, thresholds, strict=True)))
        roots = groups[fewest][: len(groups[fewest]) - thresholds[fewest] + 1]

        def of(lists: Sequence[Sequence[str]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
            return _joined([[number[c] for c in dict.fromkeys(one) if c in number] for one in lists])

        return cls(
            causes=tuple(causes),
            down=np.array([mesh.down[c] for c in causes], float),
            machine_causes=of(list(mesh.machines.values())),
            near=_joined([[m for m, _ in one] for one in neighbours]),
            over=np.array([link for one in neighbours for _, link in one], np.int64),
            link_causes=of(list(mesh.links.values())),
            roots=np.array(roots, np.int64),
            order=np.array(_nearest_first(neighbours, roots[0]), np.int64),
            needs=np.array(thresholds, np.int64),
            members=_joined(groups),
        )


def _joined(lists: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    starts = np.concatenate([[0], np.cumsum([len(one) for one in lists])]).astype(np.int64)
    return np.array([x for one in lists for x in one], np.int64), starts


def _nearest_first(neighbours: list[list[tuple[int, int]]], root: int) -> list[int]:
    found, waiting = {root: None}, deque([root])
    while waiting:
        for m, _ in neighbours[waiting.popleft()]:
            if m not in found:
                found[m] = None
                waiting.append(m)
    return list(found) + [m for m in range(len(neighbours)) if m not in found]


@dataclass(frozen=True, eq=False)
class MeshTask:
    """Plain sampling of a mesh in chunks of worlds; `worlds` bounds them all together."""

    arrays: MeshArrays
    seed: int
    worlds: int | None = None

    def chunk(self, number: int) -> tuple[int, int]:
        """Gives how many worlds of chunk `number` fail, of how many."""
        from meshlab.availability.sampling.kernels.mesh import count

        a = self.arrays
        worlds = CHUNK if self.worlds is None else max(0, min(CHUNK, self.worlds - number * CHUNK))
        causes, machines = len(a.causes), a.machine_causes[1].size - 1
        failed = count(
            streams(self.seed, "worlds", number, a.causes)[None, :],
            scales(a.down)[None, :],
            np.zeros((1, causes), np.int64),
            np.zeros((_TILE, causes), np.uint64).T,
            *a.machine_causes,
            *a.near,
            a.over,
            *a.link_causes,
            a.roots,
            a.order,
            a.needs,
            *a.members,
            np.zeros(machines, np.uint64),
            np.zeros(machines, np.uint64),
            np.zeros(max(1, int(np.diff(a.members[1]).max()).bit_length()), np.uint64),
            worlds,
        )
        return failed, worlds


def sample_mesh(
    mesh: MeshModel,
    *,
    samples: int | None = None,
    half_width: HalfWidth | None = None,
    seed: int = 0,
    workers: int = 1,
    scheduler: str = "",
    progress: Progress | None = None,
) -> Sampled:
    """Gives the probability that no connected piece of the mesh holds what is needed; Wilson's 95 % interval.

    Stopping, workers and scheduler are those of `sampled.sample`.

    Examples
    --------
    >>> three = {"a": "here", "b": "here", "c": "there"}
    >>> needs = (Need(2, ("a", "b", "c")),)
    >>> mesh = MeshModel.full(three, machine_down=0.1, link_down=0.0, needs=needs)
    >>> sample_mesh(mesh, samples=1_000_000).unavailability  # two or three of three down: 0.028
    0.027785
    """
    checked(samples, half_width)
    how = Campaign(seed, workers, scheduler, progress)
    return counted(MeshTask(mesh.arrays, seed, samples), how, samples, half_width)
