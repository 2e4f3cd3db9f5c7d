"""Whether it is big enough, until when, and how long a node needs to come back."""

from __future__ import annotations

from meshlab.planning.capacity.fits import Fit, fits
from meshlab.planning.capacity.forecast import Resource, forecast
from meshlab.planning.capacity.recovery import Recovery, recoveries

__all__ = ["Fit", "Recovery", "Resource", "fits", "forecast", "recoveries"]
