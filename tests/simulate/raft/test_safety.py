"""What raft promises whatever the network and the processes do (raft paper, figure 3), drawn by hypothesis."""

from __future__ import annotations

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wild_network import WildNetwork

from meshlab.simulate.raft.messages import ChangeKind
from meshlab.simulate.raft.settings import Settings
from meshlab.simulate.raft.state import Role

RULES = st.builds(
    Settings,
    election=st.just(5),
    heartbeat=st.just(1),
    prevote=st.booleans(),
    check_quorum=st.booleans(),
    max_inflight=st.sampled_from([1, 256]),
    max_message=st.sampled_from([1, 2**64 - 1]),
    max_committed=st.sampled_from([40, 2**64 - 1]),
    step_down_on_removal=st.booleans(),
)
CASES = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def storm(network: WildNetwork, seed: int, deeds: int, *, changing: bool) -> None:
    """Does `deeds` things at random: mostly ticks and deliveries, at times a crash, a cut or a change."""
    rng = random.Random(seed)
    network.settle(1)
    idents = list(network.hosts)
    for _ in range(deeds):
        who, deed = rng.choice(idents), rng.random()
        if deed < 0.55:
            network.deliver(rng.randrange(10**6), keep=rng.random() < 0.1)
        elif deed < 0.85:
            network.tick(who)
        elif deed < 0.89:
            network.propose(who)
        elif deed < 0.90:
            network.transfer(who, rng.choice(idents))
        elif deed < 0.91:
            network.compact(who)
        elif deed < 0.93:
            network.crash(who)
        elif deed < 0.96:
            network.start(who)
        elif deed < 0.97 and network.flying:
            del network.flying[rng.randrange(len(network.flying))]
        elif deed < 0.98:
            network.cut.add((who, rng.choice(idents)))
        elif deed < 0.985:
            network.cut.clear()
        elif changing:
            how = rng.choice([ChangeKind.ADD, ChangeKind.ADD, ChangeKind.LEARNER, ChangeKind.REMOVE])
            network.change(who, rng.choice(idents), how, rng.random() < 0.3)
    network.check()


@CASES
@given(RULES, st.integers(1, 5), st.integers(0, 2**32))
def test_one_leader_a_term_logs_match_and_nothing_committed_is_lost(
    rules: Settings, members: int, seed: int
) -> None:
    storm(WildNetwork(members, rules, seed), seed, 900, changing=False)


@CASES
@given(RULES, st.integers(1, 4), st.integers(0, 2**32))
def test_the_same_while_members_come_and_go(rules: Settings, members: int, seed: int) -> None:
    storm(WildNetwork(members, rules, seed), seed, 900, changing=True)


@CASES
@given(RULES, st.integers(1, 5), st.integers(0, 2**32))
def test_after_any_storm_a_group_in_touch_elects_a_leader_and_commits(
    rules: Settings, members: int, seed: int
) -> None:
    network = WildNetwork(members, rules, seed)
    storm(network, seed, 500, changing=False)
    network.cut.clear()
    for ident in network.hosts:
        network.start(ident)
    before = max(network.committed, default=2)
    for _ in range(40):
        for ident in network.hosts:
            network.tick(ident)
        while network.flying:
            network.deliver(0)
        for ident, host in network.hosts.items():
            if host.node is not None and host.node.member.role is Role.LEADER:
                network.propose(ident)
    network.check()
    assert max(network.committed) > before
    ends = {host.applied for ident, host in network.hosts.items() if ident <= members}
    assert max(ends) - min(ends) <= 2
