"""The kinds of requests, each as its way through the topology."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshlab.model import Distribution, Machine, MeshlabError, RaftGroup, Topology
from meshlab.planning.latency.commit import commit_at_rest, commit_under_load, leaders
from meshlab.planning.latency.hops import Hop
from meshlab.planning.latency.network import Ways
from meshlab.planning.latency.queueing import Queue
from meshlab.planning.tables import Row, latencies
from meshlab.planning.worlds import triangle

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float64]


class NoSuchRequest(MeshlabError):
    """The topology has nothing that would answer this kind of request."""


@dataclass
class Walk:
    """One kind of request being walked through the topology: worlds, what is down, the load, the hops so far.

    ``most`` is the load at which the first station on the way saturates, ``saturated`` its name if it has.
    """

    topology: Topology
    ways: Ways
    load: float
    table: dict[str, Row]
    hops: list[Hop]
    most: float = float("inf")
    saturated: str = ""

    @property
    def count(self) -> int:
        return self.ways.count

    @property
    def rng(self) -> np.random.Generator:
        return self.ways.rng

    def quantity(self, name: str) -> Samples:
        """Draws a row of ``data/latency.csv``."""
        row = self.table[name]
        return triangle(self.rng.random(self.count), row.low, row.mid, row.high)

    def up(self, names: tuple[str, ...]) -> list[str]:
        """Gives those of these machines that have power."""
        gone = {
            m.name for part in self.ways.down if part in self.topology for m in _machines(self.topology, part)
        }
        return [name for name in names if name not in gone]

    def network(self, name: str, seconds: Samples, source: str = "") -> None:
        self.hops.append(Hop(name, "network", seconds, source))

    def work(self, name: str, quantity: str, servers: int) -> None:
        """A station with processors: the wait for one of them, then the work itself."""
        row = self.table[quantity]
        mean = (row.low + row.mid + row.high) / 3
        spread = Distribution.triangular(row.low, row.mid, row.high)
        variation = _variation(spread)
        queue = Queue(servers, mean, variation)
        self.most = min(self.most, queue.most)
        if queue.load(self.load) >= 1:
            self.saturated = self.saturated or name
        if self.load:
            self.hops.append(Hop(f"{name}, waiting", "queue", queue.sample(self.load, self.count, self.rng)))
        self.hops.append(Hop(name, "processor", self.quantity(quantity), row.source))

    def between(self, sources: list[str], targets: list[str], size: float) -> Samples:
        """Draws round trips between a source and a target, each pair as likely."""
        import numpy as np

        if not sources or not targets:
            return np.full(self.count, np.inf)
        pairs = [(a, b) for a in sources for b in targets]
        chosen = self.rng.integers(len(pairs), size=self.count)
        found = np.empty(self.count)
        for index, (a, b) in enumerate(pairs):
            here = chosen == index
            found[here] = self.ways.round_trip(a, b, size)[here]
        return found


def _machines(topology: Topology, name: str) -> tuple[Machine, ...]:
    kinds = ("site", "zone", "machine", "group")
    return topology.machines_in(name) if topology[name].kind in kinds else ()


def _variation(spread: Distribution) -> float:
    """The squared coefficient of variation of a triangular distribution."""
    a, b, c = spread.a, spread.b, spread.c
    variance = (a * a + b * b + c * c - a * b - a * c - b * c) / 18
    return variance / spread.mean**2 if spread.mean else 0.0


def walk(
    request: str,
    topology: Topology,
    *,
    load: float,
    down: frozenset[str],
    samples: int,
    seed: int,
    relayed: bool = False,
) -> Walk:
    """Walks one kind of request through the topology.

    Raises
    ------
    NoSuchRequest
        The kind is unknown, or nothing in the topology answers it.
    """
    import numpy as np

    if request not in REQUESTS:
        raise NoSuchRequest(f"there is no request kind {request!r}; known: {', '.join(REQUESTS)}")
    rng = np.random.default_rng([seed, *request.encode()])
    path = Walk(topology, Ways(topology, down, samples, rng, relayed), load, latencies(), [])
    REQUESTS[request](path)
    return path


def etcd_put(path: Walk) -> None:
    """A client on a voter's machine puts a key: to the leader, committed by a quorum, applied, answered."""
    group = _group(path, "etcd")
    up = path.up(group.voters)
    path.network("to the leader and back", path.between(up, leaders(group.voters, up), _size(path)))
    path.work("etcd leader", "etcd-work", 1)
    _commit(path, group, writes=None)
    path.hops.append(Hop("apply", "processor", path.quantity("etcd-apply"), path.table["etcd-apply"].source))


