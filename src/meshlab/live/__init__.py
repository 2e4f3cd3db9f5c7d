"""Clients of the real systems: one package or module per system, the same code for real and embedded."""
