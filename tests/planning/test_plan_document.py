"""The plan as a document for somebody who decides: first what to do, then why, and sources that can be followed."""

from __future__ import annotations

import csv
import re
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from report_page import parsed

from meshlab.model.spec import data_file, reference
from meshlab.planning.explore import Exploration, Limits, explore
from meshlab.planning.report import (
    Answers,
    Report,
    Sentence,
    Signed,
    Table,
    answers,
    capacity_plan,
    html,
    markdown,
)
from meshlab.planning.report.document import plain
from meshlab.planning.report.provenance import pieces
from meshlab.planning.tables import Document, documents
from meshlab.views.plots.plan_figures import availability_figure, cost_figure, latency_figure, runout_figure
from meshlab.views.plots.plan_files import write_plans


@pytest.fixture(scope="module")
def found() -> Answers:
    return answers(reference(), samples=300)


@pytest.fixture(scope="module")
def searched() -> Exploration:
    return explore(reference(), ["spare-workers=0,1"], asked=Limits(horizon=12), samples=300)


@pytest.fixture(scope="module")
def plan(found: Answers, searched: Exploration) -> Report:
    return capacity_plan(
        found, design="reference.yaml", exploration=searched, signed=Signed(date(2026, 3, 5), "A. Ng")
    )


def test_the_head_says_when_by_whom_and_with_what(plan: Report, found: Answers) -> None:
    line = "5 March 2026, prepared by A. Ng with meshlab "
    assert line in html(plan) and line.replace(".", "\\.").replace("\\.", ".") in markdown(plan)
    assert "Prepared with meshlab " in html(capacity_plan(found))
    assert "<b>" not in html(capacity_plan(found, signed=Signed(date(2026, 3, 5), "<b>")))


def test_the_answer_begins_with_what_to_do_its_gain_and_its_price(
    plan: Report, searched: Exploration
) -> None:
    lead = plan.sections[0].blocks[0]
    assert isinstance(lead, Sentence) and lead.lead
    buys = searched.recommendation.buys
    assert buys is not None
    assert plain(lead.line).startswith("Recommended: Three plain instances from a launch template")
    assert f"Then build one spare worker (spare-workers=1) ({buys.costs.mid:+,.0f} USD a month)" in plain(
        lead.line
    )
    assert "121 min" in plain(lead.line)


def test_what_to_do_is_a_list_with_errors_first_and_what_is_left_counted(
    plan: Report, found: Answers
) -> None:
    section = plan.sections[1]
    assert section.title == "What to do, in order"
    [table] = [block for block in section.blocks if isinstance(block, Table)]
    rows = [[plain(cell) for cell in row] for row in table.rows]
    errors = sum(f.severity == "error" for f in found.findings)
    assert [row[0] for row in rows] == [str(n) for n in range(1, len(rows) + 1)]
    assert rows[errors][1].startswith("Build one spare worker")
    assert all(row[3] == "not priced here" for row in rows[:errors])
    assert any(row[1].startswith("Give worker-1 more memory within ") for row in rows)
    more = sum(f.severity == "warning" for f in found.findings) + errors + 2 - len(rows)
    assert plain(table.caption) == f"In this order; {more} more are in the review below"


def test_a_design_held_beside_is_a_proposal_with_its_price(found: Answers) -> None:
    roomy = replace(reference().machine("worker-1"), memory=768 * 2.0**30)
    other = answers(reference().with_component(roomy), samples=300)
    plan = capacity_plan(replace(found, changed={"more memory": other}))
    [table] = [block for block in plan.sections[1].blocks if isinstance(block, Table)]
    rows = {plain(row[1]): [plain(cell) for cell in row[2:]] for row in table.rows}
    more = other.total.monthly.mid - found.total.monthly.mid
    assert rows["Decide on more memory"] == [
        "as much downtime as now; what else differs is in the comparison below",
        f"{more:+,.0f}",
    ]


def test_no_word_of_the_model_stands_where_a_manager_reads(plan: Report) -> None:
    text = " ".join(plain(line) for line in plan.lines())
    assert "Omni (management plane)" in text
    for word in (r"(?<!\()\bmanagement is\b", "way out", r"the tip\b", "alone;"):
        assert not re.search(word, text), word


