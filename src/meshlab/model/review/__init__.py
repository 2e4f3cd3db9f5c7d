"""Design review: what an expert would say of a design, each with why, evidence and a way out."""

from __future__ import annotations

from meshlab.model.review.finding import Finding, Severity
from meshlab.model.review.registry import RULES, review, rule_id

__all__ = ["RULES", "Finding", "Severity", "review", "rule_id"]
