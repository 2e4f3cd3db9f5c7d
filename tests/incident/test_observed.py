"""From answers to states: what an observer may conclude, and what it may not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from watching import SILENT, UP, Answer, asked, master_1_dies, member, written

from meshlab.incident.observe.observed import initial_leaders, observed
from meshlab.incident.observe.samples import Sample
from meshlab.model import Interval, State, Topology
from meshlab.parameters.calibration.timeline_file import parse_history


def states(timeline, component):
    return [str(i.state) for i in timeline.of(component)]


def test_a_silent_machine_is_unreachable_from_midway_between_the_last_answer_and_the_first_silence(cluster):
    seen = observed(master_1_dies(at=10.0), cluster)
    up, gone = seen.of("master-1")
    assert gone.state is State.UNREACHABLE
    assert abs(gone.start - 10.0) <= gone.uncertainty + 1e-9
    assert gone.uncertainty <= 0.26
    assert up.start == 0.0 and gone.end == 30.0


def test_a_leader_lost_shows_as_no_leader_until_the_next_one_answers(cluster):
    seen = observed(master_1_dies(at=10.0, election=1.5), cluster)
    assert states(seen, "etcd") == ["up", "degraded", "no-leader", "degraded"] or states(seen, "etcd") == [
        "up",
        "no-leader",
        "degraded",
    ]
    gap = next(i for i in seen.of("etcd") if i.state is State.NO_LEADER)
    assert 0.9 <= gap.length <= 2.1


@pytest.mark.parametrize("at", [10.0, 10.04, 10.1, 10.2, 10.3, 10.4, 10.5, 10.59])
def test_a_group_without_a_leader_is_dated_within_the_uncertainty_that_is_stated(cluster, at):
    """A rise of the raft index tells of the time since the last answer, not of the moment it was told."""
    seen = observed(master_1_dies(at=at, election=0.9), cluster)
    first, gap, *_ = seen.of("etcd")
    assert (first.state, gap.state) == (State.UP, State.NO_LEADER)
    after = next(i for i in seen.of("etcd") if i.start == gap.end)
    assert abs(gap.start - at) <= gap.uncertainty + 0.011  # the last answer took 10 ms
    assert abs(after.start - at - 0.9) <= after.uncertainty + 0.011


def late(timeline) -> list[Interval]:
    return [i for i in timeline.of("kubernetes-api") if i.state is State.DEGRADED]


def test_a_write_that_outlasts_the_next_question_was_late_though_shorter_than_a_second(cluster):
    (one,) = late(observed(master_1_dies(at=10.0, election=0.9), cluster))
    assert one.length == pytest.approx(0.9, abs=0.6)


def test_the_first_leaders_and_the_election_are_events(cluster):
    seen = observed(master_1_dies(), cluster)
    assert initial_leaders(seen) == {"etcd": "master-1", "vault": "master-1"}
    elections = [e for e in seen.events if e.kind == "election"]
    assert [e.text for e in elections if e.component == "etcd"] == ["master-2 leads in term 3"]
    assert [e.text for e in elections if e.component == "vault"] == ["master-3 is active"]


def test_a_write_that_was_answered_late_is_no_outage(cluster):
    seen = observed(master_1_dies(at=10.0, election=1.5), cluster)
    assert seen.downtime("kubernetes-api") == 0
    (one,) = late(seen)
    assert one.length == pytest.approx(1.5, abs=0.6)
    assert "a write waited" in one.cause


def test_a_write_that_fails_is_an_outage(cluster):
    def write(t: float) -> Answer:
        return ("refused", {"code": 500}, 0.02) if 10 <= t < 13 else ("answered", {}, 0.02)

    seen = observed(written(asked("kubernetes-api", "kubernetes-api", 30, write), end=30.0), cluster)
    assert seen.downtime("kubernetes-api") == pytest.approx(3.0, abs=0.6)


def test_what_the_observing_machine_was_late_itself_is_not_held_against_the_cluster(cluster):
    def write(t: float) -> Answer:
        return ("answered", {}, 0.7 if 10 <= t < 10.5 else 0.02)

    writes = asked("kubernetes-api", "kubernetes-api", 30, write)
    assert late(observed(written(writes, end=30.0), cluster))
    own = [Sample("observer", "observer", 10.1, 10.5, "answered", {"late_s": 0.4, "load": 9.5, "cores": 2})]
    seen = observed(written(writes, own, end=30.0), cluster)
    assert not late(seen)
    (note,) = [note for note in seen.notes if "busy" in note]
    assert "a load of 9.5 on 2 processors, and it was up to 0.4 s late itself" in note


def test_no_interval_ends_after_the_watch(cluster):
    """An answer that came after the end made an interval that `calibrate` refused."""
    last = [Sample("machine", "master-1", 14.5, 15.2, "answered", {"stage": "running", "ready": True})]
    seen = observed(written(last, end=15.0), cluster)
    assert all(i.end <= seen.horizon for i in seen.intervals)


def test_every_bad_interval_names_the_lines_that_show_it(cluster):
    samples = master_1_dies()
    lines = {s.line: s for s in samples.items}
    for interval in observed(samples, cluster).intervals:
        if interval.state is not State.UP:
            assert interval.evidence, interval
            for place in interval.evidence:
                source, line = place.split(":")
                assert source == "samples.jsonl"
                assert lines[int(line)].sent <= interval.end + 0.5


def test_vault_without_an_active_pod_has_no_leader(cluster):
    seen = observed(master_1_dies(at=10.0), cluster)
    assert states(seen, "vault") == ["up", "no-leader", "degraded"]


def test_vault_behind_an_api_that_is_away_is_not_known_rather_than_down(cluster):
    away: Answer = ("no-path", {}, 0.01)
    fine: Answer = ("answered", {"initialized": True, "sealed": False, "standby": False}, 0.01)
    standby: Answer = ("answered", {"initialized": True, "sealed": False, "standby": True}, 0.01)
    runs = [
        asked("vault", name, 20.0, lambda t, a=a: away if 8 <= t < 14 else a)
        for name, a in (("master-1", fine), ("master-2", standby), ("master-3", standby))
    ]
    seen = observed(written(*runs, end=20.0), cluster)
    assert states(seen, "vault") == ["up", "up"]
    assert seen.state_at("vault", 11.0) is None
    assert seen.downtime("vault") == 0.0


def test_two_members_silent_and_the_third_without_leader_is_no_quorum(cluster):
    def says(name):
        if name != "master-3":
            return lambda t: SILENT if t >= 5 else member(name, "id-master-1", 2, int(t * 10))
        return lambda t: member(name, "id-master-1" if t < 6.5 else "0", 2, int(min(t, 5) * 10))

    runs = [asked("etcd", name, 20.0, says(name)) for name in ("master-1", "master-2", "master-3")]
    seen = observed(written(*runs, end=20.0), cluster)
    assert seen.state_at("etcd", 12.0) is State.NO_QUORUM
    assert seen.state_at("etcd", 3.0) is State.UP


def test_a_leader_silent_to_us_alone_still_leads_when_its_followers_still_commit(cluster):
    def says(name):
        if name == "master-1":
            return lambda t: SILENT if t >= 5 else member(name, "id-master-1", 2, int(t * 10))
        return lambda t: member(name, "id-master-1", 2, int(t * 10))

    runs = [asked("etcd", name, 20.0, says(name)) for name in ("master-1", "master-2", "master-3")]
    seen = observed(written(*runs, end=20.0), cluster)
    assert states(seen, "etcd") == ["up", "degraded"]


def test_a_boot_between_two_answers_is_an_event_although_no_question_failed(cluster):
    def says(t: float) -> Answer:
        return UP if t < 5 else ("answered", {"stage": "running", "ready": True, "boot_id": "b2"}, 0.01)

    seen = observed(written(asked("machine", "master-2", 10.0, says), end=10.0), cluster)
    assert [e.text for e in seen.events] == ["master-2 has booted anew"]
    assert states(seen, "master-2") == ["up"]


def test_a_tunnel_to_a_dead_machine_does_not_degrade_the_mesh_but_one_between_living_ones_does(
    cluster: Topology,
):
    def sees(name: str, down: dict[str, float]):
        peers = [m.name for m in cluster.machines if m.name != name]
        return lambda t: (
            "answered",
            {"peers": {p: "down" if p in down and t >= down[p] else "up" for p in peers}},
            0.01,
        )

    end = 20.0
    runs = [
        asked("machine", m.name, end, lambda t, n=m.name: SILENT if n == "master-1" and t >= 5 else UP)
        for m in cluster.machines
    ]
    dead = [
        *runs,
        *(asked("mesh", m.name, end, sees(m.name, {"master-1": 8.0})) for m in cluster.machines[1:]),
    ]
    assert states(observed(written(*dead, end=end), cluster), "mesh") == ["up"]
    broken = [*runs, asked("mesh", "worker-1", end, sees("worker-1", {"worker-2": 8.0}))]
    assert states(observed(written(*broken, end=end), cluster), "mesh") == ["up", "degraded"]


def test_a_cut_between_two_sites_brings_the_mesh_down(cluster: Topology):
    def sees(name: str):
        ours = cluster.machine(name).site
        return lambda t: (
            "answered",
            {
                "peers": {
                    m.name: "down" if t >= 8 and m.site != ours else "up"
                    for m in cluster.machines
                    if m.name != name
                }
            },
            0.01,
        )

    runs = [asked("machine", m.name, 20.0, lambda _: UP) for m in cluster.machines]
    runs += [asked("mesh", m.name, 20.0, sees(m.name)) for m in cluster.machines]
    assert states(observed(written(*runs, end=20.0), cluster), "mesh") == ["up", "down"]


def test_nobody_looking_for_a_while_is_a_gap_not_a_state(cluster):
    run = [s for s in asked("machine", "worker-1", 60.0, lambda _: UP) if not 20 < s.sent < 40]
    seen = observed(written(run, end=60.0), cluster)
    assert states(seen, "worker-1") == ["up", "up"]
    assert seen.state_at("worker-1", 30.0) is None


def test_vault_whose_pods_do_not_exist_is_down_and_one_that_is_only_silent_is_unreachable(cluster):
    for outcome, state in (("refused", State.DOWN), ("silent", State.UNREACHABLE)):
        answer: Answer = (outcome, {}, 0.1)
        runs = [
            asked("vault", name, 10.0, lambda _, a=answer: a) for name in ("master-1", "master-2", "master-3")
        ]
        assert observed(written(*runs, end=10.0), cluster).state_at("vault", 5.0) is state


def test_answers_that_come_when_the_watch_is_over_do_not_make_it_longer(cluster):
    """What `observe` writes is read by `calibrate`, which refuses states outside of the watched time."""
    samples = master_1_dies(at=10.0)
    seen = observed(replace(samples, ended=samples.items[-1].got - 0.3), cluster)
    assert seen.intervals
    assert all(0 <= i.start < i.end <= seen.horizon for i in seen.intervals)
    assert all(event.time <= seen.horizon for event in seen.events)
    assert parse_history(seen.to_json(), "timeline.json").timeline == seen
