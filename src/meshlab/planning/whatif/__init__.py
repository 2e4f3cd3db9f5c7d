"""What if it were changed a little: a few numbers turned, and the answers at once."""

from __future__ import annotations

from meshlab.planning.whatif.change import Change, changed, crossing, farthest
from meshlab.planning.whatif.growth import grown
from meshlab.planning.whatif.quick import Quick, QuickAnswer

__all__ = ["Change", "Quick", "QuickAnswer", "changed", "crossing", "farthest", "grown"]
