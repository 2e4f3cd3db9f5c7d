"""How parts behave: every number with its unit, its bounds and where it comes from."""

from __future__ import annotations

from meshlab.parameters.table import Parameter, Parameters

__all__ = ["Parameter", "Parameters"]
