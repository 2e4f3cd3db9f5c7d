"""Real API servers and the simulator's control plane, the same fault on both."""
