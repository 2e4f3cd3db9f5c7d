"""Watching a cluster: probes, samples, and the Timeline that they amount to."""
