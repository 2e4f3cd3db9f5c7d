"""Raft at protocol level: one pure member (etcd-io/raft's rules) and the groups of members in time.

`member.Member` is the state machine of one member: messages and ticks go in, a `ready.Ready` comes out. It reads no
clock, does no I/O and draws nothing by itself. `docs/conformance.md` says how it compares with the traces
that etcd-io/raft publishes.

`timed.TimedGroup` puts clocks, disks and links around members, and `quiet` skips what is always the same. etcd's
group (`raft_etcd`) is a `TimedGroup`; `timers.TimerGroup` has hashicorp/raft's timers and lease in place of ticks.
Vault's groups still run on `raft_hashicorp`: the same times (a test holds the two against each other) in less.
"""
