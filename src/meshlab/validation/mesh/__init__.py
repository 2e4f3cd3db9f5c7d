"""Real WireGuard tunnels and the simulator's mesh, the same fault on both."""
