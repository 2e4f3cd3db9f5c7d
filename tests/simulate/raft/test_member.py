"""What the published traces do not ask of a member: reads, time-outs by ticks, proposals, settings."""

from __future__ import annotations

import random

import pytest
from wild_network import WildNetwork

from meshlab.simulate.raft.log import Log
from meshlab.simulate.raft.member import Member
from meshlab.simulate.raft.messages import Entry, Kind, Membership, Message, Snapshot
from meshlab.simulate.raft.reads import ReadRule, ReadState
from meshlab.simulate.raft.settings import Settings
from meshlab.simulate.raft.state import ProposalDropped, Role
from meshlab.simulate.raft.storage import Storage


def group(members: int = 3, **settings: object) -> WildNetwork:
    """Gives a group led by member 1, everything delivered."""
    network = WildNetwork(members, Settings(election=5, **settings), 1)  # type: ignore[arg-type]
    network.settle(1)
    return network


def member_of(network: WildNetwork, ident: int) -> Member:
    node = network.hosts[ident].node
    assert node is not None
    return node.member


def read(asker: Member, request: bytes = b"r") -> None:
    asker.step(Message(Kind.READ_INDEX, entries=(Entry(0, 0, request),)))


def test_a_read_at_the_leader_waits_for_a_round_of_heartbeats() -> None:
    """ReadIndex (raft thesis 6.4): the commit index at the time it was asked, after a quorum has answered."""
    network = group()
    leader = member_of(network, 1)
    read(leader)
    assert leader.read_states == []
    assert [m.context for m in leader.outbox if m.kind is Kind.HEARTBEAT] == [1, 1]
    leader.step(Message(Kind.HEARTBEAT_RESP, sender=2, term=leader.term, context=1))
    assert leader.read_states == [ReadState(leader.log.committed, b"r")]


def test_a_read_at_a_follower_goes_through_its_leader() -> None:
    network = group()
    follower = member_of(network, 2)
    read(follower, b"abc")
    network.work(2)
    while network.flying:
        network.deliver(0)
    assert network.reads[2] == [ReadState(member_of(network, 1).log.committed, b"abc")]


def test_a_read_by_lease_is_answered_at_once() -> None:
    network = group(reads=ReadRule.LEASE, check_quorum=True)
    leader = member_of(network, 1)
    read(leader)
    assert leader.read_states == [ReadState(leader.log.committed, b"r")]


def test_a_single_voter_answers_a_read_at_once() -> None:
    leader = member_of(group(1), 1)
    read(leader)
    assert [state.request for state in leader.read_states] == [b"r"]


def test_a_new_leader_answers_no_read_before_it_has_committed_in_its_term() -> None:
    network = group()
    second = member_of(network, 2)
    second.step(Message(Kind.HUP))
    network.work(2)
    while second.role is not Role.LEADER:
        network.deliver(0)
    read(second)
    assert second.read_states == [] and len(second.early_reads) == 1
    while network.flying:
        network.deliver(0)
    assert second.early_reads == []


def test_a_follower_stands_on_the_tick_that_completes_its_time_out() -> None:
    for timeout in (5, 9):
        follower = member_of(group(prevote=True), 2)
        follower.timeout = timeout
        for _ in range(timeout - 1):
            follower.tick()
        assert follower.role is Role.FOLLOWER
        follower.tick()
        assert follower.role is Role.PRE_CANDIDATE


def test_a_hand_over_that_does_not_come_about_is_given_up_after_an_election_time_out() -> None:
    leader = member_of(group(), 1)
    leader.step(Message(Kind.TRANSFER_LEADER, sender=3))
    with pytest.raises(ProposalDropped):
        leader.step(Message(Kind.PROP, entries=(Entry(0, 0, b"x"),)))
    for _ in range(5):
        leader.tick()
    leader.step(Message(Kind.PROP, entries=(Entry(0, 0, b"x"),)))
    assert leader.log.last_index == 4


def test_proposals_beyond_the_limit_of_uncommitted_bytes_are_dropped() -> None:
    leader = member_of(group(max_uncommitted=10), 1)
    leader.step(Message(Kind.PROP, entries=(Entry(0, 0, b"0123456789"),)))
    with pytest.raises(ProposalDropped):
        leader.step(Message(Kind.PROP, entries=(Entry(0, 0, b"x"),)))


def test_a_follower_without_a_leader_drops_proposals() -> None:
    follower = Member(1, Settings(), _booted(), lambda: 10)
    with pytest.raises(ProposalDropped):
        follower.step(Message(Kind.PROP, entries=(Entry(0, 0, b"x"),)))


def _booted() -> Storage:
    storage = Storage()
    storage.apply_snapshot(Snapshot(2, 1, Membership((1, 2, 3))))
    return storage


@pytest.mark.parametrize(
    "settings",
    [
        {"election": 1, "heartbeat": 1},
        {"heartbeat": 0},
        {"max_inflight": 0},
        {"reads": ReadRule.LEASE},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Settings(**settings)  # type: ignore[arg-type]


def test_a_log_in_two_parts_reads_like_one_list() -> None:
    """Stable and unstable part together, whatever was written, replaced and compacted; against a plain list."""
    rng = random.Random(5)
    for _ in range(200):
        storage = Storage()
        log, plain = Log(storage), [Entry(0, 0)]
        for _ in range(20):
            deed = rng.random()
            if deed < 0.5:
                start = rng.randint(max(log.committed, len(plain) - 3), len(plain) - 1) + 1
                term = plain[start - 1].term + rng.randrange(2)
                new = tuple(Entry(term, start + place) for place in range(rng.randint(1, 3)))
                log.append(new)
                plain[start:] = new
            elif deed < 0.7:
                entries = log.unstable.next_entries()
                log.unstable.accept()
                storage.append(entries)
                log.unstable.stable_to(*log.last())
            elif deed < 0.8:
                log.commit_to(rng.randint(log.committed, log.last_index))
            elif storage.first_index < min(log.committed, storage.last_index):
                storage.compact(rng.randint(storage.first_index, min(log.committed, storage.last_index)))
            assert log.last_index == len(plain) - 1
            low = rng.randint(log.first_index, len(plain))
            high = rng.randint(low, len(plain))
            assert list(log.slice(low, high)) == plain[low:high]
            assert [log.term(i) for i in range(log.first_index, len(plain))] == [
                entry.term for entry in plain[log.first_index :]
            ]
