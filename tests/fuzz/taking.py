"""What the commands do with a file of each format, in this process: read it, and go on with what was read."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

FORMS = {"spec": "yaml", "scenario": "yaml", "open-psa": "xml", "drawing": "text", "target": "json"}
INCIDENT_FORMS = {".json": "json", ".jsonl": "jsonl", ".yaml": "yaml", ".md": "text"}


def take(kind: str, path: Path) -> None:
    """Takes a file (of an incident: its folder) the way that commands take it; a refusal is a MeshlabError."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        _TAKEN[kind](path)


def _spec(path: Path) -> None:
    from meshlab.availability import availability
    from meshlab.model import Topology, exchange
    from meshlab.model.review import review
    from meshlab.model.spec import dump, load, parse
    from meshlab.simulate import standing

    topology: Topology = load(path)
    for finding in review(topology):
        finding.as_json()
    exchange.to_mermaid(topology), exchange.to_graphml(topology), exchange.to_node_link(topology)
    assert parse(dump(topology)).components == topology.components
    standing(topology, frozenset())
    for service in topology.services[:1]:
        availability(topology, service.name)


def _scenario(path: Path) -> None:
    from meshlab.model.spec import reference
    from meshlab.simulate import load_scenario, simulate

    topology = reference()
    scenario = load_scenario(path, topology)
    if scenario.horizon <= 4 * 3600:
        simulate(topology, scenario, replicates=1).to_dict()


def _open_psa(path: Path) -> None:
    from meshlab.availability.exact.solve import solve
    from meshlab.availability.trees.open_psa.read import read_open_psa

    solve(read_open_psa(path), path, True, 5.0, progress=lambda *_: None).to_dict()


def _drawing(path: Path) -> None:
    from meshlab.model.exchange import import_design
    from meshlab.model.review import review
    from meshlab.model.spec import dump, parse

    imported = import_design(path)
    parse(dump(imported.topology))
    review(imported.topology)


def _incident(folder: Path) -> None:
    from meshlab.commands.trust.evidence import gather
    from meshlab.incident.record import Incident
    from meshlab.parameters.calibration.histories import check_histories, learn_histories
    from meshlab.parameters.table import Parameters

    found = Incident.load(folder)
    found.timeline.to_frame()
    evidence = gather([str(folder)], found.topology)
    check_histories(evidence.histories)
    list(learn_histories(evidence.histories, found.topology, Parameters.defaults()))


def _target(path: Path) -> None:
    from meshlab.live.target import Target

    target = Target.named(str(path))
    for address in ("10.20.1.11", "10.255.255.255", "192.0.2.1", "fd00::1", "host.example"):
        target.dial(address)
    target.cluster_directory("small")


_TAKEN: dict[str, Callable[[Path], None]] = {
    "spec": _spec,
    "scenario": _scenario,
    "open-psa": _open_psa,
    "drawing": _drawing,
    "incident": _incident,
    "target": _target,
}
