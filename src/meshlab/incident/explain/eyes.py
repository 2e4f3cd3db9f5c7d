"""What an observer would see of a simulated history, from outside and through the cluster's own API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlab.incident.explain.candidates import Candidate
from meshlab.incident.explain.likeness import STATES, UNSEEN, encode
from meshlab.model import State, Timeline, Topology

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

API = "kubernetes-api"


def codes_seen(
    timeline: Timeline,
    topology: Topology,
    candidate: Candidate,
    components: tuple[str, ...],
    step: float,
    count: int,
) -> NDArray[np.uint8]:
    """Gives state codes [component, bin] of a simulated history as an observer meets it.

    The observer asks machines directly, and pods through the Kubernetes API. So: a hanging machine is as silent as
    one without power, while one that its control plane cannot reach may still answer the observer; a pod on a
    machine that the control plane cannot reach is unreachable, although its own clients may be served; and
    nothing is known of pods while the API is away.
    """
    import numpy

    machines = tuple(machine.name for machine in topology.machines)
    rows = tuple(dict.fromkeys((*components, *machines, API)))
    codes = encode(timeline, rows, 0.0, step, count)
    place = {name: number for number, name in enumerate(rows)}
    down, cut, up = (STATES.index(s) for s in (State.DOWN, State.UNREACHABLE, State.UP))
    away = codes[place[API]] == down
    for workload in topology.workloads:
        name = workload.group or workload.name
        if name not in place:
            continue
        own = codes[place[name]]
        if workload.role != "vault" and len(workload.machines) == 1:
            hidden = codes[place[workload.machines[0]]] == cut
            own[hidden & (own == up)] = cut
        own[away] = UNSEEN
    if candidate.fault is not None and candidate.fault.kind == "pause":
        for name in candidate.components:
            own = codes[place[name]]
            own[own == cut] = down
    wanted = numpy.array([place[name] for name in components], dtype=int)
    kept: NDArray[np.uint8] = codes[wanted]
    return kept
