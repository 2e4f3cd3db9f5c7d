"""Data of others that the availability tests check themselves against."""

from __future__ import annotations

from pathlib import Path

import pytest

import needs

ARALIA = Path(__file__).parents[3] / "shared" / "data" / "aralia"


@pytest.fixture
def aralia() -> Path:
    """The folder of the Aralia fault trees."""
    if not ARALIA.is_dir():
        needs.skip("shared data", "aralia")
    return ARALIA
