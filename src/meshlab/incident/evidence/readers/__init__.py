"""Readers of evidence: a file per family of formats, listed in `table`; what each offers is in `interface`."""
