"""Holding the model against the real thing: validate and calibrate."""
