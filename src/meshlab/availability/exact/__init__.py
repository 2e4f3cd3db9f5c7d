"""Exact availability: the structure function solved, its importances, bounds and counts."""
