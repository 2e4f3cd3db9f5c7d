"""A raft group's surroundings for tests: constant delays, changes written down by hand."""

from __future__ import annotations

from meshlab.simulate.raft.timed.world import World
from meshlab.simulate.tracks import Track


def calm(members: int = 3, delay: float = 1e-4, fsync: float = 1e-3) -> World:
    """Gives members m0, m1, … to which nothing happens."""
    names = tuple(f"m{i}" for i in range(members))
    return World(
        members=names,
        running={m: Track(True) for m in names},
        frozen={m: Track(False) for m in names},
        flows={(a, b): Track(True) for a in names for b in names if a != b},
        delay=lambda a, b, time: delay,
        fsync=lambda member: fsync,
    )


def kill(world: World, member: str, at: float, back: float | None = None) -> None:
    world.running[member].set(at, False, f"{member} was killed")
    if back is not None:
        world.running[member].set(back, True, f"{member} runs again")


def cut(world: World, a: str, b: str, at: float, heal: float | None = None, *, both: bool = True) -> None:
    for pair in ((a, b), (b, a)) if both else ((a, b),):
        world.flows[pair].set(at, False, "cut")
        if heal is not None:
            world.flows[pair].set(heal, True, "healed")
