"""Fault trees of the Aralia set and the reference cluster: ours against SCRAM and dd/CUDD; one JSON line.

Per model and side: seconds of wall and of processor time, and the answer. Ours gives probability, the number of
minimal cut sets and every importance; SCRAM in its fair mode (`--bdd --probability 1 -l 1`) the probability only;
dd.cudd the probability, in depth-first order with CUDD's own reordering. Arguments: names of models (all of them
where none is named); `--no-cudd` leaves that side out, `--timeout S` bounds ours per model (the others: `--other S`).
Warm-up apart: the kernels are compiled before the first measure. `--small`: two models that take moments. The table
compares processor seconds over the models that both sides solved; dd.cudd's are without Python's start and imports.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import Document, Row, options, said

from meshlab.availability import availability
from meshlab.availability.exact.solve import solve
from meshlab.availability.trees.open_psa.read import read_open_psa
from meshlab.model.spec import reference

DATA = Path(__file__).parents[2] / "shared" / "data" / "aralia"
ERRATA = {"das9204": 2.16942e-11}  # three engines agree; the published table has another number
REFERENCE_RUNS = 7
SMALL = ("chinese", "isp9606")
TREES = "Aralia fault trees"


def published() -> dict[str, tuple[int | None, float | None]]:
    """Gives cut sets and probability per model, as printed in the README beside the models."""
    rows: dict[str, tuple[int | None, float | None]] = {}
    for line in (DATA.parent / "README.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and (DATA / f"{cells[0]}.xml").is_file():
            known = cells[1] != "unknown"
            count = int(float(cells[1].replace(",", ""))) if known else None
            probability = float(cells[2]) if cells[2] != "unknown" else None
            rows[cells[0]] = (count, ERRATA.get(cells[0], probability))
    return rows


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    answer = work()
    return answer, time.perf_counter() - wall, time.process_time() - processor


def ours(model: str, timeout: float) -> dict[str, Any]:
    file = DATA / f"{model}.xml"
    answer, wall, processor = timed(lambda: solve(read_open_psa(file), file, timeout=timeout))
    return {
        "s": round(wall, 3),
        "cpu_s": round(processor, 3),
        "status": answer.status,
        "p": answer.probability,
        "bounds": list(answer.bounds),
        "cut_sets": answer.cut_set_count,
        "importances": len(answer.importance),
    }


def child(command: list[str], timeout: float) -> tuple[str | None, float, float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
        output: str | None = done.stdout if done.returncode == 0 else None
    except subprocess.TimeoutExpired:
        output = None
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return output, time.perf_counter() - start, processor


def scram(model: str, timeout: float) -> dict[str, Any]:
    command = ["scram", "--bdd", "--probability", "1", "-l", "1", str(DATA / f"{model}.xml")]
    output, wall, processor = child(command, timeout)
    found = re.search(r'<sum-of-products [^>]*probability="([^"]+)"', output or "")
    return {"s": round(wall, 3), "cpu_s": round(processor, 3), "p": float(found[1]) if found else None}


CUDD = """
import sys, time
from pathlib import Path
from dd.cudd import BDD
from meshlab.availability.trees.open_psa.read import read_open_psa
from meshlab.availability.diagrams.ordering import depth_first
start = time.process_time()
tree = read_open_psa(Path(sys.argv[1]))
c = tree.circuit()
m = BDD(memory_estimate=4 * 2**30)
m.configure(reordering=True, max_memory=4 * 2**30)
order = depth_first(c)
m.declare(*(c.events[n - 2] for n in order))
made = [None, m.true, *(m.var(e) if n + 2 in set(order) else m.false for n, e in enumerate(c.events))]
for gate in c.gates:
    args = [made[a] if a > 0 else ~made[-a] for a in gate.args]
    if gate.op == "and":
        held = m.true
        for a in args:
            held &= a
    else:
        row = [m.true] + [m.false] * gate.k
        for a in args:
            for j in range(gate.k, 0, -1):
                row[j] = row[j] | (a & row[j - 1])
        held = row[gate.k]
    made.append(held)
root = made[c.top] if c.top > 0 else ~made[-c.top]
down = {name: e.mean for name, e in tree.events.items()}
known = {}
def of(edge):
    if edge == m.true or edge == m.false:
        return (1.0, 0.0) if edge == m.true else (0.0, 1.0)
    plain = ~edge if edge.negated else edge
    if int(plain) not in known:
        q = down[plain.var]
        (a, b), (c, d) = of(plain.low), of(plain.high)
        known[int(plain)] = ((1 - q) * a + q * c, (1 - q) * b + q * d)
    p, no = known[int(plain)]
    return (no, p) if edge.negated else (p, no)
