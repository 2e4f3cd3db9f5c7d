"""Pods: what stands in for each container, its probes, its files and its process."""
