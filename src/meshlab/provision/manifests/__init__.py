"""The Kubernetes objects that the plan applies: storage, Vault, chain nodes."""
