"""What the cluster costs in a month, cloud and rack alike, item by item."""

from __future__ import annotations

from dataclasses import dataclass

from meshlab.model import Estimate, Topology
from meshlab.planning.tables import Row, prices

HOURS_PER_MONTH = 730.0


@dataclass(frozen=True)
class CostItem:
    """One line of the bill: how many of what, and USD a month with its interval."""

    item: str
    count: float
    monthly: Estimate
    source: str


def monthly_cost(topology: Topology) -> tuple[CostItem, ...]:
    """Gives the monthly bill in USD; its last line is the total (sum of lows, mids and highs: an outer bound).

    Prices come from ``data/prices.csv`` with date and source. An instance type without a price is listed with
    what is missing instead of a silent zero.
    """
    table = prices()
    items = [*_instances(topology, table), *_disks(topology, table), *_network(topology, table)]
    racked = [m for m in topology.machines if not m.instance_type]
    if racked:
        items.append(_item("racked servers", len(racked), table["server-month"], 1.0))
    if topology.orchestrator:
        price = topology.orchestrator.monthly_cost
        source = "the spec" if price else "not stated: set orchestrator.monthly-cost"
        items.append(CostItem("Omni subscription", 1, Estimate(price, price, price, 1.0, "given"), source))
    total = Estimate(
        sum(i.monthly.low for i in items),
        sum(i.monthly.mid for i in items),
        sum(i.monthly.high for i in items),
        method="sum of the items' bounds",
    )
    return (*items, CostItem("total", 1, total, ""))


def _item(name: str, count: float, row: Row, per: float) -> CostItem:
    monthly = Estimate(
        row.low * count * per, row.mid * count * per, row.high * count * per, method="price table"
    )
    return CostItem(name, count, monthly, row.source)


def _instances(topology: Topology, table: dict[str, Row]) -> list[CostItem]:
    found = []
    types = sorted({m.instance_type for m in topology.machines if m.instance_type})
    for kind in types:
        count = sum(m.instance_type == kind for m in topology.machines)
        if kind in table:
            found.append(_item(f"EC2 {kind}", count, table[kind], HOURS_PER_MONTH))
        else:
            unknown = Estimate(0.0, 0.0, 0.0, 0.0, "no price known")
            found.append(CostItem(f"EC2 {kind}", count, unknown, f"add {kind} to data/prices.csv"))
    return found


def _disks(topology: Topology, table: dict[str, Row]) -> list[CostItem]:
    gigabytes = (
        sum(d.size for m in topology.machines if m.instance_type for d in m.disks if d.medium == "gp3") / 1e9
    )
    return [_item("EBS gp3", round(gigabytes), table["gp3"], 1.0)] if gigabytes else []


def _network(topology: Topology, table: dict[str, Row]) -> list[CostItem]:
    found = []
    public = sum(m.public_address for m in topology.machines)
    if public:
        found.append(_item("public IPv4 addresses", public, table["public-ipv4"], HOURS_PER_MONTH))
    zones = {m.zone for m in topology.control_plane if m.zone}
    if len(zones) > 1:
        traffic, price = table["consensus-traffic"], table["inter-az"]
        found.append(_traffic("traffic between zones", traffic, price))
    if len({m.site for m in topology.machines}) > 1:
        found.append(_traffic("egress to the data centre", table["site-egress"], table["egress"]))
    return found


def _traffic(name: str, volume: Row, price: Row) -> CostItem:
    monthly = Estimate(
        volume.low * price.low, volume.mid * price.mid, volume.high * price.high, method="volume times price"
    )
    return CostItem(name, volume.mid, monthly, f"{volume.source}; {price.source}")
