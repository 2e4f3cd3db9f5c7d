"""The command that says where a bring-up stands: its run, who holds it, and what is up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlab.commands.bringup.shown import command
from meshlab.commands.output import Json, Spec, TargetName, answer, table, target_of, topology_of, working

if TYPE_CHECKING:
    from meshlab.live.target import Target
    from meshlab.model import Topology


def status(spec: Spec, target: TargetName = "embedded", as_json: Json = False) -> None:
    """Says how the run stands, who holds it and what is up. Example: `meshlab status data/reference.yaml`"""
    from meshlab.provision.run.standing import standing

    topology = topology_of(spec)
    where = target_of(target, topology)
    now = standing(where, topology.name)
    with working(f"asking the machines of {topology.name}"):
        up = _up(topology, where)
    lines = [now.sentence() if now else f"no run of {topology.name} was begun on {where.name} from here"]
    if now and now.open:
        lines.append(f"to go on with it: {command(now.plan.purpose, str(spec), None)}")
    if up is None:
        lines.append(
            "what is up cannot be asked: there are no credentials of it here (it was not brought up)"
        )
    else:
        groups = [group.name for group in topology.raft_groups]
        rows = [[name, *states.values()] for name, states in up.items()]
        lines.append(table(f"{topology.name} on {where.name}", ["machine", "Talos API", *groups], rows))
    answer({"run": now.to_dict() if now else None, "machines": up}, as_json, "\n".join(lines))


def _up(topology: Topology, where: Target) -> dict[str, dict[str, str]] | None:
    """Gives, by machine, whether it answers and has its part in each raft group; None without credentials."""
    from meshlab.provision.cluster.strongbox import StrongboxError
    from meshlab.provision.guard.observed import Observed
    from meshlab.provision.systems.session import opened

    with opened(where, topology.name) as context:
        observed = Observed(topology, context.connections)
        try:
            down = observed.down()
            idle = {group.name: observed.idle(group) for group in topology.raft_groups}
        except StrongboxError:
            return None
    found: dict[str, dict[str, str]] = {}
    for machine in topology.machines:
        states = {"talos": "unreachable" if machine.name in down else "up"}
        for group in topology.raft_groups:
            if machine.name in group.voters:
                away = machine.name in down or machine.name in idle[group.name]
                states[group.name] = ("unknown" if machine.name in down else "no part") if away else "up"
            else:
                states[group.name] = ""
        found[machine.name] = states
    return found
