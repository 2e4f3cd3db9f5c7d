"""A capacity plan written to files: one HTML page, or Markdown with its pictures beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from meshlab.model.errors import InputError
from meshlab.planning.explore import Exploration
from meshlab.planning.progress import Progress, Steps
from meshlab.planning.report import Answers, Report, Signed, Table, capacity_plan, html, markdown
from meshlab.planning.report.document import Number, plain

_KINDS = (".html", ".md")


@dataclass(frozen=True)
class WrittenPlan:
    """The files of a written plan, the page first, and the plan as data."""

    files: tuple[Path, ...]
    report: Report

    @property
    def numbers(self) -> int:
        """How many numbers it holds, each with its basis."""
        return sum(isinstance(piece, Number) for line in self.report.lines() for piece in line)

    @property
    def answer(self) -> list[list[str]]:
        """Its first section as text: question, verdict, answer."""
        tables = (block for block in self.report.sections[0].blocks if isinstance(block, Table))
        return [[plain(cell) for cell in row] for table in tables for row in table.rows]


def check_output(path: Path) -> None:
    """Refuses a file name that no plan can be written to.

    Raises
    ------
    InputError
        Its ending is neither .html nor .md, or its folder is not there.
    """
    if path.suffix not in _KINDS:
        raise InputError.single(str(path), "a plan is written as .html or .md", "for example plan.html")
    if not path.parent.is_dir():
        raise InputError.single(str(path), f"there is no folder {path.parent}", "make it first")


def write_plan(
    a: Answers,
    path: Path,
    *,
    design: str = "",
    note: str = "",
    exploration: Exploration | None = None,
    signed: Signed | None = None,
    progress: Progress | None = None,
) -> WrittenPlan:
    """Writes the plan of a design's answers; the ending of the file says how; names as in `capacity_plan`.

    Parameters
    ----------
    progress
        Called before each picture and each page with how many are done, how many there are, and which comes next.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    [written] = write_plans(
        a, [path], design=design, note=note, exploration=exploration, signed=signed, progress=progress
    )
    return written


def write_plans(
    a: Answers,
    paths: Sequence[Path],
    *,
    design: str = "",
    note: str = "",
    exploration: Exploration | None = None,
    signed: Signed | None = None,
    progress: Progress | None = None,
) -> tuple[WrittenPlan, ...]:
    """Writes one plan to several files, its pictures drawn once; else as `write_plan`."""
    from meshlab.views.marks import png
    from meshlab.views.plots.plan_figures import DPI, drawings

    for path in paths:
        check_output(path)
    report = capacity_plan(a, design=design, note=note, exploration=exploration, signed=signed)
    todo, pictures = drawings(a), {}
    steps = Steps(len(todo) + len(paths), progress)
    for name, drawn in todo.items():
        steps.begin(f"the picture of {name}")
        pictures[name] = png(drawn(), DPI)
    written = []
    for path in paths:
        steps.begin(path.name)
        written.append(WrittenPlan(_page(path, report, pictures), report))
    steps.end()
    return tuple(written)


def _page(path: Path, report: Report, pictures: Mapping[str, bytes]) -> tuple[Path, ...]:
    files = [path]
    try:
        if path.suffix == ".html":
            path.write_text(html(report, pictures), encoding="utf-8")
        else:
            names = {name: f"{path.stem}-{name}.png" for name in pictures}
            path.write_text(markdown(report, names), encoding="utf-8")
            for name, picture in pictures.items():
                files.append(path.with_name(names[name]))
                files[-1].write_bytes(picture)
    except OSError as error:
        raise InputError.single(
            str(path), f"cannot be written: {error.strerror}", "choose another place"
        ) from None
    return tuple(files)
