"""Decision diagrams: orders, modules, nodes, minimal cut sets."""
