"""Calibration: parameters from what was measured, each with its uncertainty and the evidence kept."""
