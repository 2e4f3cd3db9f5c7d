"""The notations that designs come in and go out in, and a design read in whichever it is."""

from __future__ import annotations

from pathlib import Path

from meshlab.model.errors import InputError
from meshlab.model.exchange.drawn import Drawn
from meshlab.model.exchange.graphml import to_graphml
from meshlab.model.exchange.interface import Exporter, Imported, Importer
from meshlab.model.exchange.node_link import to_node_link
from meshlab.model.exchange.to_mermaid import to_mermaid
from meshlab.model.reading import Limits, read_text
from meshlab.model.spec.write import dump

IMPORTERS: tuple[Importer, ...] = (Drawn(),)
"""Asked in this order; the first that recognises a file reads it."""
EXPORTERS: dict[str, Exporter] = {
    "node-link": to_node_link,
    "mermaid": to_mermaid,
    "graphml": to_graphml,
    "yaml": dump,
}

DRAWING = Limits(size=2.0**18)
"""A design is drawn by hand: what is larger is something else."""


def import_design(path: str | Path) -> Imported:
    """Gives the topology that a design document describes, in the notation that its file is in.

    Raises
    ------
    InputError
        The file cannot be read, is in no notation that is known, or has parts that are not understood.
    """
    file = Path(path)
    text = read_text(path, DRAWING)
    for importer in IMPORTERS:
        if importer.recognises(str(file), text):
            return importer.read(text, str(file))
    known = ", ".join(importer.name for importer in IMPORTERS)
    raise InputError.single(file, "it is in no notation that can be imported", f"known: {known}", 1)
