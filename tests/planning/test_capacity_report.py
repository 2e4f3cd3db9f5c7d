"""The capacity plan: every number leads to a source, both formats hold the same, the same seed gives the same bits."""

from __future__ import annotations

import csv
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from report_page import numbers_of, numbers_of_markdown, parsed

from meshlab.availability import availability
from meshlab.model import Topology
from meshlab.model.spec import data_file, reference
from meshlab.planning import monthly_cost
from meshlab.planning.explore import Limits, explore, limits
from meshlab.planning.report import (
    Answers,
    Report,
    Table,
    answers,
    capacity_plan,
    html,
    markdown,
    numbered,
)
from meshlab.planning.report.document import Basis, Number, plain
from meshlab.planning.report.words import money, quantity, service, share, span
from meshlab.planning.whatif import Change, changed, grown

WORLDS = 500
YEARS = 2 * 31_557_600.0


@pytest.fixture(scope="module")
def found() -> Answers:
    cluster = reference()
    other = {"one more worker": changed(cluster, Change(workers=1))}
    return answers(cluster, samples=WORLDS, growth=1.5, load=50.0, horizon=YEARS, changed=other)


@pytest.fixture(scope="module")
def report(found: Answers) -> Report:
    searched = explore(reference(), ["spare-workers=0,1"], asked=Limits(horizon=12), samples=WORLDS)
    return capacity_plan(found, design="reference.yaml", exploration=searched)


@pytest.fixture(scope="module")
def page(report: Report) -> str:
    return html(report)


def test_no_number_stands_without_a_link(page: str) -> None:
    """Text outside links may hold names with digits (worker-3, p95) and the /24 of a network, but no number."""
    assert numbers_of(" ".join(parsed(page).bare)) == []


def test_every_number_leads_to_a_method_and_a_source_that_are_there(page: str, report: Report) -> None:
    found = parsed(page)
    assert len(found.ids) == len(set(found.ids))
    inside = [link for link in found.links if not link.target.startswith("https://")]
    assert {link.target[1:] for link in inside} <= set(found.ids)
    assert all(link.target.startswith("#") for link in inside)
    numbers = [link for link in found.links if link.number]
    assert len(numbers) > 200
    for target in {link.target[1:] for link in numbers}:
        led = found.held[target]
        assert any(href.startswith("#method-") for href in led), target
        assert any(href.startswith("#source") for href in led), target
    assert all(basis.sources for basis in report.bases())


def test_every_source_is_a_row_of_the_tables_or_named_in_the_design(report: Report) -> None:
    tables: dict[str, dict[str, str]] = {}
    for name, keys in {
        "prices.csv": ["item"],
        "latency.csv": ["quantity"],
        "traffic.csv": ["quantity"],
        "explore.csv": ["quantity"],
        "growth.csv": ["workload", "quantity"],
        "parameters.csv": ["name"],
    }.items():
        with data_file(name).open(newline="", encoding="utf-8") as file:
            tables[f"data/{name}"] = {
                ", ".join(row[key] for key in keys): row["source"] for row in csv.DictReader(file)
            }
    cited = [source for source in report.sources.values() if source.place.startswith("data/")]
    assert len(cited) > 40
    for source in cited:
        table, _, row = source.place.partition(": ")
        assert source.text.startswith(tables[table][row])
    others = [source.place for source in report.sources.values() if source not in cited]
    assert all(place.startswith(("reference.yaml: ", "the question: ")) for place in others)
    assert all(source.text for source in report.sources.values())


def test_every_source_that_is_listed_is_cited(page: str) -> None:
    found = parsed(page)
    cited = {link.target[1:] for link in found.links}
    listed = {name for name in found.ids if re.match(r"source\d|method-|basis\d", name)}
    assert listed <= cited


def test_markdown_and_html_hold_the_same_numbers(page: str, report: Report) -> None:
    text = markdown(report)
    shown = [(link.text, link.target[1:]) for link in parsed(page).links if link.number]
    assert numbers_of_markdown(text) == shown
    anchors = re.findall(r'<a id="([^"]+)">', text)
    assert len(anchors) == len(set(anchors))
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) == set(anchors)


