"""Exact availability: the structure function of every service, its probability, its minimal cut sets, importance."""

from __future__ import annotations

from meshlab.availability.exact.exact import ServiceAvailability, availability
from meshlab.availability.exact.structure import structure

__all__ = ["ServiceAvailability", "availability", "structure"]
