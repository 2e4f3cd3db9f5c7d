"""Causes are found by simulation: on simulated incidents of known cause, with seeds that `explain` never uses."""

from __future__ import annotations

import math
import time

import pytest
from watching import master_1_dies

from meshlab.incident.explain.candidates import NOTHING, candidates
from meshlab.incident.explain.evaluate import evaluate, incident_of
from meshlab.incident.explain.explain import explain
from meshlab.incident.explain.likeness import STATES, cost, encode
from meshlab.incident.explain.replay import replay
from meshlab.incident.observe.observed import observed
from meshlab.model import Interval, State, Timeline
from meshlab.parameters import Parameters


@pytest.fixture(scope="module")
def memory():
    return {}


@pytest.fixture(scope="module")
def night(cluster):
    return observed(master_1_dies(at=20.0, end=60.0), cluster)


@pytest.fixture(scope="module")
def explanation(cluster, night):
    return explain(cluster, night, parameters=Parameters.embedded())


def by_name(cluster, *names):
    known = {c.name: c for c in candidates(cluster)}
    return [known[name] for name in names]


def test_the_reference_cluster_has_well_over_ten_candidates_with_sources(cluster):
    known = candidates(cluster)
    assert len(known) > 30
    assert len({c.name for c in known}) == len(known)
    assert all(c.rate > 0 and c.source for c in known if c.fault is not None)
    kinds = {c.fault.kind for c in known if c.fault is not None}
    assert kinds == {"fail", "restart", "pause", "partition", "degrade", "lose-disk"}


def test_the_machine_that_died_is_named_with_the_time_of_its_death(explanation):
    best = explanation.best
    assert best.name == "master-1 lost"
    assert best.components == ("master-1",)
    assert best.probability > 0.9
    assert best.fault.at == pytest.approx(20.0, abs=0.6)
    assert math.isinf(best.fault.lasts)


def test_the_zone_of_one_machine_cannot_be_told_from_the_machine_and_this_is_said(explanation):
    assert "us-east-1a lost" in explanation.cannot_tell
    assert explanation.best.name in explanation.cannot_tell


def test_a_restart_that_would_be_over_is_told_from_a_loss(explanation):
    assert "master-1 restarted" not in explanation.cannot_tell
    restarted = next(c for c in explanation.causes if "master-1 restarted" in (c.name, *c.alike))
    assert any("master-1 unreachable" in text for text in restarted.why.misses)


def test_the_reasons_name_what_was_seen(explanation):
    why = explanation.best.why
    assert any(text.startswith("master-1 unreachable") for text in why.explains)
    assert any(text.startswith("vault no-leader") for text in why.explains)
    assert not why.misses


def test_probabilities_add_up_to_one(explanation):
    assert sum(c.probability for c in explanation.causes) == pytest.approx(1.0)
    named = [name for c in explanation.causes for name in (c.name, *c.alike)]
    assert len(named) == len(set(named)) == explanation.candidates


def test_the_same_seed_gives_the_same_explanation_in_less_than_twenty_seconds(cluster, night, explanation):
    started = time.process_time()
    again = explain(cluster, night, parameters=Parameters.embedded())
    assert time.process_time() - started < 20.0
    assert again.to_dict() | {"seconds": 0} == explanation.to_dict() | {"seconds": 0}


def test_a_quiet_watch_needs_no_cause(cluster):
    quiet = Timeline(
        "observed", 60.0, (Interval("etcd", State.UP, 0, 60.0), Interval("master-1", State.UP, 0, 60.0))
    )
    found = explain(cluster, quiet)
    assert found.best.name == NOTHING.name
    assert found.first_deviation is None


@pytest.mark.parametrize(
    ("truth", "also"),
    [
        ("master-2 lost", ()),
        ("dc-1 lost", ()),
        ("worker-3 hangs", ("worker-3 lost",)),
        ("solana's process lost", ("data disk of worker-1 lost",)),
    ],
)
def test_simulated_incidents_are_traced_to_their_cause(cluster, memory, truth, also):
    (cause,) = by_name(cluster, truth)
    seen = incident_of(cluster, cause, seed=3)
    best = explain(cluster, seen, memory=memory).best
    assert {truth, *also} & {best.name, *best.alike}


def test_unanswered_questions_alone_are_no_fault(cluster):
    """Three quiet watches in which 1 % of the questions go unanswered; measured elsewhere: no alarm in 40.

    If one watch in fifty did end in an alarm, this would fail for one choice of seeds in seventeen; the seeds are
    fixed, so it fails only when the code changes for the worse.
    """
    found = evaluate(cluster, seeds=(), quiet_seeds=range(100, 103))
    assert (found.quiet, found.alarms) == (3, 0)


def test_what_a_silent_machine_looks_like_is_the_same_for_power_lost_and_booting():
    assert cost(State.DOWN, State.UNREACHABLE, "machine") == 0
    assert cost(State.BOOTING, State.UNREACHABLE, "machine") == 0
    assert cost(State.UP, State.UNREACHABLE, "machine") == 1
    assert all(
        0 <= cost(a, b, kind) <= 1 for a in State for b in State for kind in ("machine", "etcd", "mesh")
    )


def test_encoding_takes_the_state_in_the_middle_of_each_bin():
    timeline = Timeline(
        "observed", 3.0, (Interval("etcd", State.UP, 0, 1.2), Interval("etcd", State.DOWN, 1.2, 3.0))
    )
    codes = encode(timeline, ("etcd",), 0.0, 0.5, 6)[0]
    assert [STATES[c] for c in codes] == [State.UP] * 2 + [State.DOWN] * 4


def test_a_replay_starts_with_the_leaders_that_were_seen_and_judges_each_service(cluster, night, explanation):
    again = replay(cluster, night, explanation.best, replicates=60, parameters=Parameters.embedded())
    assert again.scenario.initial == {"etcd": "master-1", "vault": "master-1"}
    assert again.scenario.horizon == night.horizon
    table = {o.service: o for o in again.outages}
    assert table["etcd"].inside and table["solana"].inside
    assert table["mesh"].observed is None and table["mesh"].inside is None
    assert again.predicted.state_at("master-1", 40.0) is State.DOWN
