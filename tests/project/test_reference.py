"""The program and docs/reference.md say the same: commands, arguments, options, defaults."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from command_tree import EVERYWHERE, commands, options, parse, program

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "reference.md").read_text()
COMMANDS = commands()
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


@dataclass(frozen=True)
class Row:
    """What the reference says of one command: its arguments, and the cell with its options."""

    arguments: tuple[str, ...]
    cell: str

    @property
    def options(self) -> set[str]:
        return set(OPTION.findall(self.cell)) | set(re.findall(r"`(-\w)`", self.cell))

    @property
    def defaults(self) -> dict[str, str]:
        return dict(re.findall(r"`(--[a-z-]+) ([^`]+)`", self.cell))


def rows() -> dict[str, Row]:
    """Gives the rows of the tables of commands, by the words of the command."""
    chapter = TEXT.split("### Exit codes")[0]
    found = {}
    for part, prefix in zip(chapter.split("### `meshlab emulate`"), ("", "emulate "), strict=True):
        for line in part.splitlines():
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
            if len(cells) == 3 and cells[0].startswith("`"):
                for signature in re.findall(r"`([^`]+)`", cells[0]):
                    name, *arguments = signature.split()
                    found[prefix + name] = Row(tuple(arguments), cells[1])
    return found


ROWS = rows()


def test_the_reference_has_every_command_and_no_other() -> None:
    assert set(ROWS) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_reference_has_every_option_of_a_command_and_no_other(name: str) -> None:
    assert ROWS[name].options == set(options(COMMANDS[name])) - EVERYWHERE


@pytest.mark.parametrize("name", COMMANDS)
def test_the_reference_states_the_defaults_that_hold(name: str) -> None:
    chosen = {
        option: str(default)
        for option, default in options(COMMANDS[name]).items()
        if option.startswith("--") and option not in EVERYWHERE and default not in (None, "", False)
    }
    said = ROWS[name].defaults
    assert {option: _plain(said.get(option)) for option in chosen} == {
        option: _plain(default) for option, default in chosen.items()
    }


def _plain(value: str | None) -> str | float | None:
    """A number by its value: 1 and 1.0 are one default."""
    try:
        return value if value is None else float(value)
    except ValueError:
        return value


@pytest.mark.parametrize("name", COMMANDS)
def test_the_reference_has_the_arguments_of_a_command(name: str) -> None:
    taken = [p for p in COMMANDS[name].params if p.param_type_name == "argument"]
    said = ROWS[name].arguments
    assert sum(p.required for p in taken) <= len(said) <= len(taken)


def test_the_reference_has_the_options_of_the_program_itself() -> None:
    assert set(options(program())) - EVERYWHERE - set(OPTION.findall(TEXT)) == set()


def test_every_option_that_the_reference_speaks_of_exists() -> None:
    known = set(options(program())) | {"--help"}
    known |= {name for command in COMMANDS.values() for name in options(command)}
    assert set(OPTION.findall(TEXT)) - known == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_an_example_that_the_program_understands(name: str) -> None:
    examples = re.findall(
        r"`meshlab ([^`]+)`", COMMANDS[name].help.partition("Example: ")[2].split("\n\n")[0]
    )
    assert examples, f"the docstring of {name} has no Example: `meshlab {name} ...`"
    assert name in [parse(example.split()) for example in examples]