def api_read(path: Walk) -> None:
    """A client in the cluster reads one object: through KubePrism to an API server, served from its watch cache."""
    _to_the_api(path, [m.name for m in path.topology.machines])
    path.work("kube-apiserver", "api-read-work", _cores(path))


def api_write(path: Walk) -> None:
    """A client in the cluster writes one object: to an API server, from there to etcd."""
    _to_the_api(path, [m.name for m in path.topology.machines])
    path.work("kube-apiserver", "api-write-work", _cores(path))
    etcd_put(path)


def kubelet_api(path: Walk) -> None:
    """A worker's kubelet renews its lease: over the mesh to an API server, from there to etcd."""
    workers = [m.name for m in path.topology.workers]
    if not workers:
        raise NoSuchRequest("the topology has no workers")
    _to_the_api(path, workers)
    path.work("kube-apiserver", "api-write-work", _cores(path))
    etcd_put(path)


def kubectl_omni(path: Walk) -> None:
    """A person's `kubectl get` through Omni: TLS to Omni, its proxy, SideroLink to a master, the API server."""
    if path.topology.orchestrator is None:
        raise NoSuchRequest("the topology has no Omni")
    import numpy as np

    if path.topology.orchestrator.name in path.ways.down:
        path.network("person to Omni", np.full(path.count, np.inf))
    trips = 2 * path.quantity("omni-one-way")
    path.network("person to Omni and back", trips, path.table["omni-one-way"].source)
    handshakes = np.round(path.quantity("kubectl-handshakes")) * trips
    path.network("TCP and TLS handshakes", handshakes, path.table["kubectl-handshakes"].source)
    path.hops.append(
        Hop("Omni's proxy", "processor", path.quantity("omni-work"), path.table["omni-work"].source)
    )
    reach = 2 * path.quantity("omni-to-cluster")
    if not path.up(_api_members(path)):
        reach = np.full(path.count, np.inf)
    path.network("Omni to a master and back", reach, path.table["omni-to-cluster"].source)
    path.work("kube-apiserver", "api-read-work", _cores(path))


def vault_read(path: Walk) -> None:
    """A pod on a worker reads a secret: to any Vault pod, forwarded to the active one, read there."""
    _to_vault(path)


def vault_write(path: Walk) -> None:
    """A pod on a worker writes a secret: to the active Vault pod, committed by a quorum."""
    group = _to_vault(path)
    _commit(path, group, writes=path.table["vault-fsyncs"])


