"""Omni: signed requests, cluster templates, and a client of its resources."""