def test_the_same_seed_gives_the_same_page_and_another_one_does_not(report: Report, page: str) -> None:
    cluster = reference()

    def again(seed: int) -> str:
        one = answers(
            cluster,
            samples=WORLDS,
            growth=1.5,
            load=50.0,
            horizon=YEARS,
            seed=seed,
            changed={"one more worker": changed(cluster, Change(workers=1))},
        )
        searched = explore(
            cluster, ["spare-workers=0,1"], asked=Limits(horizon=12), samples=WORLDS, seed=seed
        )
        return html(capacity_plan(one, design="reference.yaml", exploration=searched))

    assert again(0) == page
    assert again(1) != page


def test_the_page_asks_nobody_for_anything(page: str, report: Report) -> None:
    with_picture = html(report, {"availability": b"png"})
    assert "default-src 'none'" in page
    assert parsed(page).loaded == []
    assert [src[:22] for src in parsed(with_picture).loaded] == ["data:image/png;base64,"]
    assert "<script" not in page and "@import" not in page and "url(" not in page


def test_the_numbers_are_those_of_the_models(report: Report) -> None:
    """The page's text against the models asked anew, at the page's seed and worlds."""
    cells = {plain(row[0]): row for row in rows(report, "Expected downtime")}
    for name, one in availability(reference()).items():
        row = cells[service(name)]
        shown = float(plain(row[1]).removesuffix(" %"))
        assert 100 - shown == pytest.approx(100 * one.unavailability, rel=0.1)
        assert abs(float(plain(row[2])) - one.nines) <= 0.05
    total = monthly_cost(reference(), samples=WORLDS)[-1]
    bill = {plain(row[0]): row for row in rows(report, "The bill")}
    assert plain(bill["total"][2]) == money(total.monthly.mid)


def test_the_dates_are_the_forecasts_own(found: Answers) -> None:
    """The median to the bit; each of the three has its share of the worlds before it: two ways."""
    near = [out for out in found.runouts if 0 < out.p90 < float("inf")]
    assert len(near) >= 3
    for out in near:
        assert out.p50 == out.resource.days_left.mid
        for share_of_worlds, days in ((0.1, out.p10), (0.5, out.p50), (0.9, out.p90)):
            by_then = grown(reference(), horizon=86_400 * days, growth=1.5, samples=WORLDS)
            within = {(one.subject, one.resource): one.within_horizon for one in by_then}
            assert within[out.resource.subject, out.resource.resource] == pytest.approx(
                share_of_worlds, abs=2 / WORLDS
            )


def test_what_does_not_fit_is_told_first_and_why() -> None:
    cluster = reference()
    tron = replace(cluster.workload("tron"), machines=("worker-2",))
    plan = capacity_plan(answers(cluster.with_component(tron), samples=200))
    answer = {plain(row[0]): row for row in rows(plan, "Question by question")}
    assert plain(answer["Is it big enough?"][1]) == "✖ no"
    assert "ethereum, tron need 18.5 of cores, worker-2 has 16" in plain(answer["Is it big enough?"][2])


def test_a_station_that_cannot_keep_up_is_told() -> None:
    plan = capacity_plan(answers(reference(), load=600.0, samples=200))
    answer = {plain(row[0]): row for row in rows(plan, "Question by question")}
    assert "chain node cannot keep up beyond 383 a second" in plain(answer["Is it fast enough?"][2])
    assert parsed(html(plan)).ids


@pytest.mark.parametrize("without", ["dc-1", "us-east-1", "omni", "etcd"])
def test_a_smaller_design_gets_its_plan_too(without: str) -> None:
    smaller = reference().without(without)
    plan = capacity_plan(answers(smaller, samples=200))
    page = parsed(html(plan))
    assert numbers_of(" ".join(page.bare)) == []
    assert {link.target[1:] for link in page.links if link.target.startswith("#")} <= set(page.ids)
    assert numbers_of_markdown(markdown(plan)) == [(x.text, x.target[1:]) for x in page.links if x.number]


def test_texts_of_a_design_cannot_break_the_page(found: Answers) -> None:
    evil = replace(found, topology=replace(found.topology, name="<script>x</script>|*"))
    plan = capacity_plan(evil, design="a<b>|c.yaml")
    assert "<script>" not in html(plan) and "<b>" not in html(plan)
    assert "<script>" not in markdown(plan) and "a<b>|c" not in markdown(plan)


def test_an_exploration_stands_after_the_changes(report: Report) -> None:
    titles = [section.title for section in report.sections]
    assert titles.index("Which design of those searched?") == titles.index("What would a change buy?") + 1
    table, _ = [b for b in report.sections[-2].blocks if isinstance(b, Table)]
    assert [plain(row[0]) for row in table.rows] == ["today", "spare-workers=1"]
    assert plain(table.rows[1][-1]) == "recommended"


