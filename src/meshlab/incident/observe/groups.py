"""What several answers say of one group: etcd, Vault and the mesh, judged from those who answer."""

from __future__ import annotations

from collections.abc import Mapping

from meshlab.incident.observe.pieces import Piece
from meshlab.incident.observe.readings import SILENT, EtcdAnswer, VaultAnswer
from meshlab.model import RaftGroup, State, Topology

EtcdSeen = Mapping[str, Piece[EtcdAnswer] | None]
VaultSeen = Mapping[str, Piece[VaultAnswer] | None]
PeersSeen = Mapping[str, Piece[tuple[tuple[str, str], ...]] | None]


def judge_etcd(group: RaftGroup, seen: EtcdSeen, names: Mapping[str, str]) -> tuple[State | None, str]:
    """Gives the state of the etcd group from what its members say of the leader.

    A leader counts when it answers itself, or when the raft index of those who follow it still rises: a silent
    leader that followers have not given up yet (an election takes its time-out) serves nobody. A leader that
    goes on leading has its quorum, by etcd's CheckQuorum, so a minority that answers can still say `degraded`.

    Parameters
    ----------
    names
        Machine by member id (hex).
    """
    answers = {name: piece.value for name, piece in seen.items() if piece is not None}
    if not answers:
        return None, ""
    talking = {name: answer for name, answer in answers.items() if answer != SILENT}
    if not talking:
        return State.UNREACHABLE, "no member of etcd answers"
    term = max(answer.term for answer in talking.values())
    followers = [a for a in talking.values() if a.term == term and a.leader]
    leaders = sorted({a.leader for a in followers})
    missing = sorted(set(group.voters) - set(talking))
    if not leaders:
        if len(talking) >= group.quorum:
            return (
                State.NO_LEADER,
                f"{len(talking)} of {len(group.voters)} members answer, none knows a leader",
            )
        return State.NO_QUORUM, f"only {', '.join(sorted(talking))} answers, and knows no leader"
    leader = names.get(leaders[0], leaders[0])
    confirmed = leader in talking or any(answer.moving for answer in followers)
    if not confirmed:
        if len(talking) >= group.quorum:
            return State.NO_LEADER, f"{leader} is held for the leader but is silent, and nothing is committed"
        return State.NO_QUORUM, f"only {', '.join(sorted(talking))} answers; its leader {leader} is silent"
    if missing:
        return State.DEGRADED, f"{leader} leads; {', '.join(missing)} does not answer"
    if any(not answer.leader for answer in talking.values()):
        alone = sorted(name for name, answer in talking.items() if not answer.leader)
        return State.DEGRADED, f"{leader} leads; {', '.join(alone)} knows no leader"
    return State.UP, f"{leader} leads in term {term}"


def judge_vault(group: RaftGroup, seen: VaultSeen) -> tuple[State | None, str]:
    """Gives the state of Vault as its clients meet it, from the health calls of its pods."""
    roles = {name: piece.value.role for name, piece in seen.items() if piece is not None}
    if not roles:
        return None, ""
    by_role: dict[str, list[str]] = {}
    for name, role in sorted(roles.items()):
        by_role.setdefault(role, []).append(name)
    open_ = by_role.get("active", []) + by_role.get("standby", [])
    sealed = by_role.get("sealed", []) + by_role.get("fresh", [])
    silent = by_role.get("silent", []) + by_role.get("gone", [])
    unknown = len(group.voters) - len(roles)
    active = by_role.get("active", [])
    if active:
        if len(open_) + unknown >= len(group.voters):
            return State.UP, f"{active[0]} is active"
        return State.DEGRADED, f"{active[0]} is active; not serving: {', '.join(sealed + silent)}"
    if len(open_) >= group.quorum:
        return State.NO_LEADER, "unsealed pods answer, none is active"
    if sealed and len(open_) + len(sealed) >= group.quorum:
        return State.SEALED, f"sealed: {', '.join(sealed)}"
    if len(open_) + len(sealed) + unknown >= group.quorum:
        return None, ""  # those that could not be asked may be the quorum
    if not open_ and not sealed:
        if by_role.get("gone"):
            return State.DOWN, f"no Vault pod answers; nothing runs as {', '.join(by_role['gone'])}"
        return State.UNREACHABLE, "no Vault pod answers"
    return State.NO_QUORUM, f"only {', '.join(open_ + sealed)} answers"


def judge_mesh(topology: Topology, seen: PeersSeen, silent: frozenset[str]) -> tuple[State | None, str]:
    """Gives the state of the mesh from what each machine says of its peers.

    A peer that is itself silent to the observer is left out: that it is gone is its own row. `down` is said
    where two sites have lost every tunnel between them, or no tunnel at all is up.
    """
    said = {
        name: dict(piece.value) for name, piece in seen.items() if piece is not None and name not in silent
    }
    if not said:
        return None, ""
    down: list[tuple[str, str]] = []
    between: dict[frozenset[str], list[bool]] = {}
    for name, peers in sorted(said.items()):
        for peer, state in peers.items():
            if peer in silent or peer not in topology:
                continue
            if state == "down":
                down.append((name, peer))
            sites = frozenset((topology.machine(name).site, topology.machine(peer).site))
            if len(sites) == 2:
                between.setdefault(sites, []).append(state != "down")
    if not down:
        return State.UP, "every tunnel between answering machines is up"
    lost = [" and ".join(sorted(sites)) for sites, fine in sorted(between.items(), key=str) if not any(fine)]
    pairs = ", ".join(f"{a} to {b}" for a, b in down[:4]) + (
        f" and {len(down) - 4} more" if len(down) > 4 else ""
    )
    if lost:
        return State.DOWN, f"every tunnel between {'; '.join(lost)} is down"
    return State.DEGRADED, f"tunnels down: {pairs}"
