"""The spec format: one YAML file says what there is, with units in its values and sources for its numbers."""

from __future__ import annotations

from meshlab.model.spec.load import data_file, load, parse, reference
from meshlab.model.spec.write import dump

__all__ = ["data_file", "dump", "load", "parse", "reference"]