def test_a_quorum_that_one_region_ends_is_not_simply_safe(plan: Report, found: Answers) -> None:
    [table] = [block for block in plan.sections[0].blocks if isinstance(block, Table)]
    rows = {plain(row[0]): row for row in table.rows}
    assert any(one.now.breakers for one in found.advice)
    assert plain(rows["Is a quorum safe?"][1]) == "▲ look at it"
    told = plain(rows["Is a quorum safe?"][2])
    assert "survives the loss of any 1 of its 3 voters, but not that of us-east-1" in told


def test_every_code_of_the_tables_and_of_the_reference_design_has_a_document() -> None:
    known, code = documents(), re.compile(r"\b[A-Z]\.[a-z0-9]{2,}(?: [a-z][a-z0-9_]*_[a-z0-9_]+)?")
    texts = []
    for name in ("prices", "growth", "latency", "traffic", "explore", "parameters", "regions"):
        with data_file(f"{name}.csv").open(newline="", encoding="utf-8") as file:
            texts += [row["source"] for row in csv.DictReader(file)]
    texts.append(data_file("reference.yaml").read_text(encoding="utf-8"))
    cited = {found for text in texts for found in code.findall(text)}
    assert len(cited) > 50
    assert {
        one for one in cited if one not in known and one.split()[0] not in known and not named(one)
    } == set()
    assert all(one.title and (one.url.startswith("https://") or not one.url) for one in known.values())
    assert all(
        one.url or "no " in one.title for one in known.values()
    )  # where there is no address, that is said


def named(group: str) -> bool:
    """Whether a group of codes stands alone in a text that goes on in words of its own."""
    return any(one.startswith(f"{group} ") for one in documents())


def test_a_number_is_followed_to_a_document_and_not_to_a_code(plan: Report) -> None:
    page = html(plan)
    ledger = page[page.index("<h3>Sources</h3>") :]
    assert not re.search(r"\b[A-HT]\.(aws|etcd|solana|ethereum|tron|k8s|vault)\b", ledger)
    assert not re.search(r"\[[SDREMT]\]", ledger)
    outside = [link for link in parsed(page).links if link.target.startswith("https://")]
    assert len(outside) > 10 and not any(link.number for link in outside)
    assert "https://aws.amazon.com/ec2/pricing/on-demand/" in {link.target for link in outside}
    assert "https://aws.amazon.com/ec2/pricing/on-demand/" in markdown(plan)


def test_a_provenance_is_told_with_its_documents_and_marks_in_words() -> None:
    first, rest = pieces("F.aws price_m6i [R], 2025")
    assert isinstance(first, Document) and first.url
    assert rest == " (remembered), 2025"
    assert (
        pieces("packets in order [D E.wireguard overhead]; own count [M]")[0] == "packets in order (derived: "
    )
    assert pieces("a visit or two a year [E]") == ("a visit or two a year (estimated)",)


@pytest.mark.parametrize("kind", ["cost", "availability", "latency", "runout"])
def test_no_word_of_a_picture_is_clipped(found: Answers, kind: str) -> None:
    """With names as long as some cluster has them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    long = [replace(one, item=f"{one.item}, of the second hall in the north") for one in found.bill]
    draw = {
        "cost": cost_figure, "availability": availability_figure, "latency": latency_figure, "runout": runout_figure,
    }[kind]  # fmt: skip
    figure = draw(replace(found, bill=tuple(long)))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    width, renderer = figure.get_figwidth() * figure.dpi, canvas.get_renderer()
    texts = [text for ax in figure.axes for text in (*ax.get_yticklabels(), *ax.texts)]
    assert len(texts) > 6
    for text in texts:
        box = text.get_window_extent(renderer)
        assert box.x0 >= 0 and box.x1 <= width, text.get_text()


def test_two_pages_of_one_plan_are_drawn_once_and_told_step_by_step(
    found: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from meshlab.views.plots import plan_figures

    drawn: list[str] = []
    draw = cost_figure
    monkeypatch.setattr(plan_figures, "cost_figure", lambda a: drawn.append("cost") or draw(a))
    told: list[tuple[int, int, str]] = []
    files = [tmp_path / "plan.html", tmp_path / "plan.md"]
    page, text = write_plans(found, files, progress=lambda *step: told.append(step))
    assert drawn == ["cost"]
    assert (page.files[0], text.files[0]) == tuple(files) and page.report == text.report
    assert [what for _, _, what in told][-3:] == ["plan.html", "plan.md", ""]
    assert [done for done, _, _ in told] == list(range(len(told))) and told[-1][:2] == (7, 7)
