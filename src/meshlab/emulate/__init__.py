"""The embedded cluster: real processes and wire-compatible services on loopback addresses of one machine."""
