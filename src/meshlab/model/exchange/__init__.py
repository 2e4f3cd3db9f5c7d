"""Designs in other notations: Mermaid drawings in, Mermaid, GraphML and JSON node-link out."""

from __future__ import annotations

from meshlab.model.exchange.graphml import to_graphml
from meshlab.model.exchange.interface import Gap, Imported
from meshlab.model.exchange.node_link import to_node_link
from meshlab.model.exchange.table import EXPORTERS, IMPORTERS, import_design
from meshlab.model.exchange.to_mermaid import to_mermaid

__all__ = [
    "EXPORTERS",
    "IMPORTERS",
    "Gap",
    "Imported",
    "import_design",
    "to_graphml",
    "to_mermaid",
    "to_node_link",
]
