"""The validation's record: docs/validation.md, written from the result files; and their simulated side made anew.

    python scripts/validation.py write            # docs/validation.md from data/validation/*.json
    python scripts/validation.py check            # is the page what the files say? exit code 1 if not
    python scripts/validation.py simulate [NAME]  # the simulated side of the files computed again with today's model

A result file comes from `meshlab validate ... --output data/validation`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from meshlab.validation.tables import SHARES, TITLES

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data" / "validation"
PAGE = ROOT / "docs" / "validation.md"
PROSE = DATA / "prose.md"

Document = dict[str, Any]


def documents() -> dict[str, Document]:
    """Gives every result by the name of its file, in order."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(DATA.glob("*.json"))}


def compared() -> dict[str, Document]:
    """Gives the results that have a simulated side; one that was cut off has none until `simulate` is run."""
    return {name: document for name, document in documents().items() if "comparison" in document}


def page() -> str:
    """Gives the whole page."""
    found = compared()
    before, _, after = PROSE.read_text().partition("<!-- tables -->\n")
    parts = [before.rstrip(), "", "## Targets", "", *_targets(found), ""]
    for title, chosen in _chapters(found):
        parts += [f"## {title}", "", *_table(chosen), ""]
    parts += ["## Machine and versions", "", *_machines(found.values()), "", after.strip(), ""]
    return "\n".join(parts)


def _chapters(found: dict[str, Document]) -> Iterable[tuple[str, list[Document]]]:
    def those(test: Callable[[Document], bool]) -> list[Document]:
        return [d for d in found.values() if test(d["setting"])]

    yield "etcd: a new leader", those(lambda s: s["system"] == "etcd" and s["measure"] == "leadership")
    yield "etcd: what a client sees", those(lambda s: s["system"] == "etcd" and s["measure"] == "outage")
    yield "etcd: latency of a put", those(lambda s: s["measure"] == "commit")
    yield "Vault (OpenBao)", those(lambda s: s["system"] == "vault")
    yield "Kubernetes API", those(lambda s: s["system"] == "api")


def _table(chosen: list[Document]) -> list[str]:
    if not chosen:
        return ["Not measured yet."]
    lines = [
        "| cell | quantity | real n | real p50 / p90 / p99, ms | simulated p50 / p90 / p99, ms "
        "| errors, % | KS | p | load |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for document in sorted(chosen, key=_order):
        for key, title in TITLES.items():
            pair = document["comparison"].get(key)
            if pair is not None:
                lines.append(_row(_cell(document["setting"]), title, pair, document["machine"]["load"]))
        for key, title in SHARES.items():
            pair = document["comparison"].get(key)
            if pair is not None and (
                pair["real"]["count"] or pair["simulated"] > 0.005 or key == "leader_changed"
            ):
                lines.append(_share_row(_cell(document["setting"]), title, pair))
    return lines


def _order(document: Document) -> tuple[Any, ...]:
    s = document["setting"]
    return (
        s["fault"],
        s["members"],
        -s["election"],
        s["link_delay"],
        s["clients"],
        s["client_timeout"],
        s["seed"],
    )


def _cell(s: Document) -> str:
    if s["measure"] == "commit":
        return f"{s['members']} members, {_ms(s['link_delay'])} one way, {s['clients']} clients"
    timers = f", {s['heartbeat'] * 1000:g}/{s['election'] * 1000:g}" if s["system"] == "etcd" else ""
    delay = f", {_ms(s['link_delay'])} one way" if s["link_delay"] else ""
    patience = f", time-out {s['client_timeout']:g} s" if s["measure"] == "outage" else ""
    again = f", run {s['seed']}" if s["seed"] != 1 else ""
    return f"{s['fault']}, {s['members']} members{timers}{delay}{patience}{again}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:g} ms"


def _row(cell: str, title: str, c: Document, load: list[float]) -> str:
    real = " / ".join(f"{q['value']:.4g} [{q['low']:.4g}, {q['high']:.4g}]" for q in c["real"])
    ours = " / ".join(f"{q['value']:.4g}" for q in c["simulated"])
    errors = " / ".join(f"{v:+.1f}" for v in c["error_percent"].values())
    about = f"{min(load):.0f}-{max(load):.0f}"
    test = f"{c['ks']:.3f} | {c['p_value']:.2g}"
    return f"| {cell} | {title} | {c['real_n']} | {real} | {ours} | {errors} | {test} | {about} |"


def _share_row(cell: str, title: str, c: Document) -> str:
    real = c["real"]
    inside = "inside" if real["low"] <= c["simulated"] <= real["high"] else "outside"
    shares = f"{real['count']} of {real['of']} [{real['low']:.3f}, {real['high']:.3f}]"
    return f"| {cell} | share: {title} | {real['of']} | {shares} | {c['simulated']:.4f} | {inside} | | | |"


# --- what was to be reached


def _targets(found: dict[str, Document]) -> list[str]:
    lines = ["| target | cells | reached in | worst |", "|---|---|---|---|"]
    lines += [_target(*row) for row in _goals(found)]
    return lines


def _goals(found: dict[str, Document]) -> Iterable[tuple[str, list[tuple[str, float, bool]]]]:
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
            (_cell(d["setting"]), d["comparison"]["split_vote"]["simulated"], _inside(d, "split_vote"))
            for d in large
        ],
    )
    delayed = [
        d
        for d in found.values()
        if _is(d, system="etcd", measure="leadership", fault="kill") and d not in kills
    ]
    yield "leader kill over delayed links: KS at most 0.12 (not asked for)", _ks(delayed, 0.12)
    vault = [d for d in found.values() if _is(d, system="vault", fault="kill")]
    yield "Vault, at least 40 kills: KS at most 0.25, raft leader", _ks(vault, 0.25)
    yield "... a pod that answers as active", _ks(vault, 0.25, "serving_after_ms")
    commits = [d for d in found.values() if _is(d, measure="commit")]
    for clients in (1, 16, 64):
        some = [d for d in commits if d["setting"]["clients"] == clients]
        yield f"commit latency p50 within 10 %, {clients} clients", _errors(some, "latency_ms", "p50", 10)
        yield f"commit latency p99 within 25 %, {clients} clients", _errors(some, "latency_ms", "p99", 25)
    outages = [d for d in found.values() if _is(d, system="etcd", measure="outage")]
    yield "client-visible outage p50 within 15 %", _errors(outages, "outage_ms", "p50", 15)


