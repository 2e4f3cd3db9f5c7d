"""The command line as a person meets it: what is asked, what is shown, how wide, and how it ends."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Done

from meshlab.commands import incident as incidents
from meshlab.commands.incident_told import Counting, Watching
from meshlab.commands.output import working
from meshlab.model.spec import reference
from own_time import until

REFERENCE = "data/reference.yaml"
HOSTILE = "[/x] [bold]b[/bold] [link=http://evil]l[/link] \x1b[31mRED\x1b]0;own\x07"


@pytest.fixture
def hostile(tmp_path: Path) -> str:
    """The reference design with markup and terminal commands in every source and in an instance type."""
    spec = tmp_path / "hostile.yaml"
    text = Path(REFERENCE).read_text(encoding="utf-8")
    text = text.replace("instance-type: m6i.xlarge", f"instance-type: {json.dumps('m6i[/x]')}")
    text = text.replace('source: "', 'source: "' + HOSTILE.replace("\x1b", "\\e").replace("\x07", "\\a"))
    spec.write_text(text, encoding="utf-8")
    return str(spec)


def harmless(text: str) -> bool:
    return not any(ord(c) < 32 and c not in "\n" for c in text)


@pytest.mark.parametrize(
    "words",
    [
        ("show", "--sources"),
        ("show", "--format", "mermaid"),
        ("review",),
        ("cost", "--sources", "--samples", "100"),
    ],
)
def test_markup_and_escapes_in_a_design_are_text(
    meshlab: Callable[..., Done], hostile: str, words: tuple[str, ...]
) -> None:
    """`[/x]` in a source ended in a MarkupError; an escape coloured the terminal and set its title."""
    done = meshlab(words[0], hostile, *words[1:])
    assert "Traceback" not in done.stderr
    assert harmless(done.stdout) and harmless(done.stderr)
    if words == ("show", "--sources"):
        assert "[/x] [bold]b[/bold] [link=http://evil]l[/link]" in " ".join(done.stdout.split())


@pytest.mark.parametrize("wide", [50, 80, 120])
@pytest.mark.parametrize("command", ["review", "show", "cost", "advise"])
def test_answers_keep_to_the_width_that_columns_says(
    meshlab: Callable[..., Done], monkeypatch: pytest.MonkeyPatch, command: str, wide: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(wide))
    done = meshlab(command, REFERENCE)
    assert done.returncode == 0
    long = [line for line in done.stdout.splitlines() if len(line) > wide]
    # What has no space in it (an address) is not broken.
    assert all(" " not in line.strip() for line in long)


def test_sources_are_told_to_those_who_ask(meshlab: Callable[..., Done]) -> None:
    assert "the same worlds" not in meshlab("cost", REFERENCE, "--samples", "100").stdout
    assert "the same worlds" in meshlab("cost", REFERENCE, "--samples", "100", "--sources").stdout


def test_services_are_listed_where_one_is_not_known(meshlab: Callable[..., Done]) -> None:
    done = meshlab("availability", REFERENCE, "--service", "foo")
    assert done.returncode == 2
    assert "there is no service 'foo'; there are: etcd, vault, solana" in done.stderr


def test_a_document_of_its_own_is_not_asked_for_as_json(meshlab: Callable[..., Done]) -> None:
    done = meshlab("show", REFERENCE, "--format", "yaml", "--json")
    assert done.returncode == 2
    assert "--format yaml is a document of its own" in done.document["error"]


@pytest.mark.parametrize(
    "words",
    [("nosuch",), ("simulate", REFERENCE), ("simulate", REFERENCE, "--replicates", "none"), ("lab", "-x")],
)
def test_a_usage_error_is_a_document_too(
    meshlab: Callable[..., Done], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    done = meshlab(*words, "--json")
    assert done.returncode == 2
    assert done.document["exit_code"] == 2 and done.document["error"]


def test_nothing_up_is_an_answer(meshlab: Callable[..., Done]) -> None:
    done = meshlab("emulate", "status")
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing is up" in done.stdout and "meshlab emulate up" in done.stdout
    assert meshlab("emulate", "status", "--json").document == {"up": False}


def test_a_design_that_is_not_there_is_said_in_words(meshlab: Callable[..., Done]) -> None:
    done = meshlab("import", "nosuch.md")
    assert done.returncode == 2
    assert "nosuch.md: there is no such file" in done.stderr
    assert "Errno" not in done.stderr


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The programs that `lab` would start."""
    from meshlab.commands import road

    ran: list[list[str]] = []

    class Ran:
        returncode = 0

    monkeypatch.setattr(road.subprocess, "run", lambda command, **_: ran.append(command) or Ran())
    return ran


