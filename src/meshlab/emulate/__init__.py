"""The embedded cluster: real processes and wire-compatible services on loopback addresses of one machine."""

from __future__ import annotations

from meshlab.model.extras import require

require("psutil")
