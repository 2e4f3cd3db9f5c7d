"""Commands about the embedded cluster: up, status, down, and the faults one can inject."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from meshlab.commands.output import Json, answer, say, table
from meshlab.model.units import UnitError
from meshlab.model.units import parse as parse_units

app = typer.Typer(
    help="The whole reference cluster on this machine: real etcd, real OpenBao, faults on demand."
)

Place = Annotated[str, typer.Argument(help="a machine, zone or site; or omni, discovery")]
Other = Annotated[str, typer.Argument(help="a machine, zone or site")]


@app.command()
def up(
    spec: Annotated[
        Path | None, typer.Argument(metavar="[SPEC]", help="default: the reference cluster")
    ] = None,
    cluster: Annotated[bool, typer.Option("--cluster", help="bring the cluster up in it as well")] = False,
    as_json: Json = False,
) -> None:
    """Starts an empty cloud, racked machines, Omni and discovery. Example: `meshlab emulate up`"""
    from meshlab.emulate.lifecycle import status
    from meshlab.emulate.lifecycle import up as start
    from meshlab.model.spec import data_file, load

    path = spec or data_file("reference.yaml")
    load(path)
    target = start(path, progress=say)
    if cluster:
        from meshlab.commands.bringup.plans import bring_up

        bring_up(path, target)
    said = f"the embedded world is up ({target.directory}); next: meshlab plan {path}"
    answer({"up": True, **status()}, as_json, said)


@app.command()
def status(as_json: Json = False) -> None:
    """Says what is up, and which faults are in force. Example: `meshlab emulate status`"""
    from meshlab.emulate.control import NotUp
    from meshlab.emulate.lifecycle import status as look

    try:
        found = look()
    except NotUp:
        answer({"up": False}, as_json, "nothing is up; start it with `meshlab emulate up`")
        return
    rows = [[m["name"], m["address"], m["stage"], ", ".join(m["running"])] for m in found["machines"]]
    faults = [fault["text"] for fault in found["faults"]]
    text = table("machines", ["machine", "address", "stage", "running"], rows)
    servers = f"API servers: {found['api_server']}, on {', '.join(found['api_servers']) or 'no machine yet'}"
    programs = [_said(program) for program in found["programs"]]
    lines = [text, servers, *programs, "faults: " + ("; ".join(faults) or "none")]
    answer({"up": True, **found}, as_json, "\n".join(lines))


def _said(program: dict[str, str]) -> str:
    text = f"{program['name']} {program['version']}, {program['why']} ({program['path']})"
    return f"{text}; careful: {program['concern']}" if program["concern"] else text


@app.command()
def etcd(
    build: Annotated[
        bool, typer.Option("--build", help="build a current one from its Go module first, once; needs Go")
    ] = False,
    as_json: Json = False,
) -> None:
    """Says which etcd the embedded cluster runs, and why. Example: `meshlab emulate etcd --build`"""
    from meshlab.emulate.processes import binaries, etcd_build

    if build:
        say(f"building etcd {etcd_build.version()} with Go into {etcd_build.place().parent} (once; minutes)")
        etcd_build.build()
    chosen = binaries.etcd().as_document()
    answer(chosen, as_json, _said(chosen))


@app.command()
def down(as_json: Json = False) -> None:
    """Ends it and removes everything of it, also after a crash. Example: `meshlab emulate down`"""
    from meshlab.emulate.lifecycle import down as end

    was_up = end()
    answer({"was_up": was_up}, as_json, "the embedded world is gone" if was_up else "nothing was up")


@app.command()
def kill(place: Place, as_json: Json = False) -> None:
    """Takes the power away: silence, no goodbye. Example: `meshlab emulate kill master-1`"""
    _fault({"fault": "fail", "component": place}, as_json)


@app.command()
def restart(machine: Annotated[str, typer.Argument(help="a machine")], as_json: Json = False) -> None:
    """Reboots a machine. Example: `meshlab emulate restart master-1`"""
    _fault({"fault": "restart", "component": machine}, as_json)


@app.command("lose-disk")
def lose_disk(machine: Annotated[str, typer.Argument(help="a machine")], as_json: Json = False) -> None:
    """Wipes the data of a machine's pods. Example: `meshlab emulate lose-disk worker-2`"""
    _fault({"fault": "lose-disk", "component": machine}, as_json)


@app.command()
def partition(
    a: Other,
    b: Other,
    direction: Annotated[
        str, typer.Option("--direction", help="both, or forward: from A to B only")
    ] = "both",
    as_json: Json = False,
) -> None:
    """Cuts the way between two places. Example: `meshlab emulate partition us-east-1 dc-1 --direction forward`"""
    _fault({"fault": "partition", "a": a, "b": b, "direction": direction}, as_json)


@app.command()
def delay(
    a: Other,
    b: Other,
    latency: Annotated[str, typer.Argument(help="more of it, one way: 50ms")],
    loss: Annotated[str, typer.Option("--loss", help="for example 2%")] = "0",
    as_json: Json = False,
) -> None:
    """Makes the way between two places slower. Example: `meshlab emulate delay us-east-1 dc-1 50ms --loss 2%`"""
    try:
        extra, share = parse_units(latency.lstrip("+"), "duration"), parse_units(loss, "share")
    except UnitError as error:
        from meshlab.model.errors import InputError

        raise InputError.single("emulate delay", str(error)) from None
    _fault({"fault": "degrade", "a": a, "b": b, "latency": extra, "loss": share}, as_json)


@app.command()
def heal(
    place: Annotated[str | None, typer.Argument(help="what to heal; everything where left out")] = None,
    as_json: Json = False,
) -> None:
    """Takes faults away again. Example: `meshlab emulate heal` or `meshlab emulate heal master-1`"""
    _fault({"fault": "heal", "component": place}, as_json)


def _fault(body: dict[str, Any], as_json: bool) -> None:
    from meshlab.emulate.control import Control
    from meshlab.emulate.lifecycle import state_dir

    done = Control.of(state_dir()).call("/fault", body)
    answer(done, as_json, done["text"])


@app.command()
def kubeconfig(
    output: Annotated[Path, typer.Option("--output", "-o", help="file to write, mode 0600")] = Path(
        "kubeconfig"
    ),
    machine: Annotated[
        str | None, typer.Option("--machine", help="whose API server; default: the first master")
    ] = None,
    as_json: Json = False,
) -> None:
    """Writes an admin kubeconfig for kubectl. Example: `meshlab emulate kubeconfig -o kubeconfig`"""
    from meshlab.commands.bringup.credentials import write_kubeconfig
    from meshlab.emulate.lifecycle import status as look
    from meshlab.live.target import Target

    found = look()
    servers = {m["name"]: m["address"] for m in found["machines"] if m["name"] in found["api_servers"]}
    name = machine or next(iter(servers), "")
    if name not in servers:
        from meshlab.model.errors import InputError

        up = ", ".join(servers) or "none"
        raise InputError.single(
            "emulate kubeconfig", f"no API server runs on {name or 'any machine'}", f"running: {up}"
        )
    write_kubeconfig(Target.embedded(), found["spec"], output, servers[name])
    answer(
        {"file": str(output), "machine": name},
        as_json,
        f"wrote {output}: kubectl --kubeconfig {output} get nodes",
    )
