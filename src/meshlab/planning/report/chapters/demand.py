"""Sections on what is asked of it: how fast it answers, whether it fits, when it runs out, how long a node is away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlab.model import Topology
from meshlab.model.units import duration
from meshlab.planning.cost import PRICED_REGION, elsewhere
from meshlab.planning.report import words
from meshlab.planning.report.answers import Answers
from meshlab.planning.report.chapters.sources import Sources
from meshlab.planning.report.document import (
    Basis,
    Block,
    Figure,
    Line,
    Number,
    Section,
    Sentence,
    Table,
    numbered,
)

if TYPE_CHECKING:
    from meshlab.planning.capacity import Fit, Recovery, Resource
    from meshlab.planning.latency import Latency

LIKELY = 0.05
"""A resource that is used up within the horizon with more than this probability is to be looked at."""
MANY = 1e9
"""Requests a second above which a station is no limit."""


def latency(a: Answers, s: Sources) -> Section:
    """How long each kind of request takes, and where the time goes."""
    rows: list[tuple[Line, ...]] = []
    for one in a.requests:
        basis = request_basis(one, a, s)
        hop = next((h for h in one.shares if h.name == one.dominant), None)
        trouble = f"saturated: {one.saturated}" if one.saturated else ""
        most = Number(f"{one.most:,.0f} a second", basis) if one.most < MANY else "no limit known"
        rows.append(
            (
                (one.request,),
                *((Number(words.milliseconds(q.value), basis),) for q in (one.p50, one.p95, one.p99)),
                (one.dominant,),
                (Number(f"{hop.of_mean:.0%}".replace("%", " %"), basis) if hop else trouble,),
                (most,),
            )
        )
    blocks: list[Block] = [
        Figure("latency", ("How long does each request take, and where does the time go?",)),
        Table(
            ("Each kind of request, from its client to its answer, ", *load(a, s)),
            ("request", "p50", "p95", "p99", "dominating hop", "its share", "saturates at"),
            tuple(rows),
        ),
    ]
    for group, found in a.commits.items():
        basis = commit_basis(group, s)
        lines: tuple[tuple[Line, ...], ...] = tuple(
            (
                (one.leader,),
                *((Number(words.milliseconds(value), basis),) for value in (one.p50, one.p95, one.p99)),
                (one.dominant,),
            )
            for one in found
        )
        beat = s.topology.raft_group(group).heartbeat
        caption: Line = (
            f"Commit of {group}, by leader; its heartbeat is ",
            Number(words.milliseconds(beat), basis),
        )
        blocks.append(Table(caption, ("leader", "p50", "p95", "p99", "mostly"), lines))
    return Section("Is it fast enough?", tuple(blocks))


def load(a: Answers, s: Sources) -> tuple[str | Number, ...]:
    if not a.load:
        return ("at rest",)
    return ("at ", Number(f"{a.load:g} a second", s.basis("asked", s.asked("load", f"{a.load:g} /s"))))


def request_basis(one: Latency, a: Answers, s: Sources) -> Basis:
    """The table's rows that its hops name, the links it may take, the disks of the quorum that it waits for."""
    told = "; ".join(hop.source for hop in one.shares)
    kinds = {hop.kind for hop in one.shares}
    quorums = [g for g in s.topology.raft_groups if any(hop.name.startswith(g.name) for hop in one.shares)]
    return s.basis(
        "latency",
        *s.said("latency.csv", told, one.request),
        *(s.links() if "network" in kinds else ()),
        *(key for group in quorums for key in s.disks(group.voters)),
        s.asked("load", f"{a.load:g} /s") if a.load or not told else None,
    )


def commit_basis(group: str, s: Sources) -> Basis:
    raft = s.topology.raft_group(group)
    timers = f"{1000 * raft.heartbeat:g} ms and {1000 * raft.election:g} ms"
    stated = s.stated(f"raft-groups, {group}, heartbeat and election", timers, raft.source or "[T]")
    return s.basis("commit", *s.links(), *s.disks(raft.voters), stated)


def room(a: Answers, s: Sources) -> Section:
    """Whether it fits today, and when each resource is used up."""
    machines: dict[str, dict[str, Fit]] = {}
    for fit in a.fits:
        machines.setdefault(fit.machine, {})[fit.resource] = fit
    kinds = tuple(dict.fromkeys(fit.resource for fit in a.fits))
    rows = []
    for machine, found in machines.items():
        basis = fit_basis(machine, s)
        short = "; ".join(fit.reason for fit in found.values() if not fit.fits)
        rows.append(
            (
                (machine,),
                *((Number(filled(found[kind]), basis),) if kind in found else ("",) for kind in kinds),
                numbered(f"✖ {short}" if short else "● fits", basis),
            )
        )
    today = Table(
        ("What each machine's workloads ask for today, of what it has",),
        ("machine", *kinds, "verdict"),
        tuple(rows),
    )
    ahead: list[tuple[Line, ...]] = []
    for out in a.runouts:
        one, basis = out.resource, resource_basis(out.resource, s)
        ahead.append(
            (
                (one.subject,),
                (one.resource,),
                (
                    Number(
                        f"{words.used(one.unit, one.used.mid)} of {words.used(one.unit, one.limit)}", basis
                    ),
                ),
                (Number(words.years_between(out.p10, out.p50, out.p90), basis),),
                numbered(within(one), basis),
                (one.rests_on,),
                (one.consequence,),
            )
        )
    until = Table(
        ("When each resource is used up, the soonest first",),
        ("where", "what", "used now", "used up in (p10 to p90)", "within the horizon", "growth", "then"),
        tuple(ahead),
    )
    return Section(
        "Is it big enough, and until when?",
        (Figure("runout", ("When is each resource used up?",)), until, today),
    )


