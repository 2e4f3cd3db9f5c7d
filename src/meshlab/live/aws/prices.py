"""Today's list prices through the AWS Pricing API, in the form of the shipped price table."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from meshlab.live.aws.session import AwsSession
from meshlab.model.errors import LiveError
from meshlab.planning.tables import Row

PRICING_REGION = "us-east-1"
"""The Pricing API answers in a few regions only; it knows the prices of all [AWS Price List Query API]."""


def live_prices(
    session: AwsSession, region: str, instance_types: Iterable[str], volumes: Iterable[str] = ("gp3",)
) -> dict[str, Row]:
    """Gives on-demand prices (Linux, shared tenancy) and those of EBS storage, keyed like ``data/prices.csv``.

    Parameters
    ----------
    session
        A session in `PRICING_REGION`; it needs pricing:GetProducts.
    region
        Whose prices.
    volumes
        Kinds of EBS volumes; what io2 takes for its IOPS has tiers and stays the table's.

    Raises
    ------
    AwsError
        The API refused or could not be reached.
    LiveError
        The API knows no price, or more than one, for what was asked.
    """
    today = datetime.now(UTC).date().isoformat()
    found: dict[str, Row] = {}
    for kind in sorted(set(instance_types)):
        filters = {
            "instanceType": kind,
            "regionCode": region,
            "operatingSystem": "Linux",
            "tenancy": "Shared",
            "preInstalledSw": "NA",
            "capacitystatus": "Used",
        }
        found[kind] = _one(session, "AmazonEC2", filters, "USD/h", f"AWS Pricing API, {region}, {today} [S]")
    for kind in sorted(set(volumes)):
        storage = {"regionCode": region, "productFamily": "Storage", "volumeApiName": kind}
        source = f"AWS Pricing API, {region}, {today} [S]"
        found[kind] = _one(session, "AmazonEC2", storage, "USD/GB-month", source)
    return found


def _one(session: AwsSession, service: str, filters: dict[str, str], unit: str, source: str) -> Row:
    rows = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in filters.items()]
    listed = session.rows("pricing", "get_products", "PriceList", ServiceCode=service, Filters=rows)
    prices = {price for text in listed for price in _on_demand(json.loads(str(text))) if price > 0}
    if len(prices) != 1:
        asked = ", ".join(f"{name} {value}" for name, value in filters.items())
        known = "no price" if not prices else f"{len(prices)} different prices"
        raise LiveError(
            f"the AWS Pricing API knows {known} for {asked}; leave --live-prices out to use the table"
        )
    price = prices.pop()
    return Row(price, price, price, unit, source)


def _on_demand(product: dict[str, Any]) -> list[float]:
    offers = product.get("terms", {}).get("OnDemand", {}).values()
    return [
        float(dimension["pricePerUnit"]["USD"])
        for offer in offers
        for dimension in offer.get("priceDimensions", {}).values()
        if "USD" in dimension.get("pricePerUnit", {})
    ]
