"""What one validation compares: which system, on what links, with what timers, hit by what fault, how often."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from meshlab.model.errors import MeshlabError

FAULTS = ("kill", "kill-follower", "pause", "partition", "partition-one-way", "disk-stall")
VAULT_FAULTS = ("kill", "kill-before-promotion", "full-restart", "seal-after-restart")
MESH_FAULTS = ("partition", "partition-one-way", "restart")
API_FAULTS = ("kill", "kill-machine")
KNOWN_FAULTS = {"etcd": FAULTS, "vault": VAULT_FAULTS, "mesh": MESH_FAULTS, "api": API_FAULTS}
MEASURES = ("leadership", "outage", "commit", "traffic")
SERVERS = ("kube-apiserver", "stand-in")
KNOWN_MEASURES = {"vault": ("leadership",), "mesh": ("traffic",), "api": ("outage",)}


class CannotValidate(MeshlabError):
    """The comparison asked for cannot be made here; the message says why and what would be needed."""


@dataclass(frozen=True)
class Setting:
    """One cell of the validation grid. Times in seconds.

    Parameters
    ----------
    members
        Voters of the group.
    link_delay, jitter
        One-way delay between any two members, and by how much it varies to either side (uniform).
    heartbeat, election
        The raft timers; etcd's own defaults are 0.1 and 1.0.
    fault
        What is done to the leader (``kill-follower``: to a follower), or to a pair of the mesh.
    measure
        ``leadership``: no client at all, who leads is polled. ``outage``: closed-loop writers, one at each
        surviving member (of the API: a reader and a writer at each surviving API server). ``commit``: latency of
        puts by ``clients`` closed-loop writers, no fault. ``traffic``: packets between two peers of the mesh.
    repeats
        Real faults, or, for ``commit``, thousands of puts; for the mesh, pairs.
    poll
        How often each survivor is asked whether it leads: the resolution of the leadership measure. Of the mesh:
        how far apart a peer's packets are.
    client_timeout
        How long a client waits for one answer before it tries again.
    cut
        How long a pair of the mesh is cut off, or its restarted peer is away; 0 elsewhere.
    server
        Which API server runs, the real one or the embedded cluster's stand-in; empty elsewhere.
    """

    system: str = "etcd"
    members: int = 3
    link_delay: float = 0.0
    jitter: float = 0.0
    heartbeat: float = 0.1
    election: float = 1.0
    fault: str = "kill"
    measure: str = "leadership"
    repeats: int = 20
    seed: int = 1
    clients: int = 1
    poll: float = 0.01
    client_timeout: float = 1.0
    cut: float = 0.0
    server: str = ""

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise CannotValidate("; ".join(problems))

    def _problems(self) -> list[str]:
        found = []
        if self.members < 1 or self.members > 9:
            found.append(f"--members {self.members}: a group has 1 to 9 members")
        elif self.members < 3 and self.measure not in ("commit", "traffic"):
            found.append(
                f"--members {self.members}: a group of {self.members} does not survive the loss of its leader, "
                "so there is no failover to measure; use 3 or 5"
            )
        if self.link_delay < 0 or self.jitter < 0:
            found.append("--link-delay and --jitter are not negative")
        if self.jitter > self.link_delay:
            found.append(
                f"--jitter {self.jitter:g} s is more than --link-delay {self.link_delay:g} s: a message cannot "
                "arrive before it was sent"
            )
        if self.system not in KNOWN_FAULTS:
            return [f"{self.system}: choose one of {', '.join(KNOWN_FAULTS)}"]
        if not 0 < self.heartbeat < self.election and self.system != "vault":
            found.append("--heartbeat is above 0 and below --election")
        elif self.system in ("etcd", "api") and self.election < 5 * self.heartbeat:
            found.append(
                f"--election {self.election:g} s is less than 5 heartbeats of {self.heartbeat:g} s: etcd refuses that"
            )
        known = KNOWN_FAULTS[self.system]
        if self.fault not in known:
            found.append(f"--fault {self.fault}: for {self.system} choose one of {', '.join(known)}")
        measures = KNOWN_MEASURES.get(self.system, MEASURES[:3])
        if self.measure not in measures:
            found.append(f"--measure {self.measure}: for {self.system} choose one of {', '.join(measures)}")
        if self.system == "vault":
            found += self._vault_problems()
        if self.system == "mesh" and not 1.0 <= self.cut <= 3600.0:
            found.append(f"--cut {self.cut:g} s: 1 s to 1 h")
        if self.system != "mesh" and self.cut:
            found.append("--cut is the length of a fault of the mesh")
        if self.system == "api":
            found += self._api_problems()
        elif self.server:
            found.append("--server chooses the API server; leave it out elsewhere")
        if self.repeats < 1:
            found.append(f"--repeats {self.repeats}: at least 1")
        if self.clients < 1:
            found.append(f"--clients {self.clients}: at least 1")
        if self.poll <= 0 or self.client_timeout <= 0:
            found.append("--poll and --client-timeout are above 0")
        return found

    def _api_problems(self) -> list[str]:
        found = []
        if self.server not in SERVERS:
            found.append(f"--server {self.server or '(none)'}: choose one of {', '.join(SERVERS)}")
        if self.link_delay:
            found.append(
                "--link-delay: the API servers' etcd members have no links with a delay; leave it out"
            )
        return found

    def _vault_problems(self) -> list[str]:
        found = []
        if self.link_delay:
            found.append("--link-delay: the pods' links carry no delay yet; leave it out for vault")
        if (
            self.heartbeat != self.election
            or self.heartbeat != round(self.heartbeat)
            or not 1 <= self.heartbeat <= 10
        ):
            found.append(
                "--heartbeat and --election of vault are both performance_multiplier times 1 s: the same whole number "
                "of seconds from 1 to 10"
            )
        return found

    @property
    def relayed(self) -> bool:
        """Whether the members' traffic must cross the link relays: a delay is set, or a link will be cut."""
        return self.link_delay > 0 or self.fault.startswith("partition")

    @property
    def slug(self) -> str:
        """A file name for this cell."""
        parts = [self.system, f"{self.members}"]
        if self.system == "mesh":
            parts = [self.system, self.fault, f"{self.cut:g}s"]
        elif self.measure == "commit":
            parts += ["commit", f"{self.clients}"]
        else:
            parts += [self.fault, self.measure]
        if self.system in ("etcd", "api"):
            parts.append(f"{self.heartbeat * 1000:g}-{self.election * 1000:g}")
        parts.append(f"delay{self.link_delay * 1000:g}")
        if self.measure == "outage" and self.client_timeout != 1.0:
            parts.append(f"timeout{self.client_timeout:g}")
        if self.server:
            parts.append(self.server)
        if self.jitter:
            parts.append(f"jitter{self.jitter * 1000:g}")
        if self.seed != 1:
            parts.append(f"seed{self.seed}")
        return "-".join(parts)

    def as_json(self) -> dict[str, Any]:
        """The fields; ``cut`` and ``server`` only where they say something."""
        return {name: value for name, value in asdict(self).items() if name not in ("cut", "server") or value}