def filled(fit: Fit) -> str:
    """What is asked for of what there is."""
    asked, there = (words.amount(fit.resource, value) for value in (fit.used, fit.available))
    part = f", {fit.used / fit.available:.0%}".replace("%", " %") if fit.available else ""
    return f"{asked} of {there}{part}"


def within(one: Resource) -> str:
    """Whether a resource lasts: it does not fit now, or how probably it is used up within the horizon."""
    if not one.fits:
        return f"✖ does not fit: {one.reason}"
    mark = "●" if one.within_horizon <= LIKELY else "▲" if one.within_horizon <= 0.5 else "✖"
    return f"{mark} {words.share(one.within_horizon)}"


def fit_basis(machine: str, s: Sources) -> Basis:
    """The machine and what runs on it, as the design says."""
    if all(one.name != machine for one in s.topology.machines):
        return s.basis("fit", s.stated("components", f"{len(s.topology.components)} components"))
    one = s.topology.machine(machine)
    value = f"{one.cores} cores, {words.amount('memory', one.memory)}"
    loads = [w for w in s.topology.workloads if machine in w.machines]
    asked = "; ".join(f"{w.name} {w.cores:g} cores, {words.amount('memory', w.memory)}" for w in loads)
    return s.basis(
        "fit",
        s.stated(f"machines, {machine}", value),
        s.stated(f"workloads on {machine}", asked) if loads else None,
    )


def resource_basis(one: Resource, s: Sources) -> Basis:
    """The rows of growth.csv that its users draw from, and where its limit is stated."""
    told = f"{one.source}; {one.growth_source}"
    rows = [
        *s.growth(one.users, told, one.resource),
        *s.said("traffic.csv", told, one.resource),
    ]
    # What the provenance of what is used names beside those rows is that of the limit.
    left = one.source
    for key in rows:
        left = left.replace(s.cited[key].text, "")
    limit = words.used(one.unit, one.limit)
    if left.strip("; "):
        where = s.stated(f"limit of {one.subject}, {one.resource}", limit, left.strip("; "))
    else:
        where = s.stated(f"{one.subject}, {one.resource}", limit)
    return s.basis("forecast", *rows, where)


def recovery(a: Answers, s: Sources) -> Section | None:
    """How long a chain node is away, and a voter that lost its disk; None where there is neither."""
    if not a.recoveries:
        return None
    rows = []
    for one in a.recoveries:
        basis = recovery_basis(one, s)
        low, mid, high = (duration(round(x)) for x in (one.seconds.low, one.seconds.mid, one.seconds.high))
        rows.append(
            (
                (one.workload,),
                numbered(one.after, basis),
                (Number(f"{mid} ({low} to {high})", basis),),
                (one.way,),
                (Number(words.share(one.never), basis),),
            )
        )
    table = Table(
        (
            "From the outage's end, or the disk's loss, until the node has caught up, or the voter has everything",
        ),
        ("workload", "after", "back in (interval)", "by", "replay never ends"),
        tuple(rows),
    )
    return Section("How long is a node away?", (table,))


def recovery_basis(one: Recovery, s: Sources) -> Basis:
    if any(group.name == one.workload for group in s.topology.raft_groups):
        voters = s.topology.raft_group(one.workload).voters
        rows = s.said("growth.csv", one.source, users=s.rows_of(("etcd", *_members(s, one.workload))))
        return s.basis("recovery", s.parameter(f"machine.{voters[-1]}.boot"), *rows, *s.links())
    role = s.topology.workload(one.workload).role
    names = [f"{role}.catch-up", f"{role}.resync", f"{role}.block-time"]
    if "disk" in one.after:
        names = ["disk.replace", f"{role}.resync"]
    return s.basis("recovery", *(s.parameter(name) for name in names))


def _members(s: Sources, group: str) -> tuple[str, ...]:
    return tuple(w.name for w in s.topology.workloads if w.group == group)


def limits(topology: Topology) -> Section:
    """What a plan of this kind does not know."""
    said = (
        "Elections, restarts, unsealing and planned work are not in the availability: they are short and "
        "depend on what is done. Play them with meshlab simulate.",
        "Parts fail independently unless the design names what they share. A cause that is in no model (a bad release "
        "rolled out everywhere, a mistake of a person) is in no number here.",
        "Growth is linear in each world. A fork, a new fee market or a pruning option changes it at once.",
        "Estimates are marked in the list of sources. Replace those that decide something with your own "
        "numbers, in the tables or in the design, and make the plan again.",
        *(f"List prices of {PRICED_REGION} stand for those of {region}." for region in elsewhere(topology)),
    )
    return Section("What is not in it", tuple(Sentence((text,)) for text in said))
