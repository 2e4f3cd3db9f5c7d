"""Raft at protocol level: one pure member (etcd-io/raft's rules) and the groups of members in time.

`member.Member` is the state machine of one member: messages and ticks go in, a `ready.Ready` comes out. It reads no
clock, does no I/O and draws nothing by itself. `docs/conformance.md` says how it compares with the traces
that etcd-io/raft publishes.
"""