def _is(document: Document, **wanted: Any) -> bool:
    return all(document["setting"][k] == v for k, v in wanted.items())


def _ks(chosen: list[Document], most: float, key: str = "leader_after_ms") -> list[tuple[str, float, bool]]:
    found = [(d, d["comparison"][key]["ks"]) for d in chosen if key in d["comparison"]]
    return [(_cell(d["setting"]), ks, ks <= most) for d, ks in found]


def _errors(chosen: list[Document], key: str, p: str, most: float) -> list[tuple[str, float, bool]]:
    found = [(d, abs(d["comparison"][key]["error_percent"][p])) for d in chosen if key in d["comparison"]]
    return [(_cell(d["setting"]), error, error <= most) for d, error in found]


def _inside(document: Document, key: str) -> bool:
    found = document["comparison"][key]
    return bool(found["real"]["low"] <= found["simulated"] <= found["real"]["high"])


def _target(title: str, results: list[tuple[str, float, bool]]) -> str:
    if not results:
        return f"| {title} | 0 | not measured | |"
    missed = [r for r in results if not r[2]]
    worst = max(missed or results, key=lambda r: r[1])
    reached = f"{len(results) - len(missed)} of {len(results)}"
    return f"| {title} | {len(results)} | {reached} | {worst[1]:.3g} ({worst[0]}) |"


def _machines(found: Iterable[Document]) -> list[str]:
    seen = []
    for document in found:
        m, programs = document["machine"], document["versions"]
        software = {"Python": m["python"], "numpy": m["numpy"], "grpcio": m["grpcio"], **programs}
        listed = ", ".join(f"{name} {number}" for name, number in software.items())
        line = (
            f"- {m['processor']}, {m['cpus']} CPUs, {m['system'].split('-')[0]}; {listed}; {document['when']}"
        )
        if line not in seen:
            seen.append(line)
    return sorted(seen)


def simulate(names: list[str]) -> None:
    """Computes the simulated side of result files again, in place."""
    from meshlab.validation.cell import with_simulation

    for name, document in documents().items():
        if not names or name in names:
            (DATA / f"{name}.json").write_text(json.dumps(with_simulation(document)) + "\n")
            print(name, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("do", choices=["write", "check", "simulate"])
    parser.add_argument("names", nargs="*")
    told = parser.parse_args()
    if told.do == "simulate":
        simulate(told.names)
    elif told.do == "write":
        PAGE.write_text(page())
    elif not PAGE.exists() or PAGE.read_text() != page():
        print("docs/validation.md is not what the result files say: python scripts/validation.py write")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
