"""The readers of evidence, and the logs of a folder read by them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from meshlab.incident.evidence.readers.etcd_log import EtcdLog
from meshlab.incident.evidence.readers.interface import Log, Reader
from meshlab.incident.evidence.readers.journal import JournalFile
from meshlab.incident.evidence.readers.kubernetes_events import KubernetesEvents
from meshlab.incident.evidence.readers.talos_events import TalosEvents
from meshlab.incident.evidence.rows import Row, ordered

READERS: tuple[Reader, ...] = (EtcdLog(), TalosEvents(), KubernetesEvents(), JournalFile())


def read_logs(folder: Path, members: Mapping[str, str] | None = None) -> tuple[Row, ...]:
    """Gives the rows of every log in a folder that a reader knows by its name; others stay where they are, unread.

    Parameters
    ----------
    members
        The machine of each etcd member id that is known.
    """
    rows: list[Row] = []
    for path in sorted(folder.glob("*")) if folder.is_dir() else ():
        for reader in READERS:
            subject = _subject(path.name.split(".")[0], reader.files)
            if subject is not None:
                rows += reader.rows(Log(path, f"{folder.name}/{path.name}", subject, members or {}))
                break
    return ordered(rows)


def _subject(name: str, pattern: str) -> str | None:
    """Gives what stands for the star in a name that a reader's pattern fits; None where it does not fit."""
    before, star, after = pattern.partition("*")
    if not star:
        return "" if name == pattern else None
    fits = len(name) > len(before + after) and name.startswith(before) and name.endswith(after)
    return name[len(before) : len(name) - len(after)] if fits else None
