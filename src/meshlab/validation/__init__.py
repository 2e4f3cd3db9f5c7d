"""Holding the simulator against the real thing: the same fault, on real processes and in the model, side by side."""
