"""Logs and events as rows: when they happened, as far as that is known, and who says so."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshlab.incident.evidence.clocks import Before, Contradiction, offsets, raft_order
from meshlab.incident.evidence.readers.etcd_log import etcd_rows
from meshlab.incident.evidence.readers.journal import journal_rows
from meshlab.incident.evidence.readers.kubernetes_events import kubernetes_rows
from meshlab.incident.evidence.readers.talos_events import talos_rows, xid_seconds
from meshlab.incident.evidence.rows import Row, before, events, ordered, read_rows, stamp, write_rows

MEMBERS = {"8e9e05c52164694d": "master-1", "00ab": "master-2"}


def line(msg: str, ts: str = "2026-11-23T19:00:00.250Z", **more: object) -> str:
    return json.dumps({"level": "info", "ts": ts, "logger": "raft", "msg": msg, **more})


@pytest.mark.parametrize(
    ("text", "second", "resolution"),
    [
        ("2026-11-23T19:00:00.250Z", 1795460400.25, 1e-3),
        ("2026-11-23T19:00:00Z", 1795460400.0, 1.0),
        ("2026-11-23T20:00:00.5+01:00", 1795460400.5, 0.1),
        ("2026-11-23T19:00:00.123456789Z", 1795460400.123456789, 1e-9),
    ],
)
def test_stamps_are_read_with_their_resolution(text, second, resolution):
    moment, known = stamp(text)
    assert moment == pytest.approx(second, abs=1e-6)
    assert known == pytest.approx(resolution)


def test_etcds_own_words_become_an_election_with_its_term_and_a_readable_name():
    (row,) = etcd_rows(
        [line("8e9e05c52164694d became leader at term 3")], "master-1", "logs/etcd-master-1.log", MEMBERS
    )
    assert (row.kind, row.keys["term"], row.text) == (
        "election",
        3,
        "master-1: master-1 became leader at term 3",
    )
    assert row.evidence == "logs/etcd-master-1.log:1"


def test_a_node_name_before_the_line_and_lines_of_no_note_do_no_harm():
    lines = [
        "10.20.1.11: " + line("raft.node: ab elected leader 8e9e05c52164694d at term 3"),
        "plain text",
        "{broken",
        line("hello"),
    ]
    (row,) = etcd_rows(lines, "master-2", "x", MEMBERS)
    assert row.kind == "leader-known"
    assert row.text == "master-2: raft.node: master-2 elected leader master-1 at term 3"


@pytest.mark.parametrize(
    ("msg", "kind"),
    [
        ("1 is starting a new election at term 2", "campaign"),
        ("1 became pre-candidate at term 2", "campaign"),
        ("raft.node: 1 lost leader 2 at term 2", "leader-lost"),
        ("raft.node: 1 changed leader from 2 to 3 at term 4", "leader-known"),
        ("1 stepped down to follower since quorum is not active", "no-quorum"),
        ("1 no leader at term 2; dropping index reading msg", "no-leader"),
        ("1 [term 2] starts to transfer leadership to 3", "leader-transfer"),
        ("slow fdatasync", "slow-disk"),
        ("peer became inactive (message send to peer failed)", "peer-lost"),
    ],
)
def test_what_etcd_says_is_known_by_kind(msg, kind):
    (row,) = etcd_rows([line(msg)], "master-1", "x")
    assert row.kind == kind


def test_a_row_is_never_surer_of_its_time_than_its_clock_is():
    (row,) = etcd_rows([line("1 became leader at term 3")], "master-1", "x")
    assert row.uncertainty >= 1.0
    assert row.t_lo <= 1795460400.25 <= row.t_hi


@pytest.mark.parametrize(
    ("item", "when"),
    [
        (
            {"series": {"lastObservedTime": "2026-11-23T19:00:09Z"}, "lastTimestamp": "2026-11-23T19:00:01Z"},
            9,
        ),
        ({"lastTimestamp": "2026-11-23T19:00:01Z", "eventTime": None}, 1),
        ({"eventTime": "2026-11-23T19:00:02.5Z", "lastTimestamp": None}, 2.5),
        ({"metadata": {"creationTimestamp": "2026-11-23T19:00:04Z"}}, 4),
    ],
)
def test_either_family_of_kubernetes_time_stamps_may_be_missing(item, when):
    (row,) = kubernetes_rows(
        [{**item, "regarding": {"kind": "Pod", "name": "vault-0"}, "note": "gone"}], "e.json"
    )
    assert row.t_lo <= 1795460400 + when <= row.t_hi
    assert (row.component, row.text) == ("vault-0", "pod vault-0: gone")


def test_a_talos_event_is_known_to_the_second_of_its_id():
    assert xid_seconds("9m4e2mr0ui3e8a215n4g") == 0x4D88E15B
    (row,) = talos_rows(
        [{"id": "9m4e2mr0ui3e8a215n4g", "type": "SequenceEvent", "data": {"sequence": "reboot"}}],
        "master-1",
        "x",
    )
    assert row.t_lo <= 0x4D88E15B < row.t_hi
    assert "reboot" in row.text


def test_journal_rows_are_exact_for_they_are_of_the_observers_clock():
    records = [
        {"step": "reboot", "kind": "intent", "time": 5.0, "text": ""},
        {"step": "reboot", "kind": "progress", "time": 6.0, "text": "waiting"},
        {"step": "reboot", "kind": "result", "time": 7.0, "text": "new boot id"},
    ]
    begun, done = journal_rows(records, "j")
    assert (begun.t_lo, begun.t_hi, begun.text) == (5.0, 5.0, "step reboot begun")
    assert (done.text, done.evidence) == ("step reboot done: new boot id", "j:3")


def test_order_is_told_only_where_it_is_known():
    def row(lo, hi, source, number=0, **keys):
        return Row(lo, hi, source, "etcd", "election", "", source, number, keys=keys)

    assert before(row(1, 2, "a"), row(3, 4, "b")) is True
    assert before(row(1, 3, "a"), row(2, 4, "b")) is None
    assert before(row(2, 4, "a", 1), row(1, 3, "a", 2)) is True
    assert before(row(5, 9, "a", term=3), row(1, 7, "b", term=4)) is True


def test_rows_become_events_that_say_how_surely_they_are_dated(tmp_path):
    rows = tuple(etcd_rows([line("1 became leader at term 3")], "master-1", "l"))
    (event,) = events(rows, 1795460390.0, 60.0)
    assert event.time == pytest.approx(10.25, abs=0.01)
    assert "±1 s" in event.text
    write_rows(rows, tmp_path / "rows.jsonl")
    assert read_rows(tmp_path / "rows.jsonl") == rows == ordered(rows)


@given(skew=st.floats(-240, 240), slack=st.floats(0.01, 2.0))
def test_a_clocks_offset_lies_within_the_interval_given_for_it(skew, slack):
    """True time = raw + offset; the machine's clock shows true - skew, so its offset is +skew."""
    facts = [
        Before("observer", 100.0, "m", 100.0 + slack - skew),
        Before("m", 200.0 - skew, "observer", 200.0 + slack),
    ]
    low, high = offsets(facts)["m"]
    assert low - 1e-9 <= skew <= high + 1e-9
    assert high - low == pytest.approx(2 * slack, abs=1e-6)


