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

from meshlab.validation.stored import cell_name, compared, documents, goals, target
from meshlab.validation.tables import SHARES, TITLES

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data" / "validation"
PAGE = ROOT / "docs" / "validation.md"
PROSE = DATA / "prose.md"

Document = dict[str, Any]


def page() -> str:
    """Gives the whole page."""
    found = compared(DATA)
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
    yield "Kubernetes API on etcd: what a client sees", those(lambda s: s["system"] == "api")
    yield "WireGuard peers (KubeSpan)", those(lambda s: s["system"] == "mesh")


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
                lines.append(_row(cell_name(document["setting"]), title, pair, document["machine"]["load"]))
        for key, title in SHARES.items():
            pair = document["comparison"].get(key)
            if pair is not None and (
                pair["real"]["count"] or pair["simulated"] > 0.005 or key == "leader_changed"
            ):
                lines.append(_share_row(cell_name(document["setting"]), title, pair))
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
        s.get("cut", 0.0),
        s.get("server", ""),
        s["seed"],
    )


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


def _targets(found: dict[str, Document]) -> list[str]:
    lines = ["| target | cells | reached in | worst |", "|---|---|---|---|"]
    return lines + ["| " + " | ".join(target(*row)) + " |" for row in goals(found)]


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

    for name, document in documents(DATA).items():
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
