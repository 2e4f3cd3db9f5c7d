"""The commands of the program as Typer has them: all of them, their options, and what a line of words parses to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import typer

from meshlab.cli import app

Command = Any
EVERYWHERE = {"--help", "--json"}
"""Options that the documents explain once for all commands."""


def program() -> Command:
    """Gives the program itself: the options before any command, and the commands below it."""
    return typer.main.get_command(app)


def commands() -> dict[str, Command]:
    """Gives every command by its words: `review`, `emulate up`."""
    return dict(_below(program(), ()))


def _below(group: Command, words: tuple[str, ...]) -> Iterator[tuple[str, Command]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _below(command, (*words, name))
        else:
            yield " ".join((*words, name)), command


def options(command: Command) -> dict[str, Any]:
    """Gives the options of a command by each of their names, `-o` as well as `--output`, with their default values."""
    return {
        name: option.default
        for option in command.params
        if option.param_type_name == "option"
        for name in option.opts
    }


def parse(words: Sequence[str]) -> str:
    """Parses what follows `meshlab` as the program would, runs nothing, and gives the words of the command.

    Raises
    ------
    Exception
        Typer's own usage error: no such command or option, a value that is none, an argument too many or missing.
    """
    command = program()
    context = command.make_context("meshlab", list(words))
    path = []
    while hasattr(command, "commands"):
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        path.append(name)
        context = command.make_context(name, rest, parent=context)
    return " ".join(path)