def test_order_facts_that_exclude_each_other_are_said_to():
    with pytest.raises(Contradiction, match="contradict"):
        offsets([Before("observer", 10.0, "m", 5.0), Before("m", 5.0, "observer", 9.0)])


def test_raft_terms_bound_the_offset_between_two_machines():
    rows = [
        *etcd_rows([line("ab became leader at term 4", "2026-11-23T19:00:10.000Z")], "master-2", "b"),
        *etcd_rows(
            [line("raft.node: 1 elected leader ab at term 4", "2026-11-23T19:00:08.000Z")], "master-1", "a"
        ),
    ]
    (fact,) = raft_order(rows)
    assert (fact.a, fact.b) == ("master-2", "master-1")
    facts = [fact, Before("observer", 0.0, "master-2", 0.0), Before("master-2", 0.0, "observer", 0.0)]
    low, _ = offsets(facts)["master-1"]
    assert low == pytest.approx(2.0, abs=0.01)  # master-1's clock is at least two seconds behind


def test_what_an_event_holds_is_told_in_words():
    """A machine's status was told as a Python dictionary: {'unmet_conditions': [{'name': 'services' …"""
    conditions = [{"name": "services", "reason": "etcd not healthy"}, {"name": "time", "reason": ""}]
    data = {"stage": "running", "status": {"ready": False, "unmet_conditions": conditions}, "error": None}
    (row,) = talos_rows(
        [{"id": "cnbd3d8hv4r0a1b2c3d0", "type": "x.MachineStatusEvent", "data": data}], "m", "s"
    )
    assert row.text == (
        "m: MachineStatus stage running status ready False, unmet conditions name services,"
        " reason etcd not healthy; name time"
    )
