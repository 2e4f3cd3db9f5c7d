"""A Talos machine: its state, its etcd, its identity, and the world it lives in."""
