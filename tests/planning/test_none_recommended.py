"""A search in which no design keeps to the limits says so at once, why, and which comes nearest."""

from __future__ import annotations

import pytest

from meshlab.model.spec import reference
from meshlab.planning.explore import Exploration, explore, limits
from meshlab.planning.explore.words import advice, rejected_by, rejections
from meshlab.planning.report import Answers, Table, answers, capacity_plan
from meshlab.planning.report.document import plain

LONGEST = 200
"""Characters of a line: two lines of a terminal, three where it is narrow."""


@pytest.fixture(scope="module")
def none() -> Exploration:
    asked = limits(24, 2_300, [], [], [])
    return explore(reference(), ["masters=3,5", "spare-workers=0,1"], asked=asked, samples=400)


@pytest.fixture(scope="module")
def found() -> Answers:
    return answers(reference(), samples=200)


def test_the_nearest_misses_the_fewest_limits_and_those_by_least(none: Exploration) -> None:
    assert none.recommendation.design is None
    near = none.recommendation.nearest
    assert near is not None and near.design == "today"  # a few weeks of memory; the others the budget too
    assert near.misses == ("horizon",)
    assert len(none.today.missed) == 1 and all(len(one.missed) == 2 for one in none.designs[1:])
    assert none.to_dict()["recommendation"]["nearest"]["design"] == "today"


def test_each_limit_has_one_line_with_its_count(none: Exploration) -> None:
    counts = rejected_by(none)
    assert sum(counts.values()) == len(none.designs) == 4
    lines = rejections(none)
    assert [line.split(";")[0] for line in lines] == [f"{n} rejected by {what}" for what, n in counts.items()]


def test_no_line_is_longer_than_somebody_reads(none: Exploration) -> None:
    lines = advice(none.recommendation)
    assert lines[:2] == [
        "recommended: none, no design keeps to the limits",
        "nearest to the limits: today, which misses horizon",
    ]
    assert "worker-1's memory is used up within 23." in lines[2]
    assert max(len(line) for line in [*lines, *rejections(none)]) <= LONGEST


def test_the_plans_answer_says_it_on_its_first_page(none: Exploration, found: Answers) -> None:
    told = first_table(found, none)["Which design?"]
    assert told[0] == "✖ none"
    assert told[1].startswith("None of 4 keeps to the limits: rejected are ")
    assert "Nearest: the design as it is, which misses horizon: worker-1's memory" in told[1]


def test_the_plans_answer_names_the_design_to_build_with_gain_and_price(found: Answers) -> None:
    searched = explore(reference(), ["spare-workers=0,1"], asked=limits(12, None, [], [], []), samples=400)
    buys = searched.recommendation.buys
    assert buys is not None
    mark, line = first_table(found, searched)["Which design?"]
    assert mark == "▲ another"
    assert line.startswith("One spare worker (spare-workers=1), of 2 designs: 121 min (")
    assert f"downtime of solana, ethereum, tron together, for {buys.costs.mid:+,.0f} USD a month" in line
    stay = explore(reference(), ["masters=3,5"], asked=limits(12, None, [], [], []), samples=400)
    assert first_table(found, stay)["Which design?"][0] == "● as it is"


def test_a_search_that_begins_at_another_design_says_so(found: Answers) -> None:
    other = explore(reference().without("worker-3"), ["masters=3,5"], samples=300)
    assert (
        "The search begins at another design than this one" in first_table(found, other)["Which design?"][1]
    )


def first_table(found: Answers, searched: Exploration) -> dict[str, tuple[str, str]]:
    section = capacity_plan(found, exploration=searched).sections[0]
    [table] = [block for block in section.blocks if isinstance(block, Table)]
    return {plain(row[0]): (plain(row[1]), plain(row[2])) for row in table.rows}
