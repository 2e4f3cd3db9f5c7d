"""What README and docs/ show can be typed: every command and snippet runs here, or is parsed where it cannot run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import pytest
from command_tree import commands as known_commands
from command_tree import options, parse, program
from documents import DOCUMENTS, ROOT, Block, Said, blocks, commands, inline

from meshlab import cli
from meshlab.live.target import Patience, Target

pytestmark = pytest.mark.timeout(
    900
)  # kernels are compiled at their first use, on a busy machine for minutes
LANGUAGES = {"sh", "python", "yaml", "json", "toml", "diff", "mermaid", "text"}
ONLY_PARSED = {
    "emulate": "starts the embedded cluster, or needs one; tests/emulate",
    "plan": "compares with live systems; tests/provision",
    "apply": "changes live systems; tests/provision",
    "destroy": "changes live systems; tests/provision",
    "drift": "compares with live systems; tests/provision",
    "observe": "watches live systems; tests/incident",
    "hold": "needs a run that is open; tests/provision/test_hold_command.py",
    "incident": "needs a recorded incident and a minute of simulations; tests/incident",
    "calibrate": "needs a recorded incident; tests/parameters/calibration",
    "status": "needs the embedded cluster; tests/provision/test_standing.py",
    "demo": "the embedded cluster and minutes; `make demo`",
    "lab": "starts a server that does not end",
    "validate": "real processes for minutes; tests/validation",
    "--scheduler": "needs a Dask cluster; tests/availability/test_sampling_scheduler.py",
}
"""Commands and options of meshlab that documents and `--help` show and that are not run here, and why."""
OTHER_PROGRAMS = {
    "make": "minutes; that the target exists is tested",
    "pip": "installs; that the extra exists is tested",
    "kubectl": "needs the embedded cluster; tests/emulate",
    "dask": "starts a cluster that does not end",
    "source": "of the shell itself",
    "echo": "of the shell itself",
    "kill": "needs the supervisor of an embedded cluster; tests/emulate",
    "tail": "needs the supervisor of an embedded cluster",
}
ALWAYS_SMALL = {
    "simulate": ("--replicates", "2"),
    "latency": ("--samples", "100"),
    "capacity": ("--samples", "100"),
    "cost": ("--samples", "100"),
    "explore": ("--samples", "200"),
    "report": ("--samples", "100"),
}
SMALL_WHERE_GIVEN = {"--half-width": "50%", "--samples": "1000"}
EVERYTHING_VARIED = ("--vary", "masters=3")
"""In place of a search over everything that applies."""


def small(words: Sequence[str]) -> list[str]:
    """Gives the words of a command with settings under which it takes seconds at most."""
    command, *rest = words
    more = list(ALWAYS_SMALL.get(command, ()))
    for option, value in SMALL_WHERE_GIVEN.items():
        if option in rest and option not in more:
            more += [option, value]
    if command == "explore" and "--vary" not in rest:
        more += EVERYTHING_VARIED
    return [command, *rest, *more]


def only_parsed(words: Sequence[str]) -> set[str]:
    """Gives which entries of ONLY_PARSED keep a command from being run."""
    return {word for word in words if word in ONLY_PARSED and (word == words[0] or word.startswith("--"))}


def to_run(block: Block) -> list[Said]:
    """Gives the commands of a block that are run: meshlab's, and Python's while nothing before it was left out."""
    run, left_out = [], False
    for said in commands(block.text):
        ours = said.words[0] == "meshlab" and not only_parsed(said.words[1:])
        if ours or (said.words[0] == "python" and not left_out):
            run.append(said)
        else:
            left_out = True
    return run


SHELL = blocks("sh")
RUNNABLE = [block for block in SHELL if to_run(block)]


def the_block(language: str, words: str) -> Block:
    """Gives the one block of a language that has these words."""
    [block] = [block for block in blocks(language) if words in block.text]
    return block


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Gives a folder with what the documents take for granted: the data, and a reader's own files."""
    (tmp_path / "data").symlink_to(ROOT / "data")
    for name in ("your.yaml", "cheaper.yaml", "cluster.yaml"):
        shutil.copy(ROOT / "data" / "reference.yaml", tmp_path / name)
    shutil.copy(ROOT / "tests" / "cli" / "own-design.yaml", tmp_path / "second-tron.yaml")
    shutil.copy(ROOT / "tests" / "data" / "design.md", tmp_path / "design.md")
    (tmp_path / "pair.yaml").write_text(the_block("yaml", "two-things-at-once").text)
    (tmp_path / "tree.xml").write_text(TREE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MESHLAB_STATE", str(tmp_path / "state"))
    return tmp_path


TREE = """<opsa-mef>
<define-fault-tree name="two-of-three"><define-gate name="top"><atleast min="2">
<basic-event name="a"/><basic-event name="b"/><basic-event name="c"/></atleast></define-gate></define-fault-tree>
<model-data>
<define-basic-event name="a"><float value="0.01"/></define-basic-event>
<define-basic-event name="b"><float value="0.02"/></define-basic-event>
<define-basic-event name="c"><float value="0.03"/></define-basic-event>
</model-data>
</opsa-mef>
"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[[Said], str]:
    """Runs one command as a reader types it, meshlab's in this process, and gives what it printed."""

    def one(said: Said) -> str:
        program, *rest = said.words
        if program == "python":
            return subprocess.run([sys.executable, *rest], check=True, capture_output=True, text=True).stdout
        monkeypatch.setattr(sys, "argv", ["meshlab", *small(rest)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capfd.readouterr()
        assert left.value.code == 0, f"{' '.join(said.words)}\n{err[-2000:]}"
        if said.output:
            Path(said.output).write_text(out)
        return out

    return one


def test_every_block_says_its_language() -> None:
    assert [block.name for block in blocks() if block.language not in LANGUAGES] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_command_stands_outside_of_a_block(document: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.M | re.S)
    assert re.findall(r"^    (?:meshlab|make|python|pip|from|import) .*", prose, re.M) == []


@pytest.mark.parametrize("block", SHELL, ids=lambda block: block.name)
def test_every_command_is_one_that_exists(block: Block) -> None:
    subprocess.run(["bash", "-n"], input=block.text, check=True, text=True, capture_output=True)
    for said in commands(block.text):
        exists(said.words)


def exists(words: Sequence[str]) -> None:
    """Fails unless the program and what it is asked for are there; for meshlab, unless it understands the words."""
    name, *rest = words
    if name == "meshlab":
        parse(rest)
    elif name == "make":
        assert re.search(rf"^{rest[0]}:", (ROOT / "Makefile").read_text(), re.M), f"no target {rest[0]}"
    elif name == "pip":
        [extra] = re.findall(r"^meshlab\[(\w+)\]$", rest[1])
        assert re.search(rf"^{extra} = \[", (ROOT / "pyproject.toml").read_text(), re.M), f"no extra {extra}"
    elif name == "python":
        assert rest[0] in ("-c", "-m") or (ROOT / rest[0]).exists(), f"no file {rest[0]}"
    else:
        assert name in OTHER_PROGRAMS or re.match(r"\w+=", name), f"{name}: say in OTHER_PROGRAMS what it is"


@pytest.mark.parametrize("block", RUNNABLE, ids=lambda block: block.name)
def test_every_command_runs(block: Block, folder: Path, run: Callable[[Said], str]) -> None:
    for said in to_run(block):
        run(said)


def examples(name: str) -> list[tuple[str, ...]]:
    """Gives the examples in the help of a command."""
    return [tuple(e.split()) for e in re.findall(r"Example: `(meshlab [^`]+)`", known_commands()[name].help)]


@pytest.mark.parametrize("name", [name for name in known_commands() if not only_parsed(name.split())])
def test_every_example_of_a_help_runs(name: str, folder: Path, run: Callable[[Said], str]) -> None:
    for words in examples(name):
        run(Said(words))


def test_what_is_only_parsed_is_shown_somewhere() -> None:
    shown = [said.words for block in SHELL for said in commands(block.text)]
    helped = [words for name in known_commands() for words in examples(name)]
    assert set().union(*(only_parsed(words[1:]) for words in [*shown, *helped])) == set(ONLY_PARSED)
    assert {words[0] for words in shown} >= set(OTHER_PROGRAMS)


def test_every_command_within_a_sentence_exists() -> None:
    known = known_commands()
    everywhere = set(options(program())) | {"--help", "-h", "--json"}
    wrong = []
    for document, code in inline():
        words = code.split()
        if words[0] != "meshlab" or len(words) < 2 or not re.match(r"[a-z]", words[1]):
            continue
        name = next((n for n in (" ".join(words[1:3]), words[1]) if n in known), "")
        group = words[1] == "emulate" and len(words) == 2
        given = {word for word in words[2:] if re.match(r"--?[a-z]", word)}
        if not group and (not name or given - set(options(known[name])) - everywhere):
            wrong.append(f"{document}: {code}")
    assert wrong == []


def test_every_script_and_target_within_a_sentence_exists() -> None:
    spoken = [code.split() for _, code in inline() if re.match(r"(python|make) [a-z]", code)]
    assert spoken
    for words in spoken:
        exists(words)


@pytest.mark.parametrize("block", blocks("python"), ids=lambda block: block.name)
def test_every_snippet_runs(block: Block, folder: Path) -> None:
    exec(compile(block.text, block.name, "exec"), {"__name__": "snippet"})


def test_the_target_file_of_the_how_to_is_one_and_shows_the_defaults(tmp_path: Path) -> None:
    block = the_block("json", '"patience"')
    file = tmp_path / "prod.json"
    file.write_text(block.text)
    target = Target.load(file)
    assert target.real
    assert json.loads(block.text)["patience"] == asdict(Patience())
    assert target.patience == Patience() == Target.load(_without_patience(file)).patience


def _without_patience(file: Path) -> Path:
    data = json.loads(file.read_text())
    del data["patience"]
    file.write_text(json.dumps(data))
    return file
