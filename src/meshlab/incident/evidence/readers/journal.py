"""The records of our own journal, as rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from meshlab.incident.evidence.readers.interface import Log
from meshlab.incident.evidence.rows import Row


def journal_rows(records: Iterable[Mapping[str, Any]], source: str) -> Iterator[Row]:
    """Gives the rows of our own journal: {step, kind, time, text, request_id, run}.

    Its times are Unix seconds of this machine's clock, which is the observer's: they are exact. Of progress and
    run records nothing is said.
    """
    words = {
        "intent": "begun",
        "result": "done",
        "adopted": "found done",
        "never-happened": "never happened",
        "failed": "failed",
        "needs-you": "needs a person",
        "refused": "refused",
    }
    for number, record in enumerate(records, 1):
        kind = str(record.get("kind", ""))
        if kind not in words or record.get("time") is None:
            continue
        moment = float(record["time"])
        text = f"step {record.get('step')} {words[kind]}" + (
            f": {record['text']}" if record.get("text") else ""
        )
        yield Row(
            moment,
            moment,
            "observer",
            "provision",
            "step",
            text,
            source,
            number,
            str(record["time"]),
            "error" if kind in ("failed", "needs-you", "refused") else "info",
            "meshlab",
            {"step": record.get("step"), "run": record.get("run"), "request_id": record.get("request_id")},
        )


class JournalFile:
    """``journal.json``: the records of the runs that were made from here."""

    name = "our own journal"
    files = "journal"

    def rows(self, log: Log) -> Iterable[Row]:
        return journal_rows(log.items(), log.source)
