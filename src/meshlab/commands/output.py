"""Saying things: answers on stdout, progress and problems on stderr, tables as wide as their content."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES, EISDIR
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from meshlab.model.errors import InputError, MeshlabError
from meshlab.model.plain_text import plain
from meshlab.views.terminal import told, width
from meshlab.views.text_table import text_table as table

if TYPE_CHECKING:
    from meshlab.live.target import Target
    from meshlab.model import Topology
    from meshlab.planning.progress import Progress

__all__ = [
    "Json",
    "Sources",
    "Spec",
    "TargetName",
    "answer",
    "complain",
    "finite",
    "hand_over",
    "one_line",
    "progress_bar",
    "ready",
    "say",
    "span",
    "table",
    "target_of",
    "topology_of",
    "working",
    "write",
    "writing",
]

Spec = Annotated[Path, typer.Argument(metavar="SPEC", help="a spec file, for example data/reference.yaml")]
Json = Annotated[bool, typer.Option("--json", help="one JSON document on stdout; progress on stderr")]
Sources = Annotated[bool, typer.Option("--sources", help="also where each number comes from")]
TargetName = Annotated[str, typer.Option("--target", help="embedded, live, or a target file")]


def complain(error: MeshlabError) -> None:
    """Says what is wrong on stderr; with ``--json`` also as a document on stdout."""
    say(str(error))
    if "--json" not in sys.argv:
        return
    document: dict[str, Any] = {"error": str(error), "exit_code": error.exit_code}
    if isinstance(error, InputError):
        document["problems"] = [
            {"file": p.file, "line": p.line, "column": p.column, "message": p.message, "hint": p.hint}
            for p in error.problems
        ]
    print(json.dumps(document, indent=2))


def say(text: str) -> None:
    """Progress and problems: on stderr, so that stdout holds the answer alone."""
    print(told(text, sys.stderr), file=sys.stderr, flush=True)


@contextmanager
def progress_bar(what: str) -> Iterator[Progress]:
    """Gives what tells a person at a terminal how far a computation is; nothing is shown where nobody watches."""
    from tqdm import tqdm

    with tqdm(total=0, desc=what, file=sys.stderr, leave=False, disable=not sys.stderr.isatty()) as bar:

        def told(done: int, count: int, begun: str) -> None:
            bar.total, bar.n = count, done
            bar.set_postfix_str(begun)

        yield told


def answer(document: Any, as_json: bool, text: str) -> None:
    """Prints the answer: one JSON document, or the text for people."""
    print(json.dumps(document, indent=2) if as_json else told(text))


def hand_over(text: str) -> None:
    """Prints a document that other programs read (YAML, Mermaid): its lines stay as they are."""
    print(plain(text))


def one_line(text: str) -> None:
    """Shows one line on a terminal in place of the one before; "" takes it away."""
    room = width(sys.stderr) - 1
    shown = plain(text, line=True)
    shown = shown if len(shown) <= room else shown[: room - 1] + "…"
    print(f"\r{shown}\x1b[K", end="", file=sys.stderr, flush=True)


@contextmanager
def working(on: str) -> Iterator[None]:
    """Around work that takes a while: a terminal shows what it is and for how long, from the second second on."""
    if not sys.stderr.isatty():
        yield
        return
    over = threading.Event()

    def show() -> None:
        began = time.monotonic()
        pause = 1.5
        while not over.wait(pause):
            pause = 0.5
            one_line(f"{on} … {time.monotonic() - began:.0f} s")
        if pause != 1.5:
            one_line("")

    shown = threading.Thread(target=show, name="working", daemon=True)
    shown.start()
    try:
        yield
    finally:
        over.set()
        shown.join()


def span(option: str, text: str, hint: str) -> float:
    """Gives the seconds of a span of time that an option was given: more than none."""
    from meshlab.model.units import UnitError, parse

    try:
        seconds = parse(text, "duration")
    except UnitError as error:
        raise InputError.single(option, str(error), hint) from None
    if seconds <= 0:
        raise InputError.single(option, f"{text} is no time ahead", hint)
    return seconds


def finite(option: str, value: float) -> float:
    """Gives the number that an option was given; infinity is none."""
    from math import isfinite

    if not isfinite(value):
        raise InputError.single(option, f"{value:g} is no number to reckon with", "give a finite one")
    return value


@contextmanager
def writing(file: Path) -> Iterator[None]:
    """Around what writes a file: a place that cannot be written to is bad input."""
    try:
        yield
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise InputError.single(str(file), f"cannot be written: {why}", "choose another place") from None


def ready(file: Path | None, *, folder: bool = False) -> None:
    """Makes sure, before the work is done, that its answer can be written: the place is there and has room.

    Raises
    ------
    InputError
        The place is a folder (or, for a `folder`, a file), is not there, is not ours or is full.
    """
    from tempfile import NamedTemporaryFile

    if file is None:
        return
    with writing(file):
        if folder:
            file.mkdir(parents=True, exist_ok=True)
        elif file.is_dir():
            raise IsADirectoryError(EISDIR, "is a directory")
        elif file.exists() and not file.is_file():
            return  # /dev/stdout, a pipe: nothing is known before it is written
        elif file.exists() and not os.access(file, os.W_OK):
            raise PermissionError(EACCES, "permission denied")
        with NamedTemporaryFile(dir=file if folder else file.parent, prefix=".meshlab-") as probe:
            probe.write(b"\0" * 4096)
            probe.flush()


def write(file: Path, text: str) -> None:
    """Writes a text file."""
    with writing(file):
        file.write_text(text, encoding="utf-8")


def topology_of(spec: Path) -> Topology:
    from meshlab.model.spec import load

    return load(spec)


def target_of(name: str, topology: Topology) -> Target:
    """Gives the target that was named; the live one is in the region of the topology's cloud site."""
    from meshlab.live.target import Target

    regions = [site.region for site in topology.sites if site.place == "aws-region" and site.region]
    return Target.named(name, region=regions[0]) if regions else Target.named(name)
