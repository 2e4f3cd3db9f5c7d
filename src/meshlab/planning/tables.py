"""Reading the tables of prices and sizes that come with meshlab: low, mid and high with unit and source."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from meshlab.model import Workload
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


SOURCED = frozenset("SMDT")
"""Marks of a provenance that somebody can look up: read [S], measured [M], derived [D], the user's own [T]."""


def rests_on(provenances: Iterable[str]) -> str:
    """Says what numbers with these provenances rest on: sourced, partly estimated, estimate, or no growth.

    Estimated [E], recalled [R] and unmarked numbers are estimates. Where there is no number nothing grows.
    """
    marks: set[str] = set()
    for text in provenances:
        marks |= set(re.findall(r"\[([SDREMT])[\] ]", text)) or {"E"}
    if not marks:
        return "no growth"
    if marks <= SOURCED:
        return "sourced"
    return "partly estimated" if marks & SOURCED else "estimate"


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
    """Gives sizes and growth by (workload, quantity); a workload is named, or meant by its role (:func:`grows_as`)."""
    return {(keys["workload"], keys["quantity"]): row for keys, row in _rows("growth.csv")}


@dataclass(frozen=True)
class Document:
    """What a code in a provenance (``A.etcd quota``) stands for: a document, its address where it has one, its date."""

    title: str
    url: str
    date: str


def documents() -> dict[str, Document]:
    """Gives the documents of ``data/sources.csv`` by their codes."""
    path = data_file("sources.csv")
    return _documents(path, path.stat().st_mtime_ns)


@lru_cache
def _documents(path: Path, changed: int) -> dict[str, Document]:
    with path.open(newline="", encoding="utf-8") as file:
        return {
            row["code"]: Document(row["document"], row["url"], row["date"]) for row in csv.DictReader(file)
        }


def grows_as(workload: Workload, table: Mapping[tuple[str, str], Row]) -> str:
    """Gives the name of a workload's rows in growth.csv: its own where it has some, else its role's.

    Two Solana nodes of a spec are `solana-a` and `solana-b`, and both are Solana nodes.
    """
    named = {name.split("/")[0] for name, _ in table}
    return workload.name if workload.name in named else workload.role


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
