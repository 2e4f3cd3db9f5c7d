"""Real etcd processes: a member started, its client, and the wire form of its calls."""
