"""What the cluster costs in a month, cloud and rack alike, item by item."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from meshlab.model import Estimate, MachineGroup, Topology
from meshlab.planning.cost.draws import Draws
from meshlab.planning.cost.traffic import Flow, flows
from meshlab.planning.worlds import WORLDS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from meshlab.planning.tables import Row

HOURS_PER_MONTH = 730.5
PRICED_REGION = "us-east-1"
"""The region whose list prices data/prices.csv has."""
GB = 1e9
GIB = 2**30


def elsewhere(topology: Topology) -> tuple[str, ...]:
    """Gives the regions of a design that data/prices.csv has no prices of; those of us-east-1 stand for them."""
    regions = {s.region for s in topology.sites if s.place == "aws-region" and s.region}
    return tuple(sorted(regions - {PRICED_REGION}))


@dataclass(frozen=True)
class CostItem:
    """One line of the bill: how many of what unit, and USD a month with its 90 % interval."""

    item: str
    count: float
    unit: str
    monthly: Estimate
    source: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def monthly_cost(
    topology: Topology,
    *,
    samples: int = WORLDS,
    seed: int = 0,
    live_prices: dict[str, Row] | None = None,
) -> tuple[CostItem, ...]:
    """Gives the monthly bill in USD; its last line is the total, drawn from the same worlds as its items.

    Prices come from ``data/prices.csv``, volumes from ``data/traffic.csv``, each with date and source. An instance
    type without a price is listed with what is missing instead of a silent zero.

    Parameters
    ----------
    live_prices
        Rows that replace those of the table, keyed like it (see `meshlab.live.aws.prices`).
    """
    draws = Draws(samples, seed, live_prices)
    method = f"{samples} worlds, seed {seed}"
    lines = list(_lines(topology, draws))
    total = draws.zeros()
    items = []
    for line in lines:
        total = total + line.monthly
        items.append(
            CostItem(line.item, line.count, line.unit, Estimate.of(line.monthly, method=method), line.source)
        )
    return (*items, CostItem("total", 1, "", Estimate.of(total, method=method), ""))


def monthly_total(topology: Topology, draws: Draws) -> CostItem:
    """Gives the last line of the bill alone, in worlds that are drawn already."""
    total = monthly_worlds(topology, draws)
    return CostItem("total", 1, "", Estimate.of(total, method=f"{draws.count} worlds, seed {draws.seed}"), "")


def monthly_worlds(topology: Topology, draws: Draws) -> NDArray[np.float64]:
    """Gives the whole bill in USD a month, one value per world; the same draws make two designs comparable."""
    total = draws.zeros()
    for line in _lines(topology, draws):
        total = total + line.monthly
    return total


@dataclass(frozen=True)
class _Line:
    item: str
    count: float
    unit: str
    monthly: NDArray[np.float64]
    source: str


def _lines(topology: Topology, draws: Draws) -> Iterator[_Line]:
    yield from _instances(topology, draws)
    yield from _volumes(topology, draws)
    public = sum(m.public_address for m in topology.machines if m.instance_type)
    if public:
        yield _hourly("public IPv4 addresses", "public-ipv4", public, draws)
    hidden = {m.zone for m in topology.machines if m.instance_type and not m.public_address}
    if hidden:
        yield _hourly("NAT gateways, one for each zone", "nat-gateway", len(hidden), draws)
    if ".elb." in topology.networks.endpoint:
        yield _hourly("network load balancer", "nlb", 1, draws)
        yield _hourly("network load balancer, capacity units", "nlb-capacity", 1, draws)
    moved = flows(topology, draws)
    for flow in moved:
        yield _moved(flow, draws)
    if hidden:
        yield from _translated(topology, moved, draws)
    yield from _racked(topology, draws)
    if topology.orchestrator:
        price = topology.orchestrator.monthly_cost
        source = "the spec" if price else "not stated: set orchestrator.monthly-cost"
        yield _Line("Omni subscription", 1, "month", draws.zeros() + price, source)


def _hourly(name: str, item: str, count: float, draws: Draws) -> _Line:
    return _Line(
        name, count, "piece", draws.price(item) * count * HOURS_PER_MONTH, draws.sources("price", item)
    )


def _instances(topology: Topology, draws: Draws) -> Iterator[_Line]:
    for kind in sorted({m.instance_type for m in topology.machines if m.instance_type}):
        count = sum(m.instance_type == kind for m in topology.machines)
        if draws.priced(kind):
            yield _hourly(f"EC2 {kind}", kind, count, draws)
        else:
            yield _Line(f"EC2 {kind}", count, "piece", draws.zeros(), f"add {kind} to data/prices.csv")


def _volumes(topology: Topology, draws: Draws) -> Iterator[_Line]:
    """EBS volumes; what gp3 may do above its included 3,000 IOPS is not in the spec, so not in the bill.

    io2 has no IOPS included: ``io2-provisioned`` says how many each volume gets.
    """
    for medium in ("gp3", "io2"):
        sizes = [d.size for m in topology.machines if m.instance_type for d in m.disks if d.medium == medium]
        if not sizes:
            continue
        amount = sum(sizes) / 2.0**30
        if draws.priced(medium):
            monthly = draws.price(medium) * amount
            yield _Line(f"EBS {medium}", amount, "GiB", monthly, draws.sources("price", medium))
        else:
            yield _Line(f"EBS {medium}", amount, "GiB", draws.zeros(), f"add {medium} to data/prices.csv")
        if medium == "io2":
            bought = draws.price("io2-provisioned") * len(sizes)
            monthly = bought * draws.price("io2-iops")
            sources = draws.sources("price", "io2-iops", "io2-provisioned")
            yield _Line("EBS io2, provisioned IOPS", float(bought.mean()), "IOPS", monthly, sources)


def _moved(flow: Flow, draws: Draws) -> _Line:
    import numpy as np

    item, across = {
        "zones": ("inter-az", "between zones"),
        "regions": ("inter-region", "between regions"),
        "internet": ("egress", "out of the region"),
    }[flow.crosses]
    monthly = flow.bytes / GB * draws.price(item)
    source = f"{flow.source}; {draws.sources('price', item)}"
    return _Line(f"{flow.name}, {across}", float(np.median(flow.bytes)) / GB, "GB", monthly, source)


def _translated(topology: Topology, moved: tuple[Flow, ...], draws: Draws) -> Iterator[_Line]:
    """What leaves instances without a public address goes through NAT gateways, which take their own price a GB."""
    import numpy as np

    out = [flow for flow in moved if flow.crosses == "internet"]
    instances = [m for m in topology.machines if m.instance_type]
    share = sum(not m.public_address for m in instances) / len(instances)
    passed = share * sum((flow.bytes for flow in out), start=draws.zeros()) / GB
    source = f"{draws.sources('price', 'nat-gb')}; instances send alike"
    yield _Line("NAT gateways, bytes", float(np.median(passed)), "GB", passed * draws.price("nat-gb"), source)


INCLUDED_MEMORY = {"16-cores": 128 * GIB, "32-cores": 512 * GIB}
"""What a server of the price table comes with, bytes (prices.csv, server-16-cores and server-32-cores)."""


def _racked(topology: Topology, draws: Draws) -> Iterator[_Line]:
    racked = [m for m in topology.machines if not m.instance_type]
    for size in ("16-cores", "32-cores"):
        count = sum((m.cores > 16) == (size == "32-cores") for m in racked)
        if count:
            bought = draws.price(f"server-{size}") / draws.price("server-life")
            sources = draws.sources("price", f"server-{size}", "server-life")
            yield _Line(
                f"servers of {size.replace('-', ' ')}, depreciation", count, "piece", count * bought, sources
            )
            power = count * draws.price(f"server-power-{size}")
            sources = draws.sources("price", f"server-power-{size}", "colocation")
            yield _Line(
                f"servers of {size.replace('-', ' ')}, colocation",
                count,
                "piece",
                power * draws.price("colocation"),
                sources,
            )
        large = size == "32-cores"
        more = (
            sum(max(0.0, m.memory - INCLUDED_MEMORY[size]) for m in racked if (m.cores > 16) == large) / GIB
        )
        if more:
            monthly = more * draws.price("server-memory") / draws.price("server-life")
            sources = draws.sources("price", "server-memory", "server-life")
            yield _Line(f"more memory in servers of {size.replace('-', ' ')}", more, "GiB", monthly, sources)
    if racked:
        monthly = len(racked) * draws.price("remote-hands")
        yield _Line("remote hands", len(racked), "server", monthly, draws.sources("price", "remote-hands"))
        yield from _uplinks(topology, draws)
        yield from _transit(topology, draws)
    switches = [group for group in topology.of(MachineGroup) if group.technology == "switch"]
    if switches:
        monthly = len(switches) * draws.price("tor-switch") / draws.price("server-life")
        sources = draws.sources("price", "tor-switch", "server-life")
        yield _Line("top-of-rack switches, depreciation", len(switches), "piece", monthly, sources)


def _uplinks(topology: Topology, draws: Draws) -> Iterator[_Line]:
    """The port of each data centre's widest uplink."""
    ports: Counter[str] = Counter()
    for site in topology.sites:
        if site.place == "datacentre":
            ways = [x.bandwidth for x in topology.links if site.name in (x.a, x.b) and x.a != x.b]
            if ways:
                ports["uplink-10g" if max(ways) > 1e9 else "uplink-1g"] += 1
    for item, count in sorted(ports.items()):
        what = "more than" if item == "uplink-10g" else "up to"
        yield _Line(
            f"uplink of the data centre, port of {what} 1 Gbps",
            count,
            "piece",
            count * draws.price(item),
            draws.sources("price", item),
        )


def _transit(topology: Topology, draws: Draws) -> Iterator[_Line]:
    """The data centre's way to the internet, by what the chains on its machines move at the median."""
    from meshlab.planning.tables import grows_as, growth

    table = growth()
    racked = {m.name for m in topology.machines if not m.instance_type}
    loads = [
        w
        for w in topology.workloads
        for name in w.machines[: w.replicas]
        if name in racked and not w.group and (grows_as(w, table), "traffic") in table
    ]
    if loads:
        each = (
            draws.triangle(f"{name}/traffic", table[name, "traffic"])
            for name in (grows_as(w, table) for w in loads)
        )
        rate = sum(each, start=draws.zeros())
        source = f"{draws.sources('price', 'transit')}; data/growth.csv"
        yield _Line(
            "IP transit of the chains", float(rate.mean()), "Mbps", rate * draws.price("transit"), source
        )
