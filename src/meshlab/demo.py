"""The whole road once: model, simulate, bring up, break, explain."""
