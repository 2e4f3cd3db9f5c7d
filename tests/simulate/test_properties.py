"""What holds for any scenario and any topology: no gaps, no overlaps, causes, determinism, monotony in time."""

from __future__ import annotations

import itertools
from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshlab.model import InputError, Timeline, Topology
from meshlab.model.components import Discovery, Orchestrator, Overlay
from meshlab.model.spec import reference
from meshlab.simulate import Fault, Scenario, simulate

HORIZON = 4000.0
MACHINES = ("master-1", "master-2", "master-3", "worker-1", "worker-2")
FAILING = (*MACHINES, "us-east-1a", "us-east-1", "dc-1", "us-east-1--dc-1", "us-east-1a--us-east-1b", "kubespan",
           "discovery", "omni", "etcd", "vault", "vault-server", "solana", "kubernetes-api", "workers")  # fmt: skip
PLACES = ("us-east-1", "dc-1", "us-east-1a", "us-east-1b", "master-1", "worker-1")


@cache
def topologies() -> tuple[Topology, ...]:
    whole = reference()
    bare = Topology("bare", tuple(c for c in whole if not isinstance(c, (Overlay, Discovery, Orchestrator))))
    return whole, whole.without("master-3"), whole.without("us-east-1a"), whole.without("dc-1"), bare


times = st.floats(0, HORIZON - 1).map(lambda t: round(t, 1))
spans = st.one_of(st.just(float("inf")), st.floats(0.1, 3000).map(lambda t: round(t, 1)))
faults = st.one_of(
    st.builds(Fault.fail, st.sampled_from(FAILING), times, spans),
    st.builds(Fault.restart, st.sampled_from(MACHINES), times),
    st.builds(Fault.pause, st.sampled_from(MACHINES), times, spans),
    st.builds(Fault.lose_disk, st.sampled_from(MACHINES), times, spans),
    st.builds(
        lambda a, b, at, lasts, way: Fault.partition((a,), (b,), at=at, lasts=lasts, direction=way),
        st.sampled_from(PLACES), st.sampled_from(PLACES), times, spans, st.sampled_from(["both", "forward"]),
    ),
    st.builds(
        Fault.degrade, st.sampled_from(PLACES), st.sampled_from(PLACES), times, st.floats(0, 2), st.floats(0, 1), spans
    ),
)  # fmt: skip


def whole(timeline: Timeline) -> None:
    for component in timeline.components:
        intervals = timeline.of(component)
        assert intervals[0].start == 0.0 and intervals[-1].end == HORIZON
        for before, after in itertools.pairwise(intervals):
            assert before.end == after.start, component
            assert before.state is not after.state
            assert after.cause, f"{component} at {after.start}"


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(faults, max_size=5), st.integers(0, 4), st.integers(0, 3))
def test_any_sound_scenario_gives_whole_timelines_and_the_same_ones_again(
    chosen: list[Fault], which: int, seed: int
) -> None:
    topology = topologies()[which]
    scenario = Scenario("any", HORIZON, tuple(chosen))
    try:
        found = simulate(topology, scenario, replicates=2, seed=seed)
    except InputError:
        return  # contradictory, or names what this topology does not have
    for timeline in found.timelines:
        whole(timeline)
    assert simulate(topology, scenario, replicates=2, seed=seed).timelines == found.timelines


@settings(max_examples=80, deadline=None)
@given(st.lists(faults, min_size=1, max_size=3), st.integers(0, 3))
def test_what_has_not_happened_yet_changes_nothing(chosen: list[Fault], seed: int) -> None:
    """Causality: the history before the last fault is the history without it."""
    topology = topologies()[0]
    last = max(chosen, key=lambda f: f.at)
    others = tuple(f for f in chosen if f is not last)
    try:
        with_it = simulate(topology, Scenario("any", HORIZON, (*others, last)), replicates=1, seed=seed)
        without = simulate(topology, Scenario("any", HORIZON, others), replicates=1, seed=seed)
    except InputError:
        return
    a, b = with_it.timelines[0], without.timelines[0]
    for service in b.components:
        assert abs(a.downtime(service, 0.0, last.at) - b.downtime(service, 0.0, last.at)) < 1e-6, service
