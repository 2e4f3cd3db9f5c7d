"""The group in time: what only shows with clocks, disks and links (etcd-io/raft and etcd's server around it)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from meshlab.simulate.raft.messages import Entry, Kind, Message
from meshlab.simulate.raft.settings import Settings
from meshlab.simulate.raft.timed.timed import TimedGroup
from meshlab.simulate.raft.timed.world import World
from meshlab.simulate.tracks import Track

RULES = Settings(election=10, prevote=True, check_quorum=True, max_inflight=512, step_down_on_removal=True)


def world_of(members: int = 3, delay: float = 1e-3, fsync: float = 2e-3) -> World:
    names = tuple(f"m{i}" for i in range(members))
    return World(
        members=names,
        running={m: Track(True) for m in names},
        frozen={m: Track(False) for m in names},
        flows={(a, b): Track(True) for a in names for b in names if a != b},
        delay=lambda a, b, time: delay,
        fsync=lambda member: fsync,
    )


def group_of(world: World, seed: int = 1, **more: object) -> TimedGroup:
    return TimedGroup(world, RULES, 0.1, np.random.default_rng(seed), leader="m0", **more)  # type: ignore[arg-type]


def down(world: World, member: str, start: float, end: float = math.inf) -> None:
    world.running[member].set(start, False, "killed")
    if end < math.inf:
        world.running[member].set(end, True, "back")


def propose_at(group: TimedGroup, member: str, time: float, done: list[float]) -> None:
    """Proposes one entry at a leader and notes when the leader has applied it."""
    host = group.members[member]

    def propose(now: float) -> None:
        group.step(host, Message(Kind.PROP, sender=host.ident, entries=(Entry(0, 0, b"x"),)), now)
        index = host.member.log.last_index

        def look(later: float) -> None:
            if host.applied >= index:
                done.append(later - now)
            else:
                group.agenda.add(later + 1e-4, look)

        look(now)

    group.agenda.add(time, propose)


def test_a_commit_takes_a_round_trip_and_one_write_of_leader_and_follower_side_by_side() -> None:
    """The leader sends while it writes: max(own write, round trip + follower's write), parameters.md A."""
    done: list[float] = []
    group = group_of(world_of(delay=1e-3, fsync=2e-3))
    propose_at(group, "m0", 5.0, done)
    group.run(6.0)
    assert done == [pytest.approx(0.004, abs=2e-4)]


def test_what_comes_while_the_disk_writes_goes_into_one_next_batch() -> None:
    """Ten entries proposed during one write need two writes, not ten."""
    done: list[float] = []
    group = group_of(world_of(delay=1e-3, fsync=10e-3))
    for place in range(10):
        propose_at(group, "m0", 5.0 + 1e-3 * place / 2, done)
    group.run(6.0)
    assert len(done) == 10
    assert max(done) < 0.035


def test_a_member_that_is_promoted_votes_once_the_change_is_committed() -> None:
    world = world_of()
    world.voting["m2"] = Track(False, "just joined")
    world.voting["m2"].set(10.0, True, "promoted")
    world = World(
        world.members, world.running, world.frozen, world.flows, world.delay, world.fsync, world.voting
    )
    down(world, "m1", 12.0)
    group = group_of(world)
    assert group.members["m0"].member.configuration.voters.incoming == {1, 2}
    reigns, _ = group.run(20.0)
    assert [host.member.configuration.voters.incoming for host in group.hosts.values()] == [{1, 2, 3}] * 3
    assert [reign.leader for reign in reigns] == ["m0"] and math.isinf(reigns[0].end)


def test_a_learner_never_stands_however_long_it_hears_nobody() -> None:
    world = world_of()
    for member in ("m1", "m2"):
        world.voting[member] = Track(False, "just joined")
    world = World(
        world.members, world.running, world.frozen, world.flows, world.delay, world.fsync, world.voting
    )
    down(world, "m0", 5.0)
    reigns, log = group_of(world).run(10_000.0)
    assert len(reigns) == 1 and not [e for e in log if e.kind == "candidate"]


def laggard(kept: float) -> tuple[TimedGroup, list[str]]:
    """m2 is away for 1000 s in which others come and go, so that a log is written; it comes back at 1100 s."""
    world = world_of()
    down(world, "m2", 100.0, 1100.0)
    for start in range(200, 1000, 100):
        world.flows["m1", "m0"].set(float(start), False, "cut")
        world.flows["m1", "m0"].set(start + 0.05, True, "healed")
    group = group_of(world, kept=kept, transfer=5.0)
    seen: list[str] = []
    deliver = group.send

    def send(sender: object, message: Message, now: float) -> None:
        seen.append(message.kind.name)
        deliver(sender, message, now)  # type: ignore[arg-type]

    group.send = send  # type: ignore[method-assign]
    group.run(1200.0)
    return group, seen


@pytest.mark.parametrize(("kept", "snapshot"), [(math.inf, False), (150.0, True)])
def test_who_was_away_longer_than_entries_are_kept_needs_a_snapshot(kept: float, snapshot: bool) -> None:
    group, seen = laggard(kept)
    assert ("SNAP" in seen) is snapshot
    ends = {host.member.log.last_index for host in group.hosts.values()}
    assert len(ends) == 1
    assert {host.applied for host in group.hosts.values()} == ends


def test_messages_of_one_direction_keep_their_order() -> None:
    """TCP: however much delays scatter, nothing overtakes."""
    rng = np.random.default_rng(3)
    world = world_of()
    world.delay = lambda a, b, time: float(rng.exponential(0.02))
    group = group_of(world)
    arrived: list[tuple[int, int, float]] = []
    done: list[float] = []
    for place in range(50):
        propose_at(group, "m0", 5.0 + 1e-3 * place, done)
    step = group.step

    def watched(host: object, message: Message, now: float) -> None:
        if message.kind is Kind.APP and message.to == 2 and message.entries:
            arrived.append((message.entries[0].index, message.to, now))
        step(host, message, now)  # type: ignore[arg-type]

    group.step = watched  # type: ignore[method-assign]
    group.run(8.0)
    assert len(done) == 50
    assert [index for index, _, _ in arrived] == sorted(index for index, _, _ in arrived)


def test_a_paused_member_finds_what_was_sent_to_it_when_it_goes_on() -> None:
    """SIGSTOP: the kernel keeps taking in; on SIGCONT a leader of an old term learns at once of the new one."""
    world = world_of()
    world.frozen["m0"].set(10.0, True, "paused")
    world.frozen["m0"].set(20.0, False, "resumed")
    reigns, _ = group_of(world).run(30.0)
    assert reigns[0].leader == "m0" or reigns[1].leader == "m0"
    assert next(reign.end for reign in reigns if reign.leader == "m0") == pytest.approx(20.0, abs=1e-6)


def test_a_follower_that_answers_late_still_counts_within_its_window() -> None:
    """A round trip longer than a tick, shorter than an election time-out: nobody steps down."""
    world = world_of(delay=0.2)
    for start in range(10, 50, 10):
        world.flows["m0", "m1"].set(float(start), False, "cut")
        world.flows["m0", "m1"].set(start + 0.3, True, "healed")
    reigns, _ = group_of(world).run(60.0)
    assert len(reigns) == 1


def test_a_flapping_link_does_not_end_a_reign_but_a_lasting_cut_of_both_does() -> None:
    world = world_of()
    for other in ("m1", "m2"):
        world.flows[other, "m0"].set(10.0, False, "cut")
    reigns, log = group_of(world).run(20.0)
    assert 10.9 < reigns[0].end < 12.1
    assert any(e.kind == "step-down" and e.member == "m0" for e in log)


def test_the_same_seed_gives_the_same_story() -> None:
    def story() -> object:
        world = world_of(5)
        down(world, "m0", 10.0, 40.0)
        down(world, "m1", 30.0)
        return group_of(world, 7, fast_forward=8).run(60.0)

    assert story() == story()
