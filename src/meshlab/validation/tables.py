"""A validation document as rows for people."""

from __future__ import annotations

from typing import Any

from meshlab.validation.statistics import name

COLUMNS = ("quantity, ms", "side", "n", "p50 [95 %]", "p90 [95 %]", "p99 [95 %]")
TITLES = {
    "leader_after_ms": "until there is a new leader",
    "serving_after_ms": "until a pod answers as active",
    "stepped_down_ms": "until the old leader steps down",
    "outage_ms": "until a writer gets through again",
    "latency_ms": "latency of a put",
    "read_outage_ms": "until a reader gets through again",
    "back_ms": "from the heal until packets come through both ways",
    "black_hole_ms": "from the fault until packets come through both ways",
    "carried_on_ms": "how long the open direction carried on",
    "marked_down_ms": "until Talos calls the peer down",
}
"""What each compared quantity is called."""
SHARES = {
    "split_vote": "elections that took more than one term",
    "no_leader": "no leader at all",
    "leader_changed": "the leader or the term changed",
    "not_back": "no packets both ways 15 s after the heal",
    "marked_down": "Talos had called the peer down when it healed",
}


def rows(document: dict[str, Any]) -> list[list[str]]:
    """Gives real, simulated and error of each compared quantity, in milliseconds."""
    found = []
    for key, title in TITLES.items():
        compared = document["comparison"].get(key)
        if compared is None:
            continue
        for side in ("real", "simulated"):
            cells = [f"{q['value']:.4g} [{q['low']:.4g}, {q['high']:.4g}]" for q in compared[side]]
            found.append([title, side, str(compared[f"{side}_n"]), *cells])
        errors = [f"{compared['error_percent'][name(p)]:+.1f} %" for p in (0.5, 0.9, 0.99)]
        found.append(["", f"error; KS {compared['ks']:.3f}, p {compared['p_value']:.2g}", "", *errors])
    return found


def remarks(document: dict[str, Any]) -> list[str]:
    """Gives the shares, and what the numbers belong to."""
    lines = []
    for key, title in SHARES.items():
        found = document["comparison"].get(key)
        if found is not None:
            real = found["real"]
            lines.append(
                f"{title}: real {real['count']} of {real['of']} [{real['low']:.3f}, {real['high']:.3f}], "
                f"simulated {found['simulated']:.3f}"
            )
    setting, machine = document["setting"], document["machine"]
    how = f"polled every {setting['poll'] * 1000:g} ms; clients wait {setting['client_timeout']:g} s"
    if setting["system"] == "mesh":
        how = f"a packet each way every {setting['poll'] * 1000:g} ms"
    lines.append(
        f"{', '.join(f'{name} {number}' for name, number in document['versions'].items())}; {how}; "
        f"{machine['processor']}, {machine['cpus']} CPUs, load {machine['load']}"
    )
    return lines
