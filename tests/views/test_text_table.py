"""Tables and lines on a terminal: whole numbers, whole frames, and nothing of the data obeyed."""

from __future__ import annotations

import io

import pytest

from meshlab.model.plain_text import plain
from meshlab.views.terminal import told, width
from meshlab.views.text_table import text_table

COLUMNS = ["service", "available", "minutes down a year (90 %)", "source", "limited by"]
ROWS = [
    ["etcd", "99.9987 %", "6.6 (0.7 to 33)", "", "us-east-1 (100%)"],
    ["kubernetes-api", "99.97 %", "1,123 (61 to 2,257)", "", "master-1 + us-east-1 (52%)"],
    ["mesh", "99.99999985 %", "never", "", "dc-1 + us-east-1 (95%)"],
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def columns(monkeypatch: pytest.MonkeyPatch):
    return lambda count: monkeypatch.setenv("COLUMNS", str(count))


@pytest.mark.parametrize("wide", [30, 40, 60, 80, 100, 140, 200])
def test_no_line_is_wider_than_the_terminal_and_no_number_is_parted_from_its_unit(columns, wide):
    columns(wide)
    lines = text_table("a table", COLUMNS, ROWS).splitlines()
    assert all(len(line) <= wide for line in lines)
    assert any("99.9987 %" in line for line in lines)
    assert all("us-east-" not in line.replace("us-east-1", "") for line in lines)


def test_numbers_end_below_each_other_and_words_begin_so(columns):
    columns(140)
    _, rule, *rows = text_table("", COLUMNS, ROWS).splitlines()
    assert set(rule) == {"─"}
    ends = {row.index("%") for row in rows}
    assert len(ends) == 1
    assert (
        len({row.index(word) for row, word in zip(rows, ("us-east", "master-1", "dc-1"), strict=True)}) == 1
    )


def test_a_column_without_content_is_left_out(columns):
    columns(140)
    assert "source" not in text_table("", COLUMNS, ROWS)


def test_a_word_that_must_be_broken_is_broken_after_a_mark(columns):
    columns(80)
    step = "kubernetes/vault-clusterrolebinding-vault-token-review"
    rows = [[f"Apply {step}", "create", "0.2 s", "+151.81", "guard: not-founded", step, "because " * 9]]
    lines = text_table("", ["what", "will", "takes", "USD", "mind", "step", "why"], rows).splitlines()
    assert all(len(line) <= 80 for line in lines)
    pieces = [word for line in lines[2:] for word in line.split() if word.startswith(("kube", "token"))]
    assert pieces and all(word.endswith(("-", "/", "review")) for word in pieces)


def test_below_the_room_for_columns_each_row_is_a_block(columns):
    columns(40)
    told_ = text_table("", COLUMNS, ROWS).splitlines()
    assert told_[:2] == ["etcd", "  available: 99.9987 %"]


def test_columns_are_kept_to_when_the_table_goes_to_a_file(columns, monkeypatch):
    columns(90)
    assert width() == 90
    monkeypatch.delenv("COLUMNS")
    assert width() == 140


@pytest.mark.parametrize(
    "hostile", ["[/x]", "[bold]b[/bold]", "[link=http://evil]x[/link]", "[red]", ":smile:", "\\[x]"]
)
def test_markup_in_data_is_text(columns, hostile):
    columns(140)
    assert hostile in text_table(hostile, ["a", hostile], [["x", hostile]]).splitlines()[-1]


def test_what_a_terminal_would_obey_is_made_visible(columns):
    columns(140)
    evil = "a\x1b[31mRED\x1b]0;own\x07\x9b2J\r\n\u202eb"
    for text in (plain(evil), text_table("", ["x"], [[evil]]), told(evil, Terminal())):
        assert not any((ord(c) < 32 and c != "\n") or 0x7F <= ord(c) < 0xA0 or c == "\u202e" for c in text)
    assert "a\ufffd[31mRED" in plain(evil)


def test_a_long_line_goes_on_under_its_beginning(columns):
    columns(40)
    lines = told("  why: " + "a quorum of voters is lost " * 4).splitlines()
    assert len(lines) > 2 and all(len(line) <= 40 for line in lines)
    assert all(line.startswith("    a") or line.startswith("    ") for line in lines[1:])


def test_severity_has_a_colour_on_a_terminal_only_and_not_where_that_is_unwanted(columns, monkeypatch):
    columns(100)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = "ERROR    etcd-in-asg\n" + text_table(
        "", ["machine", "state"], [["master-1", "down"], ["w", "up"]]
    )
    assert "\x1b[31mERROR\x1b[0m" in told(text, Terminal())
    assert "\x1b[31mdown\x1b[0m" in told(text, Terminal()) and "\x1b[32mup\x1b[0m" in told(text, Terminal())
    assert "\x1b" not in told(text, io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in told(text, Terminal())


def test_a_word_of_the_data_is_no_severity(columns, monkeypatch):
    columns(100)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b" not in told("the link is down for good, no error", Terminal())
