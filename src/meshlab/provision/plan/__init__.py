"""The plan as a value: steps, their graph, durations and preview, and the part of each system."""
