"""The results that are kept, what each cell is called, and which targets they reach.

A result file comes from ``meshlab validate ... --output data/validation``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Document = dict[str, Any]
Result = tuple[str, float, bool]
"""A cell, what was measured, and whether that reaches the target."""


def folder() -> Path:
    """Where the results are."""
    from meshlab.model.spec import data_file

    return data_file("reference.yaml").parent / "validation"


def documents(place: Path | None = None) -> dict[str, Document]:
    """Gives every result by the name of its file, in order."""
    return {path.stem: json.loads(path.read_text()) for path in sorted((place or folder()).glob("*.json"))}


def compared(place: Path | None = None) -> dict[str, Document]:
    """Gives the results that have a simulated side; one that was cut off has none until it is computed."""
    return {name: document for name, document in documents(place).items() if "comparison" in document}


def cell_name(s: Document) -> str:
    """Gives what a setting is called in tables."""
    again = f", run {s['seed']}" if s["seed"] != 1 else ""
    delay = f", {_ms(s['link_delay'])}" + (f" ± {_ms(s['jitter'])}" if s["jitter"] else "") + " one way"
    if s["system"] == "mesh":
        away = "away for" if s["fault"] == "restart" else "for"
        return f"{s['fault']} {away} {s['cut']:g} to {s['cut'] + 10:g} s{delay if s['link_delay'] else ''}{again}"
    timers = f", {s['heartbeat'] * 1000:g}/{s['election'] * 1000:g}" if s["system"] != "vault" else ""
    if s["measure"] == "commit":
        return f"{s['members']} members{timers}{delay}, {s['clients']} client{'s' * (s['clients'] > 1)}"
    patience = f", time-out {s['client_timeout']:g} s" if s["measure"] == "outage" else ""
    server = f", {s['server']}" if s.get("server") else ""
    delay = delay if s["link_delay"] else ""
    return f"{s['fault']}, {s['members']} members{timers}{delay}{patience}{server}{again}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:g} ms"


def goals(found: dict[str, Document]) -> Iterable[tuple[str, list[Result]]]:
    """Gives each target with the cells that it is about."""
    kills = [
        d for d in found.values() if _is(d, system="etcd", measure="leadership", fault="kill", link_delay=0.0)
    ]
    large = [d for d in kills if d["real"]["n"] >= 200]
    yield (
        "leader kill, 3 and 5 voters, both timers, at least 200 real kills: KS at most 0.12",
        _ks(large, 0.12),
    )
    yield (
        "... split-vote share inside its 95 % interval",
        [
            (cell_name(d["setting"]), d["comparison"]["split_vote"]["simulated"], _inside(d, "split_vote"))
            for d in large
        ],
    )
    delayed = [
        d
        for d in found.values()
        if _is(d, system="etcd", measure="leadership", fault="kill") and d not in kills
    ]
    yield "leader kill over delayed links: KS at most 0.12 (not asked for)", _ks(delayed, 0.12)
    others = [
        d
        for d in found.values()
        if _is(d, system="etcd", measure="leadership") and d["setting"]["fault"] != "kill"
    ]
    yield (
        "other faults of etcd: new leader p50 within 10 % (not asked for)",
        _errors(others, "leader_after_ms", "p50", 10),
    )
    vault = [d for d in found.values() if _is(d, system="vault", fault="kill")]
    yield "Vault, at least 40 kills: KS at most 0.25, raft leader", _ks(vault, 0.25)
    yield "... a pod that answers as active", _ks(vault, 0.25, "serving_after_ms")
    commits = [d for d in found.values() if _is(d, measure="commit")]
    for clients, called in ((1, "1 client"), (16, "16 clients"), (64, "64 clients")):
        some = [d for d in commits if d["setting"]["clients"] == clients]
        yield f"commit latency p50 within 10 %, {called}", _errors(some, "latency_ms", "p50", 10)
        yield f"commit latency p99 within 25 %, {called}", _errors(some, "latency_ms", "p99", 25)
    outages = [d for d in found.values() if _is(d, system="etcd", measure="outage")]
    yield "client-visible outage p50 within 15 %", _errors(outages, "outage_ms", "p50", 15)
    api = [d for d in found.values() if _is(d, system="api")]
    yield "Kubernetes API, writes: outage p50 within 15 %", _errors(api, "outage_ms", "p50", 15)
    yield "Kubernetes API, reads: outage p50 within 15 %", _errors(api, "read_outage_ms", "p50", 15)
    mesh = [d for d in found.values() if _is(d, system="mesh")]
    yield "WireGuard peers, black hole: KS at most 0.25", _ks(mesh, 0.25, "black_hole_ms")
    yield "WireGuard peers, from the heal: KS at most 0.25", _ks(mesh, 0.25, "back_ms")


def _is(document: Document, **wanted: Any) -> bool:
    return all(document["setting"].get(k) == v for k, v in wanted.items())


def _ks(chosen: list[Document], most: float, key: str = "leader_after_ms") -> list[Result]:
    found = [(d, d["comparison"][key]["ks"]) for d in chosen if key in d["comparison"]]
    return [(cell_name(d["setting"]), ks, ks <= most) for d, ks in found]


def _errors(chosen: list[Document], key: str, p: str, most: float) -> list[Result]:
    found = [(d, abs(d["comparison"][key]["error_percent"][p])) for d in chosen if key in d["comparison"]]
    return [(cell_name(d["setting"]), error, error <= most) for d, error in found]


def _inside(document: Document, key: str) -> bool:
    found = document["comparison"][key]
    return bool(found["real"]["low"] <= found["simulated"] <= found["real"]["high"])


def target(title: str, results: list[Result]) -> tuple[str, str, str, str]:
    """Gives a target as a row: what it is, of how many cells, in how many it is reached, the worst."""
    if not results:
        return title, "0", "not measured", ""
    missed = [r for r in results if not r[2]]
    worst = max(missed or results, key=lambda r: r[1])
    reached = f"{len(results) - len(missed)} of {len(results)}"
    return title, str(len(results)), reached, f"{_worst(title, worst[1])} ({worst[0]})"


def _worst(title: str, value: float) -> str:
    """A value in the unit of its target: an error in per cent, a share of the kills, a distance of two curves."""
    if "split-vote" in title:
        return f"{value:.1%} of the kills"
    return f"{value:.3g} %" if "within" in title else f"KS {value:.3f}"
