"""The first section: every question of the plan with its answer in one line, and a mark."""

from __future__ import annotations

from meshlab.planning.explore import Exploration
from meshlab.planning.explore.phrases import phrase
from meshlab.planning.explore.words import rejected_by
from meshlab.planning.report import words
from meshlab.planning.report.answers import Answers
from meshlab.planning.report.chapters import demand, money, standing
from meshlab.planning.report.chapters.conclusion import dollars, less_downtime
from meshlab.planning.report.chapters.searched import searched_basis
from meshlab.planning.report.chapters.sources import Sources
from meshlab.planning.report.document import Basis, Line, Number, Section, Sentence, Table, numbered

GOOD, LOOK, BAD = "● yes", "▲ look at it", "✖ no"


def verdict(a: Answers, s: Sources, lead: Sentence, found: Exploration | None = None) -> Section:
    """The decision, then question, answer, mark."""
    rows = [
        available(a, s),
        fast(a, s),
        big(a, s),
        lasting(a, s),
        priced(a, s),
        safe(a, s),
        which(a, found, s) if found else None,
        sound(a, s),
    ]
    table = Table(
        ("Question by question; each number leads to its method and its sources",),
        ("question", "verdict", "answer"),
        tuple(row for row in rows if row),
    )
    return Section("The answer", (lead, table))


Row = tuple[Line, ...]


def available(a: Answers, s: Sources) -> Row | None:
    if not a.services:
        return None
    ranked = sorted(a.services.values(), key=lambda one: -one.unavailability)
    worst = ranked[0]
    line: Line = (
        f"{words.service(worst.service)} is down the longest, ",
        Number(standing.downtime(worst), standing.basis_of(worst, s)),
        f" a year, mostly by {standing.parts(worst.cut_sets[0].events)}" if worst.cut_sets else "",
    )
    api = a.services.get("kubernetes-api")
    if api is not None and api is not worst:
        line = (*line, "; the Kubernetes API ", Number(standing.downtime(api), standing.basis_of(api, s)))
    alone = any(len(cut.events) == 1 for one in ranked for cut in one.cut_sets[:1])
    if alone:
        line = (*line, ". One failure is enough to take a service: see what limits each")
    return (("Is it available?",), (LOOK if alone else GOOD,), line)


def fast(a: Answers, s: Sources) -> Row | None:
    if not a.requests:
        return None
    stuck = [one for one in a.requests if one.saturated]
    if stuck:
        basis = demand.request_basis(stuck[0], a, s)
        line: Line = (
            f"{stuck[0].request}: {stuck[0].saturated} cannot keep up beyond ",
            Number(f"{stuck[0].most:,.0f} a second", basis),
        )
        return (("Is it fast enough?",), (BAD,), line)
    inside = [one for one in a.requests if one.request != "kubectl-omni"] or list(a.requests)
    slow = max(inside, key=lambda one: one.p99.value)
    basis = demand.request_basis(slow, a, s)
    line = (
        f"The slowest within the cluster is {slow.request}: p99 ",
        Number(words.milliseconds(slow.p99.value), basis),
        f", mostly “{slow.dominant}”",
    )
    mark = GOOD
    for group, found in a.commits.items():
        beat, worst = s.topology.raft_group(group).heartbeat, max(one.p99 for one in found)
        if worst > beat:
            mark = LOOK
        if group == "etcd" or worst > beat:
            commit = demand.commit_basis(group, s)
            line = (
                *line,
                f"; {group} commits in ",
                Number(words.milliseconds(worst), commit),
                " (p99), its heartbeat is ",
                Number(words.milliseconds(beat), commit),
            )
    return (("Is it fast enough?",), (mark,), line)


def big(a: Answers, s: Sources) -> Row:
    short = [(fit.reason, demand.fit_basis(fit.machine, s)) for fit in a.fits if not fit.fits]
    known = {(fit.machine, fit.resource) for fit in a.fits if not fit.fits}
    short += [
        (out.resource.reason, demand.resource_basis(out.resource, s))
        for out in a.runouts
        if not out.resource.fits and (out.resource.subject, out.resource.resource) not in known
    ]
    if not short:
        tight = max(a.fits, key=lambda fit: fit.used / (fit.available or 1), default=None)
        line: Line = ("Everything fits",)
        if tight is not None:
            basis = demand.fit_basis(tight.machine, s)
            part = f"{tight.used / tight.available:.0%}".replace("%", " %")
            line = (
                *line,
                f"; the tightest is {tight.machine}'s {tight.resource}, ",
                Number(part, basis),
                " used",
            )
        return (("Is it big enough?",), (GOOD,), line)
    pieces: list[str | Number] = []
    for reason, basis in short:
        pieces += [*("; " if pieces else "",), *numbered(reason, basis)]
    return (("Is it big enough?",), (BAD,), tuple(pieces))


