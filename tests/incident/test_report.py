"""The report: every sentence with its evidence, nothing that escapes its page, numbers with their spread."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import matplotlib
import pytest
from test_record import raw_folder
from watching import Answer, asked, master_1_dies, written

from meshlab.incident.evidence.rows import Row
from meshlab.incident.observe.margin import margins
from meshlab.incident.post_mortem import post_mortem
from meshlab.incident.record import from_samples, ingest
from meshlab.incident.report import sections
from meshlab.incident.report.blocks import Page, Section, Statement, Table
from meshlab.incident.report.logs import bursts
from meshlab.incident.report.markdown import markdown
from meshlab.incident.report.words import blur, percent
from meshlab.model import Interval, State, Timeline
from meshlab.parameters import Parameters
from meshlab.views.plots.report_figures import write_report

matplotlib.use("Agg")
HOSTILE = 'night <script>alert("x")</script> | *bold* [link](http://evil)'


@pytest.fixture(scope="module")
def judged(tmp_path_factory, cluster):
    folder = raw_folder(tmp_path_factory.mktemp("incident"))
    incident = replace(
        ingest(folder, cluster, HOSTILE), notes="<b>paged</b>", not_collected=("dmesg of master-1: silent",)
    )
    return post_mortem(incident, parameters=Parameters.embedded(), replicates=60)


@pytest.fixture(scope="module")
def files(judged, tmp_path_factory):
    return write_report(judged.report, tmp_path_factory.mktemp("out"))


class Parsed(HTMLParser):
    """What a page has: tags, addresses it asks for, anchors, and links within it."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.asked: list[str] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.alts: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name == "src":
                self.asked.append(value)
            elif name == "href":
                self.links.append(value)
            elif name == "id":
                self.ids.add(value)
            elif name == "alt":
                self.alts.append(value)


@pytest.fixture(scope="module")
def page(files):
    found = Parsed()
    found.feed(files.html.read_text())
    return found


def test_the_report_has_the_sections_that_readers_ask_for(judged):
    assert [s.title for s in judged.report.sections] == [
        "Summary",
        "What to do now",
        "Impact",
        "What was predicted, what was observed",
        "Timeline",
        "Causes, ranked by simulation",
        "What the automation did",
        "How near it was",
        "What to do later",
        "What the logs say",
        "What this rests on, and what it does not know",
    ]


def test_the_page_asks_for_nothing_outside_itself(page):
    assert page.asked and all(source.startswith("data:image/png;base64,") for source in page.asked)
    assert all(link.startswith("#") for link in page.links)
    assert "script" not in page.tags and "link" not in page.tags


def test_every_link_to_evidence_leads_to_the_line_itself(page, judged):
    assert {link[1:] for link in page.links} <= page.ids
    cited = [link for link in page.links if link.startswith("#e-")]
    assert len(cited) > 10
    assert any('"outcome":"silent"' in text for text in judged.report.quotes.values())


def test_what_people_typed_is_shown_and_not_obeyed(files):
    html, markdown = files.html.read_text(), files.markdown.read_text()
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert "<b>paged" not in html and "&lt;b&gt;paged" in html
    assert "<script>" not in markdown and "](http://evil)" not in markdown.replace("\\]", "x")


def test_a_hostile_place_of_evidence_is_text_in_markdown_too():
    """Places with line breaks were written raw: five scripts ran in a page made of the Markdown."""
    places = (
        "x\n\n<script>alert(1)</script>\n:1",
        "javascript:alert(1):7",
        "a](http://evil)b:3",
        "y\x1b[31m:4",
    )
    page = Page(
        "t", "s", (Section("one", (Statement("said", places), Table(("a",), (("b",),), "c", (places,)))),)
    )
    text = markdown(page, {})
    assert not re.search(r"(?<!\\)<", text)
    targets = re.findall(r"(?<!\\)\]\(([^)]*)\)", text)
    assert len(targets) == 8 and all(re.fullmatch(r"[\w./%#-]+", target) for target in targets)
    assert "\x1b" not in text and not re.search(r"^\s*<", text, re.M)


def test_the_title_says_what_happened_and_the_first_sections_what_to_do(judged):
    assert judged.report.title == "Post-mortem of hybrid: master-1 lost"
    now = judged.report.sections[1].blocks[0]
    assert ("now", "bring back or replace master-1") in [row[:2] for row in now.rows]


def test_log_lines_that_say_the_same_are_one_row_with_first_and_last_line():
    def line(number: int, second: float, text: str) -> Row:
        return Row(second, second, "m", "m", "warning", text, "logs/etcd-m.log", number)

    slow = [line(n, n * 0.5, f"apply request took too long, took {n}.557451881s") for n in range(1, 41)]
    other = line(41, 5.0, "became leader")
    again = line(42, 90.0, "apply request took too long, took 2.5s")
    found = bursts(sorted([*slow, other, again], key=lambda row: row.time))
    assert [one.text for one in found] == [
        "apply request took too long, took 1.55s (40 lines like it in 19.5 s)",
        "became leader",
        "apply request took too long, took 2.5s",
    ]
    assert found[0].evidence == ("logs/etcd-m.log:1", "logs/etcd-m.log:40")


def test_changes_of_state_and_log_lines_are_apart(judged):
    by_title = {section.title: section for section in judged.report.sections}
    states, logs = by_title["Timeline"].blocks[0], by_title["What the logs say"]
    assert not any("became leader" in row[4] for row in states.rows)
    assert logs.folded and "became leader at term 3" in logs.blocks[0].rows[0][4]