def test_lab_passes_on_what_is_jupyters(
    meshlab: Callable[..., Done], monkeypatch: pytest.MonkeyPatch, started: list[list[str]]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert meshlab("lab", "--port", "8899", "--no-browser").returncode == 0
    assert meshlab("lab", "notebooks", "--ip=::").returncode == 0
    assert started[0][-3:] == ["--port", "8899", "--no-browser"]
    assert started[1][-1:] == ["--ip=::"]
    assert all("--LabApp.default_url=/lab/tree/notebooks" in command for command in started)


def test_lab_says_to_root_what_to_do(
    meshlab: Callable[..., Done], monkeypatch: pytest.MonkeyPatch, started: list[list[str]]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    done = meshlab("lab")
    assert done.returncode == 2 and "meshlab lab --allow-root" in done.stderr and not started
    assert meshlab("lab", "--allow-root").returncode == 0
    assert "--allow-root" in started[0]


def test_a_watch_without_an_end_or_of_no_length_is_told_so(meshlab: Callable[..., Done]) -> None:
    for words in (("--for", "0s"), ("--for", "-5s"), ("--interval", "0ms")):
        done = meshlab("observe", REFERENCE, *words, "--target", "live")
        assert done.returncode == 2
        assert "is no time ahead" in done.stderr or "is not a duration" in done.stderr


class Terminal:
    """A stderr that is a terminal, and what was written to it."""

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Makes stderr a terminal of 40 columns for the rest of a test."""
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("COLUMNS", "40")
    return shown


def test_progress_is_one_line_of_the_terminals_width_and_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_a_terminal(monkeypatch)
    with Watching() as watching, Counting("candidates") as counting:
        watching(3.2, float("inf"), "mesh of master-1, vault of master-1, etcd of master-1")
        watching(4.0, 90.0, "")
        counting(17, 183, "master-2 lost")
    lines = terminal.text.split("\r")
    assert "\n" not in terminal.text
    assert lines[1].startswith("3 s, until Ctrl-C  silent: mesh") and lines[1].endswith("…\x1b[K")
    assert lines[2] == "4 of 90 s\x1b[K"
    assert lines[3] == "candidates 17 of 183: master-2 lost\x1b[K"
    assert lines[-1] == "\x1b[K"
    assert all(len(line.removesuffix("\x1b[K")) < 40 for line in lines)


def test_long_work_gives_a_sign_of_life_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_a_terminal(monkeypatch)
    with working("solving"):
        until(lambda: "solving" in terminal.text, "a terminal is told that the work goes on")
    assert terminal.text.endswith("\r\x1b[K")
    terminal.text = ""
    with working("solving"):
        pass
    assert terminal.text == ""
    monkeypatch.setattr(terminal, "isatty", lambda: False, raising=False)
    with working("solving"):
        pass
    assert terminal.text == ""


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the samples alone of a watch in which master-1 died."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "incident"))
    try:
        from test_record import raw_folder
    finally:
        sys.path.pop(0)
    return raw_folder(tmp_path_factory.mktemp("night"))


def test_an_incident_is_answered_in_its_first_lines(
    meshlab: Callable[..., Done], night: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was 187 lines of progress and a table of 35 causes, 34 of them 0.0%."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr("meshlab.commands.incident_told.SAY_EVERY_S", float("inf"))
    refused = meshlab("incident", str(night))
    assert refused.returncode == 2 and "--spec SPEC" in refused.stderr
    done = meshlab("incident", str(night), "--spec", REFERENCE)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    first, *rest = done.stdout.splitlines()
    assert re.match(
        r"most likely: master-1 lost \((more than )?9\d % of the ranking; cannot be told from: us-", first
    )
    text = "\n".join(rest)
    assert "vault: away 8 s" in text and "; expected " in text
    assert "now: bring back or replace master-1" in text
    assert "100.0%" not in text and "less likely: --all" in text
    assert len(rest) < 30
    every = meshlab("incident", str(night), "--all").stdout
    assert "less likely: --all" not in every and every.count("less than 1 %") > 20


def test_observe_without_for_watches_until_it_is_stopped(
    meshlab: Callable[..., Done], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import meshlab.incident.watch as watching
    from meshlab.incident.observe.connections import Connections

    asked: list[float] = []

    def watch(topology, target, folder, *, seconds, progress, **_):  # type: ignore[no-untyped-def]
        asked.append(seconds)

        def stopped(*told: object) -> None:
            raise KeyboardInterrupt

        return watching.watch_through(
            Connections(reference()), folder, seconds, gather=False, progress=stopped
        )

    monkeypatch.setattr(watching, "watch", watch)
    monkeypatch.setattr(incidents, "target_of", lambda *_: None)
    monkeypatch.setattr("meshlab.live.omni.reach.management_call", lambda _: None)
    done = meshlab("observe", REFERENCE, "-o", str(tmp_path / "i"))
    assert done.returncode == 0, done.stderr
    assert asked == [float("inf")]
    assert "everything was up" in done.stdout and f"meshlab incident {tmp_path / 'i'}" in done.stdout
    assert (tmp_path / "i" / "incident.json").exists()
