"""A topology as GraphML, for yEd, Gephi, Cytoscape and networkx."""

from __future__ import annotations

import json
from typing import Any

from meshlab.model.exchange.node_link import plain_graph
from meshlab.model.topology import Topology


def to_graphml(topology: Topology) -> str:
    """Gives GraphML that ``networkx.parse_graphml`` reads; what is no number or word stands in it as JSON."""
    import networkx as nx

    graph = plain_graph(topology)
    for _, data in graph.nodes(data=True):
        data.update({key: _scalar(value) for key, value in data.items()})
    return "\n".join(nx.generate_graphml(graph)) + "\n"


def _scalar(value: Any) -> Any:
    return value if isinstance(value, (bool, int, float, str)) else json.dumps(value)
