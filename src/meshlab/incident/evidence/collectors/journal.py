"""What we hold ourselves: the journal of the runs that were made from here."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from meshlab.incident.evidence.collectors.interface import Piece, Sources


def journal(sources: Sources) -> Iterable[Piece]:
    """Gives the journal, where there is one."""
    path = sources.journal
    if path is not None and path.exists():
        yield Piece("our journal", "journal.json", lambda: _journal(path))


def _journal(path: Path) -> str:
    from meshlab.provision.cluster.journal import Journal

    with Journal(path, read_only=True) as journal:
        rows = [
            {
                "run": record.run,
                "step": record.step,
                "kind": str(record.kind),
                "time": record.time,
                "text": record.text,
                "request_id": record.request_id,
            }
            for record in journal.records()
        ]
    return json.dumps(rows, indent=0)