def test_what_our_runs_did_before_the_watch_is_no_part_of_the_incident(judged):
    start = judged.incident.timeline.epoch

    def step(second: float, text: str) -> Row:
        return Row(
            start + second, start + second, "observer", "provision", "step", text, "logs/journal.json", 1
        )

    told = replace(judged.incident, rows=(step(-300.0, "step aws/vpc done"), step(12.0, "step talos/x done")))
    said = " ".join(block.text for block in sections.automation(told).blocks)
    assert "talos/x" in said and "aws/vpc" not in said


def test_an_instant_is_not_known_to_microseconds():
    assert blur(3.5e-05) == "±1 ms"
    assert blur(0.24567) == "±250 ms"


def test_a_share_of_the_ranking_is_never_said_to_be_all_of_it(files):
    assert percent(1.0) == percent(0.9951) == "more than 99 %"
    assert "100" not in percent(0.996)
    assert "rather too sure" in files.markdown.read_text().split("## Impact")[0]


def test_the_first_sign_is_one_that_the_cause_explains(cluster):
    """A write that waited 0.7 s, eighteen seconds before the kill, was told as the first sign of it."""

    def slow(t: float) -> Answer:
        return ("answered", {"endpoint": "master-2"}, 0.7 if 2 <= t < 2.6 else 0.02)

    night = master_1_dies(at=20.0, end=40.0)
    others = [s for s in night.items if s.probe != "kubernetes-api"]
    samples = written(others, asked("kubernetes-api", "kubernetes-api", 40.0, slow), end=40.0)
    result = post_mortem(
        from_samples(samples, cluster, "night"), parameters=Parameters.embedded(), replicates=40
    )
    assert result.explanation.best.name == "master-1 lost"
    assert result.explanation.first_deviation is not None
    first = result.explanation.first_sign
    assert first is not None and first.start == pytest.approx(20.0, abs=1.0)
    assert [i.component for i in result.explanation.unexplained] == ["kubernetes-api"]
    said = " ".join(block.text for block in result.report.sections[0].blocks)
    assert "Before it 1 stretch looked odd that this cause does not explain, such as kubernetes-api" in said


def test_pictures_have_words_for_those_who_cannot_see_them(page):
    assert len(page.alts) == 2 and all(len(alt) > 60 for alt in page.alts)


def test_predicted_and_observed_stand_side_by_side_with_their_spread(files):
    text = files.markdown.read_text()
    row = next(line for line in text.splitlines() if line.startswith("| vault | ") and " to " in line)
    assert re.search(r"\| [\d.]+ m?s to [\d.]+ s \| [\d.]+ s \| [\d.]+ s ±[\d.]+ ms \| (yes|no) \|", row), row


def test_markdown_tables_have_as_many_cells_in_each_row_as_headings(files):
    lines = files.markdown.read_text().splitlines()
    for n, line in enumerate(lines):
        if re.fullmatch(r"\|( --- \|)+", line):
            columns = line.count("---")
            k = n + 1
            while k < len(lines) and lines[k].startswith("|"):
                assert len(re.findall(r"(?<!\\)\|", lines[k])) == columns + 1, lines[k]
                k += 1


def test_the_cause_is_named_with_what_cannot_be_told_from_it(judged, files):
    text = files.markdown.read_text()
    assert judged.explanation.best.name == "master-1 lost"
    assert "The most likely cause of 44 candidate faults is: master-1 lost" in text
    assert "cannot be told apart from: us-east-1a lost" in text


def test_what_could_not_be_collected_is_said(files):
    assert "Not collected: dmesg of master-1: silent" in files.markdown.read_text()


def test_what_would_have_been_is_simulated(files):
    text = files.markdown.read_text()
    assert re.search(r"had master-\d led etcd instead of master-1, its outage would have been 0 s", text)


def test_the_margin_counts_the_time_one_failure_from_losing_the_quorum(cluster):
    end = 100.0

    def lane(name: str, *away: tuple[float, float]) -> list[Interval]:
        found, at = [], 0.0
        for start, stop in away:
            found += [Interval(name, State.UP, at, start), Interval(name, State.UNREACHABLE, start, stop)]
            at = stop
        return [*found, Interval(name, State.UP, at, end)]

    timeline = Timeline(
        "observed", end, (*lane("master-1", (10, 40)), *lane("master-2", (30, 35)), *lane("master-3"))
    )
    spare = {m.spare: m for m in margins(cluster, timeline) if m.group == "etcd"}
    assert spare[1].seconds == pytest.approx(70.0)
    assert spare[0].seconds == pytest.approx(25.0)
    assert spare[-1].stretches == ((30, 35),)


def test_files_are_written_beside_each_other(files):
    assert files.timeline.read_bytes().startswith(b"\x89PNG")
    assert "(timeline.png)" in files.markdown.read_text()
    assert (files.html.stat().st_size) < 2_000_000


def test_the_explanation_stays_with_the_incident(judged):
    assert (judged.incident.folder / "explanation.json").is_file()


def test_an_incident_of_the_embedded_cluster_is_judged_by_its_own_parameters(judged, tmp_path):
    folder = tmp_path / "kept"
    replace(judged.incident, about={"profile": "embedded"}, folder=None).save(folder)
    again = post_mortem(folder, replicates=60)
    assert again.replay.outages == judged.replay.outages
    assert again.to_dict()["causes"][0]["name"] == "master-1 lost"
