"""What a rule finds wrong with a spec."""

from __future__ import annotations

from typing import NamedTuple

from meshlab.model.spec.places import Path


class Found(NamedTuple):
    """One thing that makes no sense; `rests_on` are the other places that it was concluded from."""

    path: Path
    message: str
    hint: str = ""
    rests_on: tuple[Path, ...] = ()
