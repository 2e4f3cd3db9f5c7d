"""Collectors of evidence: a file per system that holds some, listed in `table`."""
