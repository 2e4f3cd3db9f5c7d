"""A validation document as tables for people."""

from __future__ import annotations

from typing import Any

from meshlab.validation.statistics import name
from meshlab.views.text_table import text_table

TITLES = {
    "leader_after_ms": "until a survivor leads",
    "stepped_down_ms": "until the old leader steps down",
    "outage_ms": "until a writer gets through again",
    "latency_ms": "latency of a put",
    "serving_after_ms": "until a pod answers as active",
}
"""What each compared quantity is called."""
SHARES = {
    "split_vote": "elections that took more than one term",
    "no_leader": "no leader at all",
    "leader_changed": "the leader or the term changed",
}


def text(document: dict[str, Any]) -> str:
    """Gives the comparison: a table of quantiles in milliseconds, then the shares."""
    rows = []
    for key, title in TITLES.items():
        found = document["comparison"].get(key)
        if found is None:
            continue
        for side in ("real", "simulated"):
            cells = [f"{q['value']:.4g} [{q['low']:.4g}, {q['high']:.4g}]" for q in found[side]]
            rows.append([title, side, str(found[f"{side}_n"]), *cells])
        errors = [f"{found['error_percent'][name(p)]:+.1f} %" for p in (0.5, 0.9, 0.99)]
        rows.append(["", f"error; KS {found['ks']:.3f}, p {found['p_value']:.2g}", "", *errors])
    lines = (
        [text_table("", ("quantity, ms", "side", "n", "p50 [95 %]", "p90 [95 %]", "p99 [95 %]"), rows)]
        if rows
        else []
    )
    for key, title in SHARES.items():
        found = document["comparison"].get(key)
        if found is not None:
            real = found["real"]
            lines.append(
                f"{title}: real {real['count']} of {real['of']} [{real['low']:.3f}, {real['high']:.3f}], "
                f"simulated {found['simulated']:.3f}"
            )
    setting = document["setting"]
    machine, programs = document["machine"], document["versions"]
    lines.append(
        f"{', '.join(f'{name} {number}' for name, number in programs.items())}; polled every "
        f"{setting['poll'] * 1000:g} ms; writers wait {setting['client_timeout']:g} s; "
        f"{machine['processor']}, {machine['cpus']} CPUs, load {machine['load']}"
    )
    return "\n".join(lines)
