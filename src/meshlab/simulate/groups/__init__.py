"""Raft groups as the layers see them: etcd, Vault, their failovers and commit latency."""
