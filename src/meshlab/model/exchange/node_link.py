"""A topology as JSON in networkx' node-link form."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from typing import Any

from meshlab.model.topology import Topology, attributes


def to_node_link(topology: Topology) -> str:
    """Gives JSON that ``networkx.node_link_graph(json.loads(text), edges="edges")`` reads to a MultiDiGraph.

    Nodes carry ``kind`` and the component's own fields, seconds and bytes; edges carry ``relation``.
    """
    import networkx as nx

    return json.dumps(nx.node_link_data(plain_graph(topology), edges="edges"), indent=1)


def plain_graph(topology: Topology) -> Any:
    """Gives the topology's graph with plain values in place of components: numbers, strings, lists, maps."""
    import networkx as nx

    plain: Any = nx.MultiDiGraph(name=topology.name)
    for name, data in topology.graph.nodes(data=True):
        component = data["component"]
        given = {key: plain_value(value) for key, value in attributes(component).items()}
        given.pop("name")
        plain.add_node(
            name, kind=component.kind, **{k: v for k, v in given.items() if v not in (None, "", [])}
        )
    for source, target, key, data in topology.graph.edges(keys=True, data=True):
        plain.add_edge(source, target, key=key, relation=data["relation"])
    for edge in topology.drawn:
        plain.add_edge(
            edge.source, edge.target, key="drawn", relation="drawn", label=edge.label, both=edge.both
        )
    return plain


def plain_value(value: Any) -> Any:
    """Gives a value as JSON has it."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain_value(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, (tuple, list)):
        return [plain_value(item) for item in value]
    return value
