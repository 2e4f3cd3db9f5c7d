"""What to do about it: proposals that follow from the cause, the margin and where the model was wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from meshlab.incident.explain.explain import Cause, Explanation
from meshlab.incident.explain.replay import Outage
from meshlab.incident.observe.margin import margins
from meshlab.incident.record import Incident
from meshlab.model import State, Topology
from meshlab.model.units import duration

if TYPE_CHECKING:
    from meshlab.parameters import Parameters

Kind = Literal["now", "prevent", "detect", "tell apart", "model", "what if"]


@dataclass(frozen=True)
class Action:
    """One proposal: specific, bounded, with its reason."""

    kind: Kind
    text: str
    why: str


def actions(
    incident: Incident,
    explanation: Explanation,
    table: Sequence[Outage],
    parameters: Parameters | None = None,
) -> tuple[Action, ...]:
    """Gives the proposals, most urgent first."""
    found = [
        *_now(incident, explanation),
        *_tell_apart(explanation),
        *_prevent(incident),
        *_model(table),
        *what_if(incident, explanation.best, parameters),
    ]
    return tuple(found) or (
        Action("detect", "keep watching", "nothing that was seen calls for anything else"),
    )


def _now(incident: Incident, explanation: Explanation) -> list[Action]:
    observed, topology = incident.timeline, incident.topology
    end = observed.horizon - 1e-6
    away = [
        m.name
        for m in topology.machines
        if observed.state_at(m.name, end) in (State.UNREACHABLE, State.DOWN, State.BOOTING)
    ]
    found: list[Action] = []
    for group in topology.raft_groups:
        lost = [voter for voter in group.voters if voter in away]
        if not lost:
            continue
        left = len(group.voters) - len(lost) - group.quorum
        if left < 0:
            text = f"bring back one of {', '.join(lost)} before anything else"
            found.append(Action("now", text, f"{group.name} has no quorum: nothing can be written"))
        elif left == 0:
            text = f"do not restart or drain any other voter of {group.name} until {', '.join(lost)} is back"
            found.append(Action("now", text, "it is one failure from losing its quorum"))
    if observed.state_at("vault", end) is State.SEALED or _sealed_pods(incident):
        found.append(
            Action(
                "now",
                "unseal the sealed Vault pods",
                "a Shamir-sealed pod neither votes nor serves until people come",
            )
        )
    if away:
        names = ", ".join(away)
        found.append(Action("now", f"bring back or replace {names}", "still silent when the watch ended"))
    return found


def _sealed_pods(incident: Incident) -> bool:
    last = incident.timeline.of("vault")[-1:]
    return bool(last) and "sealed" in last[0].cause


def _tell_apart(explanation: Explanation) -> list[Action]:
    names = explanation.cannot_tell
    if len(names) < 2:
        return []
    looks = []
    if any(name.endswith("hangs") for name in names):
        looks.append("the machine's console")
    if any(name.startswith("us-") or name.split(" ")[0].count("-") >= 2 for name in names):
        looks.append("the provider's health page for the zone and the instance's status checks")
    if any("restarted" in name for name in names):
        looks.append("the machine's boot id and uptime once it is back")
    if any("cut apart" in name or name.startswith("one way") for name in names):
        looks.append("the byte counters of the KubeSpan peers, in each direction")
    if any("disk" in name for name in names):
        looks.append("the disk's SMART data and the kernel log of its machine")
    return [
        Action(
            "tell apart",
            "look at " + (", and ".join(looks) if looks else "what only one of them would leave behind"),
            "from what was watched these look the same: " + ", ".join(names),
        )
    ]


def _prevent(incident: Incident) -> list[Action]:
    topology, observed = incident.topology, incident.timeline
    found: list[Action] = []
    near = [m for m in margins(topology, observed) if m.spare <= 0 and m.seconds > 1.0]
    shared = _shared_voters(topology)
    if near and shared:
        seconds = max(m.seconds for m in near)
        found.append(
            Action(
                "prevent",
                f"give {' and '.join(shared)} voters on machines of their own, or a fifth voter each",
                f"both stood without spare voters for {duration(seconds)} because they share every machine",
            )
        )
    vault = next((w for w in topology.workloads if w.role == "vault"), None)
    if vault is not None and vault.seal == "shamir" and _vault_machine_lost(incident):
        found.append(
            Action(
                "prevent",
                "unseal Vault by a KMS key instead of by people",
                "a pod that restarts with its machine comes back sealed and does not vote until people have come",
            )
        )
    return found


def _shared_voters(topology: Topology) -> list[str]:
    groups = [g for g in topology.raft_groups if len(g.voters) > 1]
    return [g.name for g in groups if any(set(g.voters) == set(o.voters) for o in groups if o is not g)]


def _vault_machine_lost(incident: Incident) -> bool:
    voters = {voter for g in incident.topology.raft_groups if g.name == "vault" for voter in g.voters}
    return any(
        not i.state.serving and i.length > 1.0 for voter in voters for i in incident.timeline.of(voter)
    )


def _model(table: Sequence[Outage]) -> list[Action]:
    wrong = [o for o in table if o.inside is False]
    return [
        Action(
            "model",
            f"find out why {o.service} was away for {duration(o.observed or 0.0)}, then calibrate",
            f"predicted {duration(o.predicted.low)} to {duration(o.predicted.high)} in 90 of 100 such incidents",
        )
        for o in wrong
    ]


def what_if(
    incident: Incident, best: Cause, parameters: Parameters | None = None, replicates: int = 60
) -> list[Action]:
    """What the same fault would have done with another leader: simulated, not guessed."""
    from meshlab.simulate import simulate

    fault = best.fault
    if fault is None or fault.kind not in ("fail", "restart", "pause") or len(fault.targets) != 1:
        return []
    hit = (
        {m.name for m in incident.topology.machines_in(fault.targets[0])}
        if fault.targets[0] in incident.topology
        else set()
    )
    found: list[Action] = []
    for group in incident.topology.raft_groups:
        others = [voter for voter in group.voters if voter not in hit]
        leader = best.scenario.initial.get(group.name)
        if leader is None or not others or hit.isdisjoint(group.voters):
            continue
        struck = leader in hit
        other = others[0] if struck else sorted(hit & set(group.voters))[0]
        scenario = replace(best.scenario, initial={**best.scenario.initial, group.name: other})
        table = [
            simulate(incident.topology, s, replicates=replicates, parameters=parameters).services.get(
                group.name
            )
            for s in (best.scenario, scenario)
        ]
        if table[0] is None or table[1] is None:
            continue
        was, would = table[0], table[1]
        found.append(
            Action(
                "what if",
                f"had {other} led {group.name} instead of {leader}, its outage would have been"
                f" {duration(would.p50)} ({duration(would.p05)} to {duration(would.p95)})",
                f"simulated {replicates} times; as it was: {duration(was.p50)} ({duration(was.p05)} to"
                f" {duration(was.p95)})",
            )
        )
    return found
