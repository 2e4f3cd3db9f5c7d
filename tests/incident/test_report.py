"""The report: every sentence with its evidence, nothing that escapes its page, numbers with their spread."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import matplotlib
import pytest
from test_record import raw_folder

from meshlab.incident.observe.margin import margins
from meshlab.incident.post_mortem import post_mortem
from meshlab.incident.record import ingest
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
def written(judged, tmp_path_factory):
    return write_report(judged.report, tmp_path_factory.mktemp("out"))


class Page(HTMLParser):
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
def page(written):
    found = Page()
    found.feed(written.html.read_text())
    return found


def test_the_report_has_the_sections_that_readers_ask_for(judged):
    assert [s.title for s in judged.report.sections] == [
        "Summary",
        "Impact",
        "What was predicted, what was observed",
        "Timeline",
        "Causes, ranked by simulation",
        "What the automation did",
        "How near it was",
        "What to do",
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


def test_what_people_typed_is_shown_and_not_obeyed(written):
    html, markdown = written.html.read_text(), written.markdown.read_text()
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert "<b>paged" not in html and "&lt;b&gt;paged" in html
    assert "<script>" not in markdown and "](http://evil)" not in markdown.replace("\\]", "x")


def test_pictures_have_words_for_those_who_cannot_see_them(page):
    assert len(page.alts) == 2 and all(len(alt) > 60 for alt in page.alts)


def test_predicted_and_observed_stand_side_by_side_with_their_spread(written):
    text = written.markdown.read_text()
    row = next(line for line in text.splitlines() if line.startswith("| vault | ") and " to " in line)
    assert re.search(r"\| [\d.]+ m?s to [\d.]+ s \| [\d.]+ s \| [\d.]+ s ±[\d.]+ ms \| (yes|no) \|", row), row


def test_markdown_tables_have_as_many_cells_in_each_row_as_headings(written):
    lines = written.markdown.read_text().splitlines()
    for n, line in enumerate(lines):
        if re.fullmatch(r"\|( --- \|)+", line):
            columns = line.count("---")
            k = n + 1
            while k < len(lines) and lines[k].startswith("|"):
                assert len(re.findall(r"(?<!\\)\|", lines[k])) == columns + 1, lines[k]
                k += 1


def test_the_cause_is_named_with_what_cannot_be_told_from_it(judged, written):
    text = written.markdown.read_text()
    assert judged.explanation.best.name == "master-1 lost"
    assert "The most likely cause of 44 candidate faults is: master-1 lost" in text
    assert "cannot be told apart from: us-east-1a lost" in text


def test_what_could_not_be_collected_is_said(written):
    assert "Not collected: dmesg of master-1: silent" in written.markdown.read_text()


def test_what_would_have_been_is_simulated(written):
    text = written.markdown.read_text()
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


def test_files_are_written_beside_each_other(written):
    assert written.timeline.read_bytes().startswith(b"\x89PNG")
    assert "(timeline.png)" in written.markdown.read_text()
    assert (written.html.stat().st_size) < 2_000_000


def test_the_explanation_stays_with_the_incident(judged):
    assert (judged.incident.folder / "explanation.json").is_file()


def test_an_incident_of_the_embedded_cluster_is_judged_by_its_own_parameters(judged, tmp_path):
    folder = tmp_path / "kept"
    replace(judged.incident, about={"profile": "embedded"}, folder=None).save(folder)
    again = post_mortem(folder, replicates=60)
    assert again.replay.outages == judged.replay.outages
    assert again.to_dict()["causes"][0]["name"] == "master-1 lost"
