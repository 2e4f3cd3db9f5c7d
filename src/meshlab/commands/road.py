"""Commands that do the whole road, or open its notebooks: demo, lab."""

from __future__ import annotations
