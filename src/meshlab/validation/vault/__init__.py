"""Real OpenBao processes and the simulator's Vault, the same fault on both."""
