"""Imports a design that was written for people: Markdown with a Mermaid drawing, or a bare drawing."""

from __future__ import annotations

import re
from pathlib import Path

from meshlab.model.errors import InputError
from meshlab.model.exchange.assumptions import Words, complete
from meshlab.model.exchange.drawing import understand
from meshlab.model.exchange.interface import Imported
from meshlab.model.exchange.mermaid import Flowchart, read

_FENCE = re.compile(r"^```\s*mermaid\s*$(.*?)^```\s*$", re.MULTILINE | re.DOTALL)


class Drawn:
    """Markdown with a ```` ```mermaid ```` flowchart, or a file that is one.

    The drawing says which machines there are, where, and what runs on them; the words around it what they
    share. What neither says is assumed, from the reference cluster, and listed in the gaps.
    """

    name = "a Mermaid flowchart, in Markdown or by itself"

    def recognises(self, file: str, text: str) -> bool:
        """Takes every text: one without a flowchart gets a message that says so."""
        return True

    def read(self, text: str, file: str) -> Imported:
        """Gives the topology that the drawing and the words around it describe.

        Raises
        ------
        InputError
            There is no flowchart, or it has parts that are not understood.
        """
        chart, words = _parts(text, file)
        meaning = understand(chart, file)
        if not meaning.machines and not meaning.problems:
            raise InputError.single(
                file, "no machine is drawn", "machines are boxes named like master-1 or worker-1", line=1
            )
        if meaning.problems:
            raise InputError(meaning.problems)
        name = _slug(Path(file).stem)
        return Imported.of(complete(chart, meaning, Words(words), name=name, origin=file))


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
