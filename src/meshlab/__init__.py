"""Model, simulate, bring up and explain one hybrid Kubernetes cluster on Talos."""

from __future__ import annotations

__version__ = "0.1.0"
