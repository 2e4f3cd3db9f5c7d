"""A capacity plan made of its answers: which sections, in which order."""

from __future__ import annotations

from meshlab.planning.explore import Exploration
from meshlab.planning.report import words
from meshlab.planning.report.answers import Answers
from meshlab.planning.report.chapters import demand, money, standing
from meshlab.planning.report.chapters.conclusion import conclusion, decision, proposals
from meshlab.planning.report.chapters.methods import METHODS
from meshlab.planning.report.chapters.searched import searched
from meshlab.planning.report.chapters.signed import Signed, unsigned
from meshlab.planning.report.chapters.sources import Sources
from meshlab.planning.report.chapters.verdict import verdict
from meshlab.planning.report.document import Figure, Line, Number, Report, Section, Sentence, numbered


def capacity_plan(
    a: Answers,
    *,
    design: str = "",
    note: str = "",
    exploration: Exploration | None = None,
    signed: Signed | None = None,
) -> Report:
    """Gives the capacity plan of a design.

    Parameters
    ----------
    a
        What the models say (`answers`).
    design
        What the design is called: the name of its file. By default the topology's name.
    note
        What is changed of it, in words.
    exploration
        A search over designs, not only those named; it stands after the changes.
    signed
        The plan's day and author, for its head.
    """
    s = Sources(a.topology, design or a.topology.name)
    todo = proposals(a, s, exploration)
    sections = [
        verdict(a, s, decision(todo), exploration),
        conclusion(todo, s),
        drawn(a, s),
        standing.availability(a, s),
        demand.latency(a, s),
        demand.room(a, s),
        demand.recovery(a, s),
        money.cost(a, s),
        standing.margin(a, s),
        standing.review(a, s),
        money.changes(a, s),
        searched(exploration, s) if exploration else None,
        demand.limits(a.topology),
    ]
    made = tuple(section for section in sections if section)
    subtitle = asked(a, s, note)
    used = {basis.method for basis in Report("", subtitle, made, {}, {}).bases()}
    methods = {key: method for key, method in METHODS.items() if key in used}
    head = signed.line() if signed else unsigned()
    return Report(f"Capacity plan: {a.topology.name}", subtitle, made, methods, s.cited, head)


def asked(a: Answers, s: Sources, note: str) -> Line:
    """What the plan was asked for."""
    horizon = words.span(a.horizon)
    basis = s.basis("asked", s.asked("horizon", horizon))
    worlds = s.basis("asked", s.asked("worlds and seed", f"{a.samples:,} worlds, seed {a.seed}"))
    told = numbered(f", changed: {note}", s.basis("asked", s.asked("changes", note))) if note else ()
    return (
        s.design,
        *told,
        ", for ",
        Number(horizon, basis),
        ", computed in ",
        Number(f"{a.samples:,} worlds", worlds),
        " (seed ",
        Number(str(a.seed), worlds),
        "). Follow a number to see how it was obtained and from what.",
    )


def drawn(a: Answers, s: Sources) -> Section:
    """What the design is, in one sentence and a picture."""
    t = a.topology
    counted = s.basis("asked", s.stated("components", f"{len(t.components)} components"))
    masters, workers = len(t.control_plane), len(t.workers)
    line: Line = (
        Number(f"{masters} control-plane machines", counted),
        " and ",
        Number(f"{workers} workers", counted),
        f" in {', '.join(site.name for site in t.sites)}; on the workers "
        f"{', '.join(w.name for w in t.workloads if not w.group) or 'nothing'}.",
    )
    return Section("The design", (Sentence(line), Figure("design", ("What is there, and what joins it?",))))
