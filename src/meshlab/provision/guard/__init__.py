"""The guard: what a step would do to the raft groups, judged before it is done."""
