"""Collect what the live systems still hold of an incident: logs and events, each kept as it came."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from meshlab.incident.evidence.collectors.interface import Piece, Sources
from meshlab.incident.evidence.collectors.table import COLLECTORS
from meshlab.incident.observe.connections import Connections
from meshlab.incident.observe.probes import Silent
from meshlab.model import MeshlabError


@dataclass(frozen=True)
class Collected:
    """The files that were written, and what could not be had, with the reason."""

    files: tuple[Path, ...]
    missing: tuple[str, ...]


def collect(
    connections: Connections,
    folder: Path,
    *,
    quiet: frozenset[str] = frozenset(),
    journal: Path | None = None,
) -> Collected:
    """Writes etcd's logs, Talos' and Kubernetes' events and our journal to a folder, named as the readers know them.

    What cannot be had is noted and stops nothing: a collection must work best when the cluster does worst.

    Parameters
    ----------
    quiet
        Machines known to be silent, which are not asked.
    journal
        Our own journal of this cluster (`Workspace.journal`), where there is one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sources = Sources(connections, quiet, journal)
    pieces = [piece for collector in COLLECTORS for piece in collector(sources)]
    missing = [f"logs of {name}: the machine is silent" for name in sorted(quiet)]
    files: list[Path] = []

    def kept(piece: Piece) -> str:
        """Keeps one piece; gives why it could not be had."""
        try:
            (folder / piece.file).write_text(piece.fetch(), encoding="utf-8")
        except (MeshlabError, Silent, OSError) as error:
            return str(error)[:300]
        return ""

    with ThreadPoolExecutor(min(8, len(pieces)) or 1) as pool:
        for piece, error in zip(pieces, pool.map(kept, pieces), strict=True):
            if error:
                missing.append(f"{piece.what}: {error}")
            else:
                files.append(folder / piece.file)
    return Collected(tuple(sorted(files)), tuple(sorted(missing)))