def lasting(a: Answers, s: Sources) -> Row | None:
    if not a.runouts:
        return None
    out = a.runouts[0]
    basis = demand.resource_basis(out.resource, s)
    horizon = s.basis("asked", s.asked("horizon", words.span(a.horizon)))
    line: Line = (
        f"{out.resource.subject}'s {out.resource.resource} is used up first, in ",
        Number(f"{words.years(out.p50)} (p10 {words.years(out.p10)}, p90 {words.years(out.p90)})", basis),
        "; within ",
        Number(words.span(a.horizon), horizon),
        " with a probability of ",
        Number(words.share(out.resource.within_horizon), basis),
        f" (its growth: {out.resource.rests_on})",
    )
    if a.growth != 1:
        line = (
            *line,
            ", all growing ",
            Number(f"{a.growth:g} times", s.basis("asked", s.asked("growth", f"{a.growth:g} times"))),
            " as fast",
        )
    likely = max(a.runouts, key=lambda one: one.resource.within_horizon)
    worst = likely.resource.within_horizon
    if worst > out.resource.within_horizon and worst > demand.LIKELY:
        line = (
            *line,
            f"; likelier within it: {likely.resource.subject}'s {likely.resource.resource}, ",
            Number(words.share(worst), demand.resource_basis(likely.resource, s)),
            f" (its growth: {likely.resource.rests_on})",
        )
    mark = GOOD if worst <= demand.LIKELY else LOOK if worst <= 0.5 else BAD
    return (("Until when?",), (mark,), line)


def priced(a: Answers, s: Sources) -> Row:
    basis = money.total_basis(a, s)
    line: Line = (Number(f"{words.money_between(a.total.monthly)} USD", basis), " a month")
    biggest = sorted(a.bill, key=lambda item: (-item.monthly.mid, item.item))[:2]
    named = [item for item in biggest if item.monthly.mid]
    for k, item in enumerate(named):
        own = money.item_basis(item, s)
        joint = "; the biggest items are " if k == 0 else " and "
        line = (
            *line,
            joint,
            *numbered(item.item, own),
            " (",
            Number(words.money(item.monthly.mid), own),
            ")",
        )
    unknown = [item.item for item in a.bill if not item.monthly.high]
    if unknown:
        line = (*line, f". Not in it: {', '.join(unknown)}")
    return (("At what price?",), (LOOK if unknown else "● known",), line)


def safe(a: Answers, s: Sources) -> Row | None:
    if not a.advice:
        return None
    pieces: list[str | Number] = []
    for one in a.advice:
        basis = standing.margin_basis(one.group, [b.component for b in one.now.breakers], s)
        pieces += ["; " if pieces else "", f"{one.group} "]
        pieces += _kept(one.now.margin, len(one.now.group.voters), basis)
        if one.now.breakers:
            rate = sum(b.reliability.rate for b in one.now.breakers) * words.YEAR
            pieces += [
                f", but not that of {' or '.join(b.component for b in one.now.breakers)}, where its quorum is (",
                Number(f"{rate:.2g} times a year", basis),
                ")",
            ]
    least = min(one.now.margin for one in a.advice)
    together = any(one.now.breakers for one in a.advice)
    mark = BAD if least < 0 else LOOK if least == 0 or together else GOOD
    return (("Is a quorum safe?",), (mark,), tuple(pieces))


def _kept(margin: int, voters: int, basis: Basis) -> list[str | Number]:
    """How many voters a group may lose, as a sentence's end."""
    if margin < 0:
        return ["has no quorum now"]
    if margin == 0:
        return ["survives the loss of no voter"]
    return ["survives the loss of any ", Number(f"{margin} of its {voters} voters", basis)]


def which(a: Answers, found: Exploration, s: Sources) -> Row:
    """What the search says: the design to build, or why none of them does."""
    basis, advice = searched_basis(found, s), found.recommendation
    count = len(found.designs)
    if advice.design is None:
        out = " and ".join(f"{n} by {limit}" for limit, n in rejected_by(found).items())
        near = advice.nearest
        text = f"None of {count} keeps to the limits: rejected are {out}"
        if near is not None:
            misses = f"misses {' and '.join(near.misses)}: {'; '.join(near.reasons)}"
            text += f". Nearest: {phrase(found, found[near.design])}, which {misses}"
        mark = "✖ none"
    elif advice.design == found.today.design.name:
        text, mark = f"Of {count} designs none is surely better for its money", "● as it is"
    else:
        text, mark = f"{phrase(found, found[advice.design])}, of {count} designs", "▲ another"
    line = numbered(text[:1].upper() + text[1:], basis)
    if mark == "▲ another" and advice.buys is not None:
        price = Number(dollars(advice.buys.costs.mid), basis)
        line = (*line, ": ", *less_downtime(found, s), ", for ", price, " USD a month; because ")
        line = (*line, *numbered(advice.why, basis))
    if found.today.design.topology != a.topology:
        own = f"{words.money(found.today.measures.cost_mid)} USD a month"
        line = (*line, ". The search begins at another design than this one, of ", Number(own, basis))
    return (("Which design?",), (mark,), line)


def sound(a: Answers, s: Sources) -> Row | None:
    if not a.findings:
        return (("What to change first?",), ("● nothing",), ("The review found nothing to say.",))
    first = a.findings[0]
    basis = s.basis("review", s.evidence(first))
    grave = sum(f.severity == "error" for f in a.findings)
    warned = sum(f.severity == "warning" for f in a.findings)
    line: Line = (
        *numbered(first.message[:1].upper() + first.message[1:], basis),
        ". ",
        *numbered(first.fix.split(". ")[0].rstrip("."), basis),
        ". In all: ",
        Number(f"{words.counted(grave, 'error')} and {words.counted(warned, 'warning')}", basis),
    )
    mark = f"✖ {words.counted(grave, 'error')}" if grave else LOOK if warned else "● nothing"
    verdict = numbered(mark, basis)
    return (("What to change first?",), verdict, line)
