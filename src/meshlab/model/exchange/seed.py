"""Imports a design that was written for people: Markdown with a Mermaid drawing, or a bare drawing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from meshlab.model.errors import InputError
from meshlab.model.exchange.assumptions import Words, complete
from meshlab.model.exchange.drawing import understand
from meshlab.model.exchange.mermaid import Flowchart, read
from meshlab.model.topology import Topology

_FENCE = re.compile(r"^```\s*mermaid\s*$(.*?)^```\s*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Gap:
    """Something that the design does not say: of which component, which field, and what was assumed."""

    component: str
    field: str
    text: str

    def __str__(self) -> str:
        return f"{self.component}, {self.field}: {self.text}"


@dataclass(frozen=True)
class Imported:
    """A design as a valid topology, and all that had to be assumed to make it one."""

    topology: Topology
    gaps: tuple[Gap, ...]


def import_design(path: str | Path) -> Imported:
    """Gives the topology that a design document describes.

    The drawing says which machines there are, where, and what runs on them; the words around it what they
    share. What neither says is assumed, from the reference cluster, and listed in the gaps.

    Parameters
    ----------
    path
        Markdown with a ```` ```mermaid ```` flowchart, or a file that is one.

    Raises
    ------
    InputError
        The file cannot be read, holds no flowchart, or the flowchart has parts that are not understood.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError.single(file, f"cannot be read: {error}") from None
    chart, words = _parts(text, str(file))
    meaning = understand(chart, str(file))
    if not meaning.machines and not meaning.problems:
        raise InputError.single(
            file, "no machine is drawn", "machines are boxes named like master-1 or worker-1", line=1
        )
    if meaning.problems:
        raise InputError(meaning.problems)
    topology = complete(chart, meaning, Words(words), name=_slug(file.stem), origin=str(file))
    return Imported(topology, tuple(_gaps(topology)))


def _parts(text: str, file: str) -> tuple[Flowchart, str]:
    """The flowchart of a document and the words around it."""
    text = text.replace("\r\n", "\n")
    fences = list(_FENCE.finditer(text))
    if not fences:
        if text.count("```mermaid"):
            line = text[: text.index("```mermaid")].count("\n") + 1
            raise InputError.single(
                file, "the mermaid block is not closed", "end it with ``` on a line", line
            )
        return read(text, file), ""
    fence = next(
        (f for f in fences if re.search(r"^\s*(?:flowchart|graph)\b", f[1], re.MULTILINE)), fences[0]
    )
    first_line = text[: fence.start(1)].count("\n") + 1
    return read(fence[1], file, first_line), _FENCE.sub("", text)


def _slug(stem: str) -> str:
    """A name for the cluster: the file's, unless that is a number or a digest."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", stem).strip("-").lower()
    return words[:63] if re.fullmatch(r"[a-z][a-z-]*\d*", words) else "imported"


def _gaps(topology: Topology) -> list[Gap]:
    found = []
    for component in topology:
        for gap in component.gaps:
            field, _, text = gap.partition(": ")
            found.append(Gap(component.name, field, text))
    return found
