"""What a reader of evidence offers: which files are its own, and the rows that one of them holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from meshlab.incident.evidence.rows import Row
from meshlab.model import InputError
from meshlab.model.reading import file_lines, json_lines, parse_json


@dataclass(frozen=True)
class Log:
    """A file of an incident's logs.

    ``source`` is how evidence names it, ``subject`` what its name says it is of (the machine in
    ``etcd-master-1.log``), ``members`` the machine of each etcd member id that is known.
    """

    path: Path
    source: str
    subject: str = ""
    members: Mapping[str, str] = field(default_factory=dict, hash=False)

    def text(self) -> str:
        """Gives the file; bytes that are no UTF-8 are replaced."""
        return "\n".join(line for _, line in file_lines(self.path))

    def items(self) -> list[Mapping[str, Any]]:
        """Gives the items of a JSON file: a list, or an object with ``items``; one object per line is read too.

        Raises
        ------
        InputError
            It is no JSON.
        """
        hint = "remove the file or mend it"
        try:
            data = parse_json(self.text(), str(self.path), hint)
        except InputError:
            return [row for _, row in json_lines(self.path, hint, others=True)]
        items = data.get("items", []) if isinstance(data, dict) else data
        return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


class Reader(Protocol):
    """Reads one family of files."""

    name: str
    """What the files hold, as a person would say it."""
    files: str
    """How their names begin, up to the first dot; ``*`` stands for the subject (``etcd-*``)."""

    def rows(self, log: Log) -> Iterable[Row]:
        """Gives the rows of a file.

        Raises
        ------
        InputError
            The file is not what its name says.
        """
