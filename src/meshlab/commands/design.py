"""Commands about a design: review, show, import, simulate."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from meshlab.commands.output import (
    Json,
    Sources,
    Spec,
    answer,
    hand_over,
    ready,
    say,
    table,
    topology_of,
    write,
    writing,
)
from meshlab.model.errors import InputError

if TYPE_CHECKING:
    from meshlab.model import Topology


def review(spec: Spec, as_json: Json = False) -> None:
    """Says what an expert would say of a design. Example: `meshlab review data/reference.yaml`"""
    from meshlab.model.review import review as review_design

    findings = review_design(topology_of(spec))
    lines = [
        f"{f.severity.upper():8} {f.rule}\n  {f.message}\n  why: {f.why}\n  evidence: {f.evidence}\n  fix: {f.fix}\n"
        for f in findings
    ]
    answer({"findings": [f.as_json() for f in findings]}, as_json, "\n".join(lines) or "no findings")


def show(
    spec: Spec,
    form: Annotated[
        str, typer.Option("--format", help="table, mermaid, graphml, node-link, yaml or png")
    ] = "table",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="file to write; needed for png")
    ] = None,
    sources: Sources = False,
    as_json: Json = False,
) -> None:
    """Shows a topology. Example: `meshlab show data/reference.yaml --format png -o topology.png`"""
    ready(output)
    topology = topology_of(spec)
    if as_json and form not in ("table", "node-link", "png"):
        raise InputError.single(
            "--json", f"--format {form} is a document of its own", "leave one of the two out"
        )
    if form == "png":
        if output is None:
            raise InputError.single(
                "--format png", "a picture needs a file to go to", "add `-o topology.png`"
            )
        from meshlab.views.topology.plot import plot_topology

        with writing(output):
            plot_topology(topology).savefig(output, dpi=150, format="png")
        answer({"file": str(output)}, as_json, f"wrote {output}")
        return
    text = _exported(topology, form, as_json, sources)
    if output:
        write(output, text + "\n")
        say(f"wrote {output}")
    elif form == "table" and not as_json:
        answer(None, False, text)
    else:
        hand_over(text)


def _exported(topology: Topology, form: str, as_json: bool, sources: bool) -> str:
    from meshlab.model.exchange import EXPORTERS

    if as_json:
        return EXPORTERS["node-link"](topology)
    if form == "table":
        rows = [[c.name, c.kind, _fails(c), c.source if sources else ""] for c in topology]
        return table(topology.name, ["component", "kind", "fails", "source"], rows)
    if form not in EXPORTERS:
        raise InputError.single(
            "--format", f"{form!r} is not a format", f"known: table, png, {', '.join(EXPORTERS)}"
        )
    return EXPORTERS[form](topology)


def _fails(component: Any) -> str:
    from meshlab.model.units import duration

    reliability = component.reliability
    if reliability is None:
        return ""
    return f"{reliability.rate * 31557600:.3g}/y, {duration(reliability.repair.mean)}"


def import_(
    design: Annotated[
        Path, typer.Argument(metavar="DESIGN", help="Markdown with a Mermaid flowchart, or a .mmd file")
    ],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="the spec file to write")] = None,
    as_json: Json = False,
) -> None:
    """Makes a spec of a drawn design, its gaps marked. Example: `meshlab import design.md -o cluster.yaml`"""
    from meshlab.model.exchange import import_design
    from meshlab.model.spec import dump

    ready(output)
    imported = import_design(design)
    text = dump(imported.topology)
    if output:
        write(output, text)
        say(f"wrote {output}")
    gaps = [{"component": g.component, "field": g.field, "message": g.text} for g in imported.gaps]
    if as_json:
        print(json.dumps({"spec": text, "gaps": gaps, "output": str(output) if output else None}, indent=2))
        return
    if not output:
        hand_over(text)
    for gap in gaps:
        say(f"gap: {gap['component']}, {gap['field']}: {gap['message']}")


def simulate(
    spec: Spec,
    scenario: Annotated[
        Path, typer.Option("--scenario", help="a scenario file, for example data/scenarios/lose-master.yaml")
    ],
    replicates: Annotated[int, typer.Option(min=1, help="how many histories to simulate")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same bits")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="processes; the answer is the same for any number")] = 1,
    scheduler: Annotated[
        str, typer.Option(help="replicates on a Dask cluster: its scheduler's address, tcp://HOST:8786")
    ] = "",
    measured: Annotated[
        Path | None,
        typer.Option("--parameters", help="what `calibrate` measured (.calibration.json), or a CSV"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Simulates a scenario. Example: `meshlab simulate data/reference.yaml --scenario data/scenarios/lose-zone.yaml`"""
    from tqdm import tqdm

    from meshlab.parameters import Parameters
    from meshlab.parameters.measured import with_file
    from meshlab.simulate import load_scenario
    from meshlab.simulate import simulate as run

    topology = topology_of(spec)
    faults = load_scenario(scenario, topology)
    with tqdm(total=replicates, desc="replicates", file=sys.stderr, disable=not sys.stderr.isatty()) as bar:
        prediction = run(
            topology,
            faults,
            replicates=replicates,
            seed=seed,
            workers=workers,
            scheduler=scheduler,
            parameters=with_file(Parameters.defaults(), measured) if measured else None,
            progress=lambda done, _: bar.update(done - bar.n),
        )
    rows = [
        [name, f"{o.mean:.1f}", f"{o.p05:.1f}", f"{o.p50:.1f}", f"{o.p95:.1f}", f"{o.availability:.6f}"]
        for name, o in prediction.services.items()
    ]
    title = f"{faults.name}: seconds down in {faults.horizon:g} s, {replicates} replicates, seed {seed}"
    text = table(title, ["service", "mean", "p05", "p50", "p95", "availability"], rows)
    answer(prediction.to_dict() if as_json else None, as_json, text)
