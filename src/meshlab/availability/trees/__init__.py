"""Formulas, circuits and fault trees, before anything is solved."""
