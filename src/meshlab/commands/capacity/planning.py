"""Commands that answer planning questions: latency, capacity, cost, advise."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from meshlab.commands.capacity.search import ahead
from meshlab.commands.output import Json, Sources, Spec, answer, finite, say, table, topology_of, working

if TYPE_CHECKING:
    from meshlab.model import Estimate, RaftGroup, Topology
    from meshlab.planning import Fit, Recovery, Resource
    from meshlab.planning.advise import Action, Advice
    from meshlab.planning.latency import Choice, Latency, TunnelCost
    from meshlab.planning.tables import Row


def latency(
    spec: Spec,
    request: Annotated[str, typer.Option("--request", help="one kind of request instead of all")] = "",
    load: Annotated[
        float, typer.Option("--load", min=0, help="requests of the kind a second; 0 is at rest")
    ] = 0,
    without: Annotated[
        str, typer.Option("--without", help="what is down, by name, separated by commas: us-east-1a")
    ] = "",
    stretch: Annotated[
        str, typer.Option("--stretch", help="masters this round trip from each other: 90ms")
    ] = "",
    away: Annotated[str, typer.Option("--away", help="masters this round trip from the workers: 90ms")] = "",
    relay: Annotated[
        bool, typer.Option("--relay", help="as if peers passed on what has no direct way; KubeSpan does not")
    ] = False,
    samples: Annotated[int, typer.Option(min=100, help="how many worlds")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same bits")] = 0,
    as_json: Json = False,
) -> None:
    """Says how long requests take, hop by hop. Example: `meshlab latency data/reference.yaml --request api-write`"""
    import time

    from meshlab.planning.latency import REQUESTS, NoSuchRequest, choices, stretched, tunnel_cost
    from meshlab.planning.latency import latency as of_request

    spec_says, load = topology_of(spec), finite("--load", load)
    far = {"masters": _round_trip("--stretch", stretch), "workers": _round_trip("--away", away)}
    topology = stretched(spec_says, **far)
    down = [name.strip() for name in without.split(",") if name.strip()]
    changed = bool(down) or any(far.values())
    start = time.perf_counter()
    found: list[Latency] = []
    before: list[Latency] = []
    tunnels = []
    with working("following the requests"):
        for kind in [request] if request else list(REQUESTS):
            try:
                found.append(
                    of_request(
                        topology, kind, load=load, without=down, relayed=relay, samples=samples, seed=seed
                    )
                )
            except NoSuchRequest:
                if request:
                    raise
                continue
            tunnels.append(tunnel_cost(topology, kind, samples=samples, seed=seed))
            if changed:
                before.append(of_request(spec_says, kind, load=load, samples=samples, seed=seed))
        timed = []
        for group in topology.raft_groups:
            if group.engine == "etcd":
                timed.append((group, choices(topology, group, seed=seed) if far["masters"] else ()))
    told = [_timers_of(topology, group, tried) for group, tried in timed]
    document = {
        "load_per_s": load,
        "without": down,
        "relayed": relay,
        "round_trips_s": far,
        "requests": [
            {**one.to_dict(), "tunnel": tunnel.to_dict()} for one, tunnel in zip(found, tunnels, strict=True)
        ],
        "before": [one.to_dict() for one in before],
        "timers": told,
        "elapsed_s": time.perf_counter() - start,
    }
    text = _latency_told(found, before, tunnels)
    for (group, tried), one in zip(timed, told, strict=True):
        text += "\n" + (_choices_told(group.name, tried) if tried else _timers_told(one))
    answer(document, as_json, text)


def _round_trip(option: str, text: str) -> float:
    from meshlab.model.errors import InputError
    from meshlab.model.units import UnitError, parse

    if not text:
        return 0.0
    try:
        seconds = parse(text, "duration")
    except UnitError as error:
        raise InputError.single(option, str(error), f"write {option} 90ms") from None
    if not 0 < seconds <= 2:
        raise InputError.single(option, f"{text} is no round trip on earth", f"write {option} 90ms")
    return seconds


def _timers_of(topology: Topology, group: RaftGroup, tried: tuple[Choice, ...]) -> dict[str, Any]:
    from meshlab.planning.latency import advised, timers

    now = timers(topology, group, group.heartbeat, group.election)
    better = timers(topology, group, *advised(topology, group))
    return {
        "group": group.name,
        "now": now.to_dict(),
        "advised": better.to_dict(),
        "choices": [choice.to_dict() for choice in tried],
    }


def _timers_told(one: dict[str, Any]) -> str:
    now, better = one["now"], one["advised"]
    pair = f"{_time(now['heartbeat'])} / {_time(now['election'])}"
    text = (
        f"timers of {one['group']}: {pair}, an election begins {_time(now['failover'])} after a leader's death (mean), "
        f"at most {now['false_elections']:.2g} false alarms a day"
    )
    if (now["heartbeat"], now["election"]) == (better["heartbeat"], better["election"]):
        return text + "; as etcd's guide has it for these distances"
    return text + f"; etcd's guide: {_time(better['heartbeat'])} / {_time(better['election'])}"


def _choices_told(group: str, tried: tuple[Choice, ...]) -> str:
    rows = [
        [
            f"{_time(one.heartbeat)} / {_time(one.election)}",
            f"{_time(one.elected.mid)} ({_time(one.elected.low)} to {_time(one.elected.high)})",
            _time(one.slowest),
            f"{one.split:.1%}",
            f"{one.false_elections:.2g}",
            "to choose" if one.chosen else one.against,
        ]
        for one in tried
    ]
    columns = [
        "heartbeat / election",
        "new leader after (90 %)",
        "serving p99",
        "split votes",
        "false alarms a day",
        "",
    ]
    return table(f"timers of {group}", columns, rows)


def _latency_told(found: list[Latency], before: list[Latency], tunnels: list[TunnelCost]) -> str:
    rows = []
    was = {one.request: one for one in before}
    for one, tunnel in zip(found, tunnels, strict=True):
        trouble = [f"saturated: {one.saturated}"] if one.saturated else []
        trouble += [f"{one.failing:.0%} find no way"] if one.failing and not one.saturated else []
        rows.append(
            [
                one.request,
                *(_time(quantile.value) for quantile in (one.p50, one.p95, one.p99)),
                *([_time(was[one.request].p99.value)] if before else []),
                one.dominant,
                f"{_time(tunnel.seconds)} ({tunnel.share:.1%})" if one.failing < 1 else "",
                f"{one.most:,.0f}" if one.most < 1e9 else "",
                "; ".join(trouble),
            ]
        )
    columns = ["request", "p50", "p95", "p99", *(["p99 before"] if before else [])]
    return table("", [*columns, "mostly", "WireGuard (mean)", "at most a second", "note"], rows)


def _time(seconds: float) -> str:
    from meshlab.model.units import duration

    return "never" if seconds == float("inf") else duration(seconds)


def capacity(
    spec: Spec,
    horizon: Annotated[str, typer.Option("--horizon", help="how far ahead: 24mo, 3y")] = "24mo",
    samples: Annotated[int, typer.Option(min=100, help="how many worlds")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same bits")] = 0,
    as_json: Json = False,
) -> None:
    """Says what fits and what runs out when. Example: `meshlab capacity data/reference.yaml --horizon 24mo`"""
    import time

    from meshlab.planning import fits, forecast, recoveries

    topology = topology_of(spec)
    seconds = ahead(horizon)
    start = time.perf_counter()
    tight = [fit for fit in fits(topology) if not fit.fits]
    with working("looking ahead"):
        resources = forecast(topology, horizon=seconds, samples=samples, seed=seed)
        back = recoveries(topology, samples=samples, seed=seed)
    document = {
        "horizon_s": seconds,
        "worlds": samples,
        "seed": seed,
        "does_not_fit": [asdict(fit) for fit in tight],
        "resources": [resource.to_dict() for resource in resources],
        "recoveries": [recovery.to_dict() for recovery in back],
        "elapsed_s": time.perf_counter() - start,
    }
    answer(document, as_json, "" if as_json else _capacity_told(tight, resources, back, horizon))


def _capacity_told(
    tight: list[Fit], resources: tuple[Resource, ...], back: tuple[Recovery, ...], horizon: str
) -> str:
    from meshlab.model.units import duration

    # Cores and memory are in both: what is asked for, and what that grows to.
    known = {(fit.machine, fit.resource) for fit in tight}
    more = [one for one in resources if not one.fits and (one.subject, one.resource) not in known]
    problems = [*(fit.reason for fit in tight), *(one.reason for one in more)]
    lines = [f"does not fit: {problem}" for problem in problems] or ["everything fits as it is"]
    rows = [
        [
            one.subject,
            one.resource,
            _days(one.days_left),
            f"{one.within_horizon:.1%}",
            one.rests_on,
            one.consequence,
        ]
        for one in sorted(resources, key=lambda one: (one.days_left.mid, one.subject, one.resource))
    ]
    lines.append(
        table("", ["where", "what", "used up in (90 %)", f"within {horizon}", "growth", "then"], rows)
    )
    rows = [
        [
            one.workload,
            one.after,
            f"{duration(one.seconds.mid)} ({duration(one.seconds.low)} to {duration(one.seconds.high)})",
            one.way,
        ]
        for one in back
    ]
    lines.append(table("", ["workload", "after", "caught up in (90 %)", "by"], rows))
    return "\n".join(lines)


def _days(days: Estimate) -> str:
    def one(value: float) -> str:
        years = value / 365.25
        return "never" if value == float("inf") else f"{years:.1f} y" if years < 100 else "> 100 y"

    if days.high == 0:
        return "now"
    if days.low > 36_525 and days.low != float("inf"):
        return one(days.low)
    return f"{one(days.mid)} ({one(days.low)} to {one(days.high)})" if days.low != float("inf") else "never"


def cost(
    spec: Spec,
    live: Annotated[
        bool, typer.Option("--live-prices", help="ask the AWS Pricing API for instances and disks")
    ] = False,
    profile: Annotated[str, typer.Option("--profile", help="AWS profile for --live-prices")] = "",
    samples: Annotated[int, typer.Option(min=100, help="how many worlds")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="same seed, same bits")] = 0,
    sources: Sources = False,
    as_json: Json = False,
) -> None:
    """Says what the cluster costs in a month, item by item. Example: `meshlab cost data/reference.yaml`"""
    from meshlab.planning import monthly_cost
    from meshlab.planning.cost import PRICED_REGION, elsewhere

    topology = topology_of(spec)
    found = _live_prices(topology, profile) if live else None
    if (away := elsewhere(topology)) and found is None:
        say(f"list prices of {PRICED_REGION} stand for {', '.join(away)}: --live-prices asks AWS for its own")
    with working("adding up"):
        *items, total = monthly_cost(topology, samples=samples, seed=seed, live_prices=found)
    document = {
        "currency": "USD",
        "worlds": samples,
        "seed": seed,
        "items": [item.to_dict() for item in items],
        "total": asdict(total.monthly),
    }
    rows = [
        [item.item, f"{item.count:.4g} {item.unit}", _dollars(item.monthly), item.source if sources else ""]
        for item in items
    ]
    rows.append(["total", "", _dollars(total.monthly), "the same worlds" if sources else ""])
    answer(
        document, as_json, table(topology.name, ["item", "how many", "USD a month (90 %)", "source"], rows)
    )


def _live_prices(topology: Topology, profile: str) -> dict[str, Row]:
    from meshlab.live.aws.prices import PRICING_REGION, live_prices
    from meshlab.live.aws.session import AwsSession
    from meshlab.model.errors import InputError

    regions = [site.region for site in topology.sites if site.place == "aws-region" and site.region]
    if not regions:
        raise InputError.single("--live-prices", "no site of this design is an AWS region", "leave it out")
    session = AwsSession(PRICING_REGION, profile=profile or None)
    try:
        kinds = [machine.instance_type for machine in topology.machines if machine.instance_type]
        machines = [machine for machine in topology.machines if machine.instance_type]
        volumes = {d.medium for m in machines for d in m.disks if d.medium in ("gp3", "io2")}
        return live_prices(session, regions[0], kinds, volumes)
    finally:
        session.close()


def _dollars(monthly: Estimate) -> str:
    if monthly.high - monthly.low < 0.005:
        return f"{monthly.mid:,.2f}"
    return f"{monthly.mid:,.2f} ({monthly.low:,.2f} to {monthly.high:,.2f})"


def advise(
    spec: Spec,
    down: Annotated[
        str,
        typer.Option("--down", help="what is down now, by name, separated by commas: master-2,us-east-1a"),
    ] = "",
    as_json: Json = False,
) -> None:
    """Says what not to do now, and the safest way out. Example: `meshlab advise data/reference.yaml --down master-2`"""
    from meshlab.planning.advise import advise as of_groups

    topology = topology_of(spec)
    names = [name.strip() for name in down.split(",") if name.strip()]
    advice = of_groups(topology, names)
    document = {"down": names, "groups": [a.to_dict() for a in advice]}
    answer(document, as_json, "\n\n".join(_told(a) for a in advice))


def _told(advice: Advice) -> str:
    lines = [advice.verdict]
    if advice.now.breakers and advice.now.margin == 0:
        lines.append("  ended by the loss of: " + ", ".join(b.component for b in advice.now.breakers))
    lines += [f"  do not {p.what}\n      {p.why}" for p in advice.prohibitions]
    for number, action in enumerate(advice.actions, 1):
        lines.append(f"  {number}. {action.what}: {action.why}" + _risk(action, advice.now.serving))
        lines += [f"      - {step}" for step in action.steps]
        lines.append(f"      source: {action.source}")
    return "\n".join(lines)


def _risk(action: Action, serving: bool) -> str:
    from meshlab.model.units import duration

    time = action.exposure.seconds
    text = f"\n      takes {duration(time.mid)} ({duration(time.low)} to {duration(time.high)})"
    if serving:
        risk = action.exposure.risk
        low, mid, high = (f"{value:.2g}" for value in (risk.low, risk.mid, risk.high))
        spread = "" if low == high else f" ({low} to {high})"
        text += f"; the quorum is lost meanwhile with probability {mid}{spread}"
    text += f"; then {_margin(action.after)}"
    return text if action.keeps_data else text + "; committed data may be lost"


def _margin(margin: int) -> str:
    if margin < 0:
        return "still no quorum"
    return f"{margin} more may be lost" if margin else "the next loss takes the quorum"
