"""What a raft group stands on: which members run, whose messages arrive, how long they and the disks take."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from meshlab.simulate.tracks import Track, moments


@dataclass
class World:
    """The members' surroundings over time, for one group in one replicate.

    ``running[m]`` is whether member m's process runs (and, for Vault, is unsealed), ``frozen[m]`` whether it
    is paused, ``flows[a, b]`` whether what a sends to b arrives, ``voting[m]`` whether it is a voter,
    ``leaving[m]`` the instants at which m is stopped cleanly, so that it hands its leadership over.
    ``delay(a, b, time)`` draws a one-way delay in seconds, ``fsync(m)`` a synchronous write.
    """

    members: tuple[str, ...]
    running: dict[str, Track[bool]]
    frozen: dict[str, Track[bool]]
    flows: dict[tuple[str, str], Track[bool]]
    delay: Callable[[str, str, float], float]
    fsync: Callable[[str], float]
    voting: dict[str, Track[bool]] = field(default_factory=dict)
    leaving: Mapping[str, Collection[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for member in self.members:
            self.voting.setdefault(member, Track(True))
        self._all_vote = all(track.constant and track.values[0] for track in self.voting.values())
        self._everyone = list(self.members)

    def times(self) -> list[float]:
        """Gives every instant at which something changes for the group."""
        return moments(self.running.values(), self.frozen.values(), self.flows.values(), self.voting.values())

    def voters(self, time: float) -> list[str]:
        if self._all_vote:
            return self._everyone
        return [member for member in self.members if self.voting[member].at(time)]

    def quorum(self, time: float) -> int:
        return len(self.voters(time)) // 2 + 1

    def acts(self, member: str, time: float) -> bool:
        return self.running[member].at(time) and not self.frozen[member].at(time)

    def arrives(self, a: str, b: str, time: float) -> bool:
        return a == b or self.flows[a, b].at(time)

    def touch(self, a: str, b: str, time: float) -> bool:
        """Whether two members act and hear each other."""
        return (
            self.acts(a, time)
            and self.acts(b, time)
            and self.arrives(a, b, time)
            and self.arrives(b, a, time)
        )

    def around(self, centre: str, time: float) -> list[str]:
        """Gives the voters that a member can work with as their leader, itself included."""
        if not self.acts(centre, time):
            return []
        return [voter for voter in self.voters(time) if voter == centre or self.touch(centre, voter, time)]

    def has_quorum(self, time: float) -> bool:
        """Whether some voter hears, and is heard by, a quorum: one could lead."""
        need = self.quorum(time)
        return any(len(self.around(voter, time)) >= need for voter in self.voters(time))


@dataclass(frozen=True)
class Reign:
    """A leader's time: elected at `elected`, able to serve from `serving`, over at `end`."""

    leader: str
    term: int
    elected: float
    serving: float
    end: float
    text: str = ""


@dataclass(frozen=True)
class Election:
    """Something a raft group's log would say: at what time, of whom, in which term."""

    time: float
    member: str
    term: int
    kind: str
    text: str


class Agenda:
    """Events in time order; those of equal time in the order in which they were added."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[float], None]]] = []
        self._count = 0

    def add(self, time: float, action: Callable[[float], None]) -> None:
        self._count += 1
        heapq.heappush(self._heap, (time, self._count, action))

    def run(self, until: float, after: Callable[[float], None]) -> None:
        """Does everything up to `until`; `after` is called after each action."""
        while self._heap and self._heap[0][0] < until:
            time, _, action = heapq.heappop(self._heap)
            action(time)
            after(time)
