"""Panels of the notebooks (ipywidgets), one file each."""

from __future__ import annotations

from meshlab.model.extras import require

require("ipywidgets", "anywidget")
