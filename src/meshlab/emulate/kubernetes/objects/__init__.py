"""Kubernetes objects by themselves: kinds, schemas, defaults, validation, patches, their wire forms."""
