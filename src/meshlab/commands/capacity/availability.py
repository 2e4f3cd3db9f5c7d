"""The availability command: a design's services, or fault trees of others, answered exactly."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from meshlab.commands.capacity import sampling
from meshlab.commands.output import Json, answer, ready, say, span, table, topology_of, working, write
from meshlab.model.errors import InputError

if TYPE_CHECKING:
    from meshlab.availability import ServiceAvailability
    from meshlab.availability.exact.solve import ModelAnswer

_SAY_EVERY_S = 10.0


def availability(
    spec: Annotated[
        Path | None, typer.Argument(metavar="SPEC", help="a spec file, for example data/reference.yaml")
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[F…]", help="more fault trees, after --open-psa F"),
    ] = None,
    service: Annotated[str | None, typer.Option("--service", help="one service instead of all")] = None,
    mission: Annotated[
        str | None, typer.Option("--mission", help="also for a mission that begins with all well: 30d, 12h")
    ] = None,
    export: Annotated[
        Path | None, typer.Option("--export-open-psa", help="write the service's fault tree to this file")
    ] = None,
    open_psa: Annotated[
        list[Path] | None, typer.Option("--open-psa", help="fault trees to answer instead of a spec")
    ] = None,
    no_cut_sets: Annotated[
        bool, typer.Option("--no-cut-sets", help="with --open-psa: do not count minimal cut sets")
    ] = False,
    timeout: Annotated[float, typer.Option(min=0.1, help="with --open-psa: seconds for each model")] = 60.0,
    samples: Annotated[
        int | None, typer.Option(min=1, help="also sample: that many worlds, beside the exact answer")
    ] = None,
    half_width: Annotated[
        str | None, typer.Option("--half-width", help="also sample, to this 95 % half-width: 1e-6, or 10%")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="of the samples; same seed, same bits")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="threads; the answer is the same for any number")] = 1,
    crews: Annotated[
        int, typer.Option(min=0, help="with --mission, sampled: repair crews; 0 is as many as needed")
    ] = 0,
    scheduler: Annotated[
        str, typer.Option(help="sample on a Dask cluster: its scheduler's address, tcp://HOST:8786")
    ] = "",
    as_json: Json = False,
) -> None:
    """Computes exact availability and what limits it. Example: `meshlab availability data/reference.yaml`"""
    if open_psa:
        # Options that take several values stop at the first one: `--open-psa a.xml b.xml` puts b.xml into SPEC.
        more = [path for path in (spec, *(files or [])) if path]
        _fault_trees([*open_psa, *more], not no_cut_sets, timeout, as_json)
        return
    if spec is None:
        raise InputError.single("availability", "there is nothing to answer", "give a SPEC, or --open-psa F")
    if files:
        raise InputError.single(str(files[0]), "one SPEC at a time", "several files go with --open-psa")
    if export:
        _export(spec, service, export, as_json)
        return
    asked = sampling.Asked(samples, half_width, seed, workers, scheduler, crews)
    asked.check(mission is not None)
    _services(spec, service, mission, asked, as_json)


def _services(
    spec: Path, service: str | None, mission: str | None, asked: sampling.Asked, as_json: bool
) -> None:
    import time

    from meshlab.availability import availability as exact

    topology = topology_of(spec)
    seconds = span("--mission", mission, "for example 30d, 12h") if mission is not None else None
    start = time.perf_counter()
    with working("solving the fault trees"):
        answers = exact(topology, service, mission_seconds=seconds)
    services = {name: a.to_dict() for name, a in answers.items()}
    text = "" if as_json else _told(topology.name, answers)
    if asked:
        found = sampling.sampled(topology, list(answers), asked)
        for name, one in found.items():
            services[name]["sampled"] = one.to_dict()
        text += "" if as_json else "\n" + sampling.beside(answers, found)
        if seconds is not None:
            told = sampling.missions(topology, list(answers), asked, seconds)
            for name, one_mission in told.items():
                services[name]["mission"]["sampled"] = one_mission.to_dict()
            text += "" if as_json else "\n" + sampling.in_time(told)
    document = {"services": services, "elapsed_s": time.perf_counter() - start}
    answer(document if as_json else None, as_json, text)


def _told(title: str, answers: dict[str, ServiceAvailability]) -> str:
    rows = [
        [
            name,
            _percent(a),
            f"{a.nines:.1f}",
            _minutes_between(a),
            f"{a.outages_per_year:.2g}",
            str(a.cut_set_count),
            _limit(a),
        ]
        for name, a in answers.items()
    ]
    columns = [
        "service",
        "available",
        "nines",
        "minutes down a year (90 %)",
        "outages/y",
        "cut sets",
        "limited by",
    ]
    lines = [table(title, columns, rows)]
    if len(answers) > 1:
        lines.append("the minimal cut sets of one, and what matters most for it: --service NAME")
    for name, a in answers.items():
        if a.mission:
            low, high = a.mission.unreliability
            days = a.mission.seconds / 86400
            lines.append(
                f"{name}: in {days:g} days from all well, an outage with probability {low:.2g} to {high:.2g}"
            )
        if len(answers) == 1:
            lines.append(_details(a))
    return "\n".join(lines)


def _minutes_between(a: ServiceAvailability) -> str:
    """Gives the minutes, and their interval where the spec leaves one (`fails-between`)."""
    low, high = (_minutes(end) for end in a.interval)
    return _minutes(a.unavailability) if low == high else f"{_minutes(a.unavailability)} ({low} to {high})"


def _minutes(unavailability: float) -> str:
    from meshlab.availability.exact.exact import MINUTES_PER_YEAR

    minutes = unavailability * MINUTES_PER_YEAR
    return f"{minutes:,.0f}" if minutes >= 100 else f"{minutes:.2g}"


def _percent(a: ServiceAvailability) -> str:
    """Gives the availability with two digits that are not nines."""
    digits = min(13, max(0, int(min(a.nines, 13)))) if a.unavailability else 0
    return f"{100 * (1 - a.unavailability):.{digits}f} %"


def _limit(a: ServiceAvailability) -> str:
    if not a.cut_sets or not a.unavailability:
        return "nothing that can fail"
    share = min(1.0, a.cut_sets[0].probability / a.unavailability)
    return f"{' + '.join(a.cut_sets[0].events)} ({share:.0%})"


def _details(a: ServiceAvailability) -> str:
    cuts = [[" + ".join(c.events), f"{c.probability:.3g}"] for c in a.cut_sets]
    matters = [
        [
            i.component,
            f"{i.criticality:.3g}",
            f"{i.birnbaum:.3g}",
            f"{i.raw:.3g}",
            f"{i.rrw:.3g}",
            f"{i.shapley:.3g}",
        ]
        for i in a.importance[:10]
    ]
    shown = f"the {len(cuts)} most probable of {a.cut_set_count} minimal cut sets"
    return "\n".join(
        [
            table(shown, ["down together", "probability"], cuts),
            table(
                "what matters most (criticality is also the exact Fussell-Vesely)",
                ["component", "criticality", "birnbaum", "raw", "rrw", "shapley"],
                matters,
            ),
        ]
    )


def _export(spec: Path, service: str | None, file: Path, as_json: bool) -> None:
    from meshlab.availability import structure
    from meshlab.availability.trees.open_psa.write import open_psa
    from meshlab.availability.trees.rates import rates, steady
    from meshlab.model import UnknownComponent

    ready(file)
    topology = topology_of(spec)
    formulas = structure(topology)
    if service is None:
        raise InputError.single(
            "--export-open-psa",
            "a fault tree is of one service",
            f"add --service; there are {', '.join(formulas)}",
        )
    if service not in formulas:
        raise UnknownComponent(service, formulas, "service")
    write(file, open_psa(formulas[service], steady(rates(topology)), service))
    answer(
        {"file": str(file), "service": service},
        as_json,
        f"wrote {file}; check it: scram --bdd --probability 1 {file}",
    )


def _fault_trees(files: list[Path], cut_sets: bool, timeout: float, as_json: bool) -> None:
    from meshlab.availability.exact.solve import solve
    from meshlab.availability.trees.open_psa.read import read_open_psa

    trees = [(file, read_open_psa(file)) for file in files]
    answers = []
    for file, tree in trees:
        if not as_json and len(trees) > 1:
            say(f"{file} …")
        answers.append(solve(tree, file, cut_sets, timeout, progress=_now_and_then(file.name)))
    document: dict[str, Any] = {"models": [one.to_dict() for one in answers]}
    columns = ["file", "top", "probability", "minimal cut sets", "most critical", "seconds", "status"]
    text = table("fault trees", columns, [_row(one) for one in answers])
    if any(one.coherent is False and one.cut_set_count is not None for one in answers):
        text += "\n* not coherent: the cut sets are those of the coherent hull, not prime implicants"
    text += "".join(f"\n{Path(one.file).name}: {one.note}" for one in answers if one.note)
    answer(document, as_json, text)


def _now_and_then(name: str) -> Callable[[str, int], None]:
    """Says how far the work is, ten seconds after the last time."""
    said = time.monotonic()

    def progress(what: str, nodes: int) -> None:
        nonlocal said
        if time.monotonic() - said >= _SAY_EVERY_S:
            said = time.monotonic()
            say(f"{name}: {what}" + (f", {nodes:,} nodes" if nodes else ""))

    return progress


def _row(one: ModelAnswer) -> list[str]:
    low, high = one.bounds
    return [
        Path(one.file).name,
        one.top,
        f"{one.probability:.6g}" if one.probability is not None else f"{low:.6g} to {high:.6g}",
        ""
        if one.cut_set_count is None
        else f"{one.cut_set_count:,}" + ("*" if one.coherent is False else ""),
        one.importance[0].component if one.importance else "",
        f"{one.elapsed_s:.2f}",
        one.status,
    ]
