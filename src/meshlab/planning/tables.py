"""Reading the tables of prices and sizes that come with meshlab: low, mid and high with unit and source."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from meshlab.model.spec import data_file

TRIANGULAR = "triangular between low, mid and high of the table"


@dataclass(frozen=True)
class Row:
    """One number of a table: its three points, unit and source."""

    low: float
    mid: float
    high: float
    unit: str
    source: str


def prices() -> dict[str, Row]:
    """Gives the price table by item."""
    return {keys["item"]: row for keys, row in _rows("prices.csv")}


def traffic() -> dict[str, Row]:
    """Gives rates and sizes of the control plane's own traffic by quantity."""
    return {keys["quantity"]: row for keys, row in _rows("traffic.csv")}


def latencies() -> dict[str, Row]:
    """Gives what the stations of a request's way take, by quantity."""
    return {keys["quantity"]: row for keys, row in _rows("latency.csv")}


def explored() -> dict[str, Row]:
    """Gives what designs are explored with (disks, switches, taking over), by quantity."""
    return {keys["quantity"]: row for keys, row in _rows("explore.csv")}


def growth() -> dict[tuple[str, str], Row]:
    """Gives sizes and growth by (workload, quantity)."""
    return {(keys["workload"], keys["quantity"]): row for keys, row in _rows("growth.csv")}


def _rows(name: str) -> tuple[tuple[dict[str, str], Row], ...]:
    path = data_file(name)
    return _read(path, path.stat().st_mtime_ns)


@lru_cache
def _read(path: Path, changed: int) -> tuple[tuple[dict[str, str], Row], ...]:
    """Reads a table once, and again when the file has `changed`."""
    with path.open(newline="", encoding="utf-8") as file:
        return tuple((row, _row(row)) for row in csv.DictReader(file))


def _row(row: dict[str, str]) -> Row:
    dated = f"{row['source']}, {row['date']}" if row.get("date") else row["source"]
    return Row(float(row["low"]), float(row["mid"]), float(row["high"]), row["unit"], dated)
