"""Real etcd processes and the simulator's etcd, the same fault on both."""