def test_the_plan_says_which_limits_bound_and_which_designs_each_rejected(found: Answers) -> None:
    asked = limits(12, 2_300, ["etcd=0.99"], ["etcd-put=20ms"], ["etcd"])
    searched = explore(
        reference(), ["masters=3,5", "zones=3,regions"], asked=asked, load=100.0, samples=WORLDS
    )
    plan = capacity_plan(found, design="reference.yaml", exploration=searched)
    limit = {plain(row[0]): [plain(cell) for cell in row[1:]] for row in rows(plan, "What every design")}
    assert limit["budget"] == ["at most 2,300 USD a month (median)", "2", "1", "1", "binds"]
    assert limit["max-latency etcd-put"] == ["p99 at most 20 ms", "2", "2", "1", "binds"]
    assert limit["min-availability etcd"][1:] == ["0", "0", "0", "keeps nothing out"]
    assert limit["load api-write"][0] == "100 requests a second are carried"
    out = {
        plain(row[0]): [plain(cell) for cell in row[1:]] for row in rows(plan, "3 of 4 designs are rejected")
    }
    assert {name: (by, too) for name, (by, _, too) in out.items()} == {
        "masters=5": ("budget", ""),
        "zones=regions": ("max-latency etcd-put", ""),
        "masters=5, zones=regions": ("max-latency etcd-put", "budget"),
    }
    assert "the budget is 2,300" in out["masters=5"][1]
    page = parsed(html(plan))
    assert numbers_of(" ".join(page.bare)) == []
    assert numbers_of_markdown(markdown(plan)) == [(x.text, x.target[1:]) for x in page.links if x.number]


def test_a_change_is_shown_beside_the_design(report: Report) -> None:
    beside = {plain(row[0]): row for row in rows(report, "The same questions")}
    before, after = (plain(cell) for cell in beside["tron, down a year"][1:])
    assert float(after.split()[0]) < float(before.split()[0])
    assert "etcd, down a year" not in beside


def test_progress_counts_every_step() -> None:
    told: list[tuple[int, int, str]] = []
    other = {"far": changed(reference(), Change(distance=2.0))}
    answers(reference(), samples=100, changed=other, progress=lambda *step: told.append(step))
    *steps, last = told
    assert [done for done, _, _ in steps] == list(range(len(steps)))
    assert {count for _, count, _ in told} == {len(steps)} and last == (len(steps), len(steps), "")
    assert steps[0][2] == "latency of api-read" and steps[len(steps) // 2][2] == "far: latency of api-read"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("worker-3 has 16 GiB", ["16"]),
        ("p95 of us-east-1a at 2.5 ms, then 1,886 USD", ["2.5", "1,886"]),
        ("12.5 % or 99.9 %", ["12.5 %", "99.9 %"]),
        ("24mo of m6i.xlarge in a /24", ["24mo"]),
        ("from 0.0.0.0/0 to 10.40.0.14:6443 in 3 s", ["3"]),
        ("min = max = 1, sealedcode=204, worker-memory=1x,1.5x: 2 of them", ["2"]),
    ],
)
def test_numbers_in_running_text_are_found(text: str, numbers: list[str]) -> None:
    line = numbered(text, Basis("asked", ()))
    assert [piece.text for piece in line if isinstance(piece, Number)] == numbers
    assert plain(line) == text


def test_words_round_honestly() -> None:
    assert [share(x) for x in (0, 0.0004, 0.104, 0.9996, 1)] == [
        "0 %",
        "under 0.1 %",
        "10.4 %",
        "over 99.9 %",
        "100 %",
    ]
    assert quantity(2e-5, 5e-5, 2e-4, "s") == "0.05 ms (0.02 to 0.2)"
    assert quantity(5, 5, 5, "USD") == "5 USD"
    assert span(YEARS) == "24 months"


def rows(report: Report, caption: str) -> tuple[tuple[tuple[str | Number, ...], ...], ...]:
    tables = (b for s in report.sections for b in s.blocks if isinstance(b, Table))
    return next(t.rows for t in tables if plain(t.caption).startswith(caption))


def test_the_topology_is_not_changed_by_a_plan() -> None:
    cluster: Topology = reference()
    answers(cluster, samples=100)
    assert cluster == reference()