sys.setrecursionlimit(10000)
print(of(root)[0], time.process_time() - start)
"""


def cudd(model: str, timeout: float) -> dict[str, Any]:
    output, wall, processor = child([sys.executable, "-c", CUDD, str(DATA / f"{model}.xml")], timeout)
    if output:
        p, processor = map(float, output.split())
    return {"s": round(wall, 3), "cpu_s": round(processor, 3), "p": p if output else None}


def judged(model: dict[str, Any], count: int | None, probability: float | None) -> dict[str, Any]:
    """Adds whether probability (six digits) and cut sets are those published."""
    mine = model["ours"]
    same = probability is not None and mine["p"] is not None and abs(mine["p"] / probability - 1) < 5e-6
    return {**model, "p_as_published": same, "cut_sets_as_published": mine["cut_sets"] == count}


def cluster() -> dict[str, float]:
    """Gives the seconds of all services of the reference cluster: the first time, and once diagrams are known."""
    topology = reference()
    from meshlab.availability.exact.exact import service_diagrams

    service_diagrams.cache_clear()
    _, first, first_cpu = timed(lambda: availability(topology))
    again = [timed(lambda: availability(topology))[1:] for _ in range(REFERENCE_RUNS)]
    return {
        "first_s": round(first, 4),
        "first_cpu_s": round(first_cpu, 4),
        "again_s": round(min(wall for wall, _ in again), 4),
        "again_cpu_s": round(min(processor for _, processor in again), 4),
        "target_s": 0.05,
    }


def other_sides(no_cudd: bool) -> tuple[dict[str, Callable[[str, float], Document]], list[str]]:
    """Gives the other sides that can be run here, and of those that cannot the reason."""
    sides: dict[str, Callable[[str, float], Document]] = {}
    missing = []
    if shutil.which("scram"):
        sides["scram"] = scram
    else:
        missing.append("SCRAM: not on PATH")
    if no_cudd:
        missing.append("dd.cudd: left out (--no-cudd)")
    elif importlib.util.find_spec("dd") is None or importlib.util.find_spec("dd.cudd") is None:
        missing.append("dd.cudd: not in this Python (pip install dd)")
    else:
        sides["cudd"] = cudd
    return sides, missing


def aralia(asked: argparse.Namespace) -> Document:
    """Measures the models on each side that there is."""
    if not DATA.is_dir():
        return {"skipped": "no ../shared/data/aralia beside the project"}
    known = published()
    sides, missing = other_sides(asked.no_cudd)
    solve(read_open_psa(DATA / "baobab2.xml"), timeout=30)
    models = []
    for name in asked.models or (SMALL if asked.small else sorted(known)):
        row: Document = {"model": name, "ours": ours(name, asked.timeout)}
        row |= {side: work(name, asked.other) for side, work in sides.items()}
        models.append(judged(row, *known[name]))
        print(json.dumps(models[-1]), file=sys.stderr, flush=True)
    solvable = [m for m in models if known[m["model"]][1] is not None]
    totals = {
        side: {
            "solved": sum(m[side]["p"] is not None for m in solvable),
            "s": round(sum(m[side]["s"] for m in solvable), 2),
            "cpu_s": round(sum(m[side]["cpu_s"] for m in solvable), 2),
        }
        for side in ("ours", *sides)
    }
    return {
        "models": models,
        "missing": missing,
        "of": len(solvable),
        "totals": totals,
        "p_as_published": sum(m["p_as_published"] for m in solvable),
        "cut_sets_as_published": sum(m["cut_sets_as_published"] for m in solvable),
        "target_total_s": 10,
    }


def rows(trees: Document, reference_cluster: Document) -> list[Row]:
    """Gives one row per other side, over what both solved; one for each that is missing; one for the cluster."""
    found = []
    for side in trees.get("totals", ()):
        if side != "ours":
            found.append(beside(side, trees))
    if not found and "totals" in trees:
        found = [Row(TREES, trees["totals"]["ours"]["cpu_s"], None, "s", note="budget 10 s")]
    missing = [trees["skipped"]] if "skipped" in trees else trees["missing"]
    found += [Row(TREES, None, None, "s", note=f"missing: {why}") for why in missing]
    again = reference_cluster["again_cpu_s"]
    return [*found, Row("availability of the reference", again, None, "s", note="again; budget 0.05 s")]


def beside(side: str, trees: Document) -> Row:
    """Gives the row of ours and one other side, over the models that both solved."""
    both = [m for m in trees["models"] if m["ours"]["p"] is not None and m[side]["p"] is not None]
    ours_s, theirs_s = (sum(m[one]["cpu_s"] for m in both) for one in ("ours", side))
    ours_of, theirs_of = (trees["totals"][one]["solved"] for one in ("ours", side))
    note = f"{side}, {len(both)} models: of {trees['of']} it solved {theirs_of}, ours {ours_of}"
    return Row(TREES, ours_s, theirs_s, "s", note=note)


def measure(asked: argparse.Namespace) -> list[Document]:
    availability(reference())
    trees, found = aralia(asked), cluster()
    document = {"benchmark": "availability", **trees, "reference_cluster": found}
    return [document | {"rows": rows(trees, found)}]


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser()
    found.add_argument("models", nargs="*")
    found.add_argument("--timeout", type=float, default=30.0)
    found.add_argument("--other", type=float, default=30.0)
    found.add_argument("--no-cudd", action="store_true")
    return found


if __name__ == "__main__":
    said(measure(options(parser())), "dd", "numba")
