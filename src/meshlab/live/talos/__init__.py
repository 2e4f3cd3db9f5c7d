"""Talos: secrets, certificates and machine configuration, and a client of a machine's API."""