def chain_rpc(path: Walk) -> None:
    """A client on another worker (or the same, where there is one) asks a chain node."""
    chains = [w for w in path.topology.workloads if not w.group]
    if not chains:
        raise NoSuchRequest("the topology has no chain nodes")
    nodes = path.up(tuple(name for w in chains for name in w.machines[: w.replicas]))
    clients = path.up(tuple(m.name for m in path.topology.workers))
    path.network("to the node and back", path.between(clients, nodes, _size(path)))
    path.work("chain node", "chain-work", max(1, min(int(w.cores) for w in chains) // 2))


REQUESTS: dict[str, Callable[[Walk], None]] = {
    "api-read": api_read,
    "api-write": api_write,
    "etcd-put": etcd_put,
    "vault-read": vault_read,
    "vault-write": vault_write,
    "kubectl-omni": kubectl_omni,
    "kubelet-api": kubelet_api,
    "chain-rpc": chain_rpc,
}
"""Every kind of request by name, in the order in which they are shown."""


def _group(path: Walk, engine: str) -> RaftGroup:
    for group in path.topology.raft_groups:
        if group.engine == engine:
            return group
    raise NoSuchRequest(f"the topology has no {'Vault' if engine == 'hashicorp' else engine}")


def _size(path: Walk) -> float:
    row = path.table["request-bytes"]
    return (row.low + row.mid + row.high) / 3


def _api_members(path: Walk) -> tuple[str, ...]:
    for service in path.topology.services:
        if service.role == "api":
            return service.members
    raise NoSuchRequest("the topology has no Kubernetes API")


def _cores(path: Walk) -> int:
    """Processors that all API servers together have, half of each machine's: etcd, Vault and the rest share them."""
    members = path.up(_api_members(path))
    return max(1, sum(path.topology.machine(name).cores for name in members) // 2)


def _to_the_api(path: Walk, clients: list[str]) -> None:
    servers, there = path.up(_api_members(path)), path.up(tuple(clients))
    path.network("to an API server and back", path.between(there, servers, _size(path)))


def _to_vault(path: Walk) -> RaftGroup:
    import numpy as np

    group = _group(path, "hashicorp")
    pods = path.up(group.voters)
    clients = path.up(tuple(m.name for m in path.topology.workers)) or pods
    path.network("to a Vault pod and back", path.between(clients, pods, _size(path)))
    if pods and len(pods) >= group.quorum:
        active = path.rng.integers(len(pods), size=path.count)
        asked = path.rng.integers(len(pods), size=path.count)
        forward = np.zeros(path.count)
        for i, a in enumerate(pods):
            for j, b in enumerate(pods):
                here = (asked == i) & (active == j)
                if i != j and here.any():
                    forward[here] = path.ways.round_trip(a, b, _size(path))[here]
        path.network("forwarded to the active pod", forward, "C.vault standby_request_handling [S]")
        cores = max(1, path.topology.machine(pods[0]).cores // 2)
        path.work("Vault", "vault-work", cores)
    else:
        path.network("forwarded to the active pod", np.full(path.count, np.inf))
    return group


def _commit(path: Walk, group: RaftGroup, writes: Row | None) -> None:
    """The quorum: a leader drawn in each stretch of worlds, its batches and its followers' under the load."""
    import numpy as np

    up = path.up(group.voters)
    if len(up) < group.quorum:
        path.hops.append(Hop(f"{group.name} quorum", "quorum", np.full(path.count, np.inf)))
        return
    wait, commit = np.empty(path.count), np.empty(path.count)
    stretches = np.array_split(np.arange(path.count), len(up))
    for leader, worlds in zip(up, stretches, strict=True):
        wait[worlds], commit[worlds] = _led_by(path, group, leader, up, len(worlds), writes)
    order = path.rng.permutation(path.count)  # so that worlds of one leader are not those of one client
    slowest = max(path.topology.machine(name).fsync.mean for name in up)
    if path.load:
        path.hops.append(Hop(f"{group.name}, waiting for the batch", "queue", wait[order]))
    path.hops.append(
        Hop(
            f"{group.name} quorum (disks and network)", "quorum", commit[order], f"fsync mean {slowest:.2g} s"
        )
    )


def _led_by(
    path: Walk, group: RaftGroup, leader: str, up: list[str], count: int, writes: Row | None
) -> tuple[Samples, Samples]:
    import numpy as np

    followers = [name for name in up if name != leader]
    ways = Ways(path.topology, path.ways.down, count, path.rng, path.ways.relayed)

    def fsync(name: str) -> Samples:
        drawn = ways.draw(path.topology.machine(name).fsync)
        if writes is not None:
            times = np.round(triangle(path.rng.random(count), writes.low, writes.mid, writes.high))
            drawn = drawn * times
        return drawn

    empty = np.empty((0, count))
    there = np.array([ways.one_way(leader, name, _size(path)) for name in followers]) if followers else empty
    disks = np.array([fsync(name) for name in followers]) if followers else empty
    back = np.array([ways.one_way(name, leader) for name in followers]) if followers else empty
    own = fsync(leader)
    if not path.load:
        return np.zeros(count), commit_at_rest(own, there, disks, back, group.quorum)
    arrivals = np.cumsum(path.rng.exponential(1 / path.load, count))
    return commit_under_load(arrivals, own, there, disks, back, group.quorum)
