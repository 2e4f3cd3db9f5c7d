"""Collecting must work best when the cluster does worst."""

from __future__ import annotations

from meshlab.incident.evidence.collect import collect
from meshlab.incident.evidence.readers.table import read_logs
from meshlab.incident.observe.connections import Connections
from meshlab.live.talos.errors import TalosError
from meshlab.provision.cluster.journal import Journal
from meshlab.provision.cluster.records import Kind


class Deaf:
    """A machine whose every call ends in a time-out."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def logs(self, service, *, tail=-1):
        raise TalosError("DEADLINE_EXCEEDED", "no answer", "master-1", "Logs")

    def events(self, **_):
        raise TalosError("UNAVAILABLE", "no answer", "master-1", "Events")


def test_machines_that_do_not_answer_are_listed_and_stop_nothing(tmp_path, cluster):
    journal = tmp_path / "journal.sqlite"
    with Journal(journal) as made:
        made.begin("run-1", "hash", "apply", 1)
        made.add("run-1", "reboot", Kind.INTENT)
    found = collect(
        Connections(cluster, lambda machine: Deaf()),
        tmp_path / "logs",
        quiet=frozenset({"worker-3"}),
        journal=journal,
    )
    assert [path.name for path in found.files] == ["journal.json"]
    assert len(found.missing) == 3 + 5 + 1
    assert "logs of worker-3: the machine is silent" in found.missing
    assert any(what.startswith("etcd's log on master-2: master-1: Logs: no answer") for what in found.missing)
    assert [row.text for row in read_logs(tmp_path / "logs")] == ["step reboot begun"]
