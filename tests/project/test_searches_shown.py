"""The searches that the how-to shows find a design."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from documents import ROOT, blocks, commands

from meshlab import cli

SEARCHES = [
    said.words[1:] for block in blocks("sh") for said in commands(block.text) if "--vary" in said.words
]


def as_explore(words: Sequence[str]) -> list[str]:
    """Gives the search of a report as `explore` does it: without the page."""
    rest = list(words[1:])
    if "-o" in rest:
        at = rest.index("-o")
        del rest[at : at + 2]
    return ["explore", *rest]


def test_both_commands_are_shown_with_a_search() -> None:
    assert {words[0] for words in SEARCHES} == {"explore", "report"}


@pytest.mark.parametrize("words", SEARCHES, ids=lambda words: words[0])
def test_a_search_that_is_shown_recommends_what_the_text_says(
    words: Sequence[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("sys.argv", ["meshlab", *as_explore(words), "--json"])
    with pytest.raises(SystemExit):
        cli.main()
    recommended = json.loads(capfd.readouterr().out)["recommendation"]["design"]
    assert recommended == "worker-memory=1.5x"
    assert f"recommends `{recommended}`" in Path("docs/how-to.md").read_text()
