"""The emulated cloud for every test here."""

from __future__ import annotations

from awslab import lab, loop, make_lab, moto

__all__ = ["lab", "loop", "make_lab", "moto"]
