"""One design has one price: the bill, the plan, the panel as it is and today's row of a search say the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from meshlab.availability import availability
from meshlab.cli import app
from meshlab.model.spec import reference
from meshlab.planning.capacity import forecast
from meshlab.planning.explore import Exploration, Limits, explore
from meshlab.planning.explore.words import row, said_in_full
from meshlab.planning.latency import latency
from meshlab.planning.whatif import Change, Quick

ROOT = Path(__file__).parents[2]
SPEC = str(ROOT / "data" / "reference.yaml")
MONTH = 31_557_600.0 / 12


def said(*words: str) -> dict[str, object]:
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    document: dict[str, object] = json.loads(done.stdout)
    return document


def prices() -> Iterator[tuple[str, tuple[float, float, float]]]:
    """What each of them says that a month of the reference design costs: low, middle, high."""
    bill = said("cost", SPEC)["total"]
    yield "cost", (bill["low"], bill["mid"], bill["high"])  # type: ignore[index]
    panel = Quick(reference())(Change(), 24 * MONTH).total.monthly
    yield "what-if", (panel.low, panel.mid, panel.high)
    for words in ((), ("--vary", "masters=3,5"), ("--vary", "tor=shared,own"), ("--load", "100")):
        few = ("--samples", "300", "--vary", "zones=1,3")
        [today, *_] = said("explore", SPEC, *few, *words)["designs"]  # type: ignore[misc]
        found = today["cost_per_month"]
        yield f"explore {' '.join(words)}", (found["p05"], found["p50"], found["p95"])


def test_one_design_has_one_price(tmp_path: Path) -> None:
    (_, bill), *others = prices()
    for name, found in others:
        assert found == pytest.approx(bill, abs=0.01), name
    low, mid, high = bill
    shown = f"{mid:,.0f} ({low:,.0f} to {high:,.0f})"
    plan = tmp_path / "plan.md"
    answer = said("report", SPEC, "-o", str(plan), "--vary", "tor=shared,own")["answer"]
    told = {question: line for question, _, line in answer}  # type: ignore[attr-defined]
    assert told["At what price?"].startswith(f"{shown} USD")
    lines = plan.read_text(encoding="utf-8").splitlines()
    today = next(line for line in lines if line.startswith("| today |"))
    assert f"[{mid:,.0f}](" in today and f"([{low:,.0f}](" in today and f" to [{high:,.0f}](" in today


@pytest.fixture(scope="module")
def switched() -> Exploration:
    return explore(
        reference(), ["tor=shared,own", "spare-workers=0,1"], asked=Limits(horizon=12), samples=400
    )


def test_today_has_every_number_of_the_other_commands(switched: Exploration) -> None:
    today = switched.today.measures
    for kind, one in today.latency.items():
        found = latency(reference(), kind).p99
        assert (one.p99, one.low, one.high) == pytest.approx((found.value, found.low, found.high))
    exact = availability(reference())
    for name, down in today.downtime.items():
        assert down.point == pytest.approx(exact[name].unavailability, rel=1e-9)
    within = {one.subject + one.resource: one.within_horizon for one in forecast(reference())}
    assert today.exhausted_within(24.0) >= max(within.values()) - 0.001


def test_a_difference_is_shown_on_top_of_todays_own_number(switched: Exploration) -> None:
    buys = switched.recommendation.buys
    assert buys is not None and switched.recommendation.design == "spare-workers=1, tor=shared"
    chosen, base = switched[switched.recommendation.design], switched.base
    assert chosen.measures.cost_mid == pytest.approx(base.measures.cost_mid + buys.costs.mid)
    assert buys.costs.low < buys.costs.mid < buys.costs.high
    raw = float(base.measures.cost.mean()) - float(switched.today.measures.cost.mean())
    assert base.measures.cost_mid - switched.today.measures.cost_mid == pytest.approx(raw, rel=0.1)


def test_what_a_switch_adds_to_today_is_said(switched: Exploration) -> None:
    """In a spec the switch is a link: it costs nothing. As a device it is a row of its own, not a dearer today."""
    assert switched.today.design.topology == reference()
    assert switched.base.design.name == "tor=shared"
    assert row(switched.today, switched)[-2].startswith("2,263 ")
    first, second = said_in_full(switched)
    assert first.startswith("tor=shared is today's design, said in full: a spec has the switch as a link")
    more = switched.base.measures.cost_mid - switched.today.measures.cost_mid
    assert 90 < more < 120 and f"That alone is {more:+,.0f} USD a month" in first
    assert second == "differences, and what is recommended, are against tor=shared"
    assert said_in_full(explore(reference(), ["masters=3,5"], samples=300)) == []


def test_todays_design_said_in_full_is_no_design_to_change_to(switched: Exploration) -> None:
    assert switched.recommendation.against == "tor=shared"
    assert not any(one.design == "today" for one in switched.recommendation.alternatives)
    stays = explore(reference(), ["tor=shared,own"], asked=Limits(horizon=12), samples=400)
    assert stays.recommendation.design == "today"
    assert [one.differs for one in stays.recommendation.alternatives] == ["tor=own"]
