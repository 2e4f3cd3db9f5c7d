"""The command that learns from what was measured: calibrate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from meshlab.commands.output import Json, Spec, answer, ready, say, table, topology_of, write
from meshlab.model.errors import InputError

if TYPE_CHECKING:
    from meshlab.parameters import Parameter
    from meshlab.parameters.calibration.outcome import Evidence


def calibrate(
    spec: Spec,
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            help="an incident's or a run's folder, a timeline (JSON), a scrape of etcd's /metrics "
            "(master-1.prom, or master-1=FILE; two of one machine: before and after); repeat it",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="FILE.json: the parameters; FILE.yaml: the calibrated spec, parameters beside it",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Fits parameters to what was measured. Example: `meshlab calibrate data/reference.yaml --from incident`"""
    from meshlab.commands.trust.evidence import gather
    from meshlab.model.spec import dump
    from meshlab.parameters import Parameters
    from meshlab.parameters.calibration.calibrate import calibrate as fit
    from meshlab.parameters.calibration.calibrate import calibrated

    topology = topology_of(spec)
    if output is not None and output.suffix not in (".json", ".yaml", ".yml"):
        raise InputError.single(output, "a calibration is written as .json or .yaml", "name it measured.yaml")
    ready(output)
    evidence = gather(sources or (), topology)
    base = Parameters.embedded() if evidence.embedded else Parameters.defaults()
    found = fit(
        topology,
        histories=evidence.histories,
        scrapes=evidence.scrapes,
        steps=evidence.steps,
        parameters=base,
    )
    if evidence.embedded:
        say(
            f"{evidence.embedded[0]} was measured on an embedded cluster: these numbers hold for that one only"
        )
    if output is not None:
        parameters = output if output.suffix == ".json" else output.with_suffix(".calibration.json")
        write(parameters, found.to_json() + "\n")
        say(f"wrote {parameters}")
        if output.suffix != ".json":
            write(output, dump(calibrated(topology, found)))
            say(f"wrote {output}")
    rows = [
        [f.name, f"{f.bounded} {f.interval} {f.unit}", _was(f.replaced), str(f.count), _where(f.evidence)]
        for f in found.fits
    ]
    columns = ["parameter", "now (90 %)", "was", "n", "evidence"]
    text = table(f"{topology.name}, calibrated", columns, rows) if rows else "nothing was learnt"
    for missing in found.not_learnt:
        text += f"\nnot learnt: {missing.name}: {missing.reason}" + (
            f" [{missing.place}]" if missing.place else ""
        )
    profile = "embedded" if evidence.embedded else "live" if evidence.live else ""
    answer(found.to_dict() | {"read": evidence.files, "measured_on": profile}, as_json, text)


def _was(row: Parameter | None) -> str:
    return "-" if row is None else f"{row.value.quantile(0.5):.4g} {row.source[:3]}".strip()


def _where(evidence: tuple[Evidence, ...]) -> str:
    first = evidence[0]
    place = f"{first.file}:{first.line}" if first.line else first.file
    return place + (f" +{len(evidence) - 1}" if len(evidence) > 1 else "")
