"""Commands about what happened: observe, incident."""

from __future__ import annotations
