"""The notebooks: made from their sources, executed, stripped of what changes from run to run, and compared.

    python scripts/notebooks.py build          # made of notebooks/source/*.py; outputs that still belong are kept
    python scripts/notebooks.py run [NAME ...] # executed from top to bottom, stripped, written
    python scripts/notebooks.py run --record   # ... and what varies from run to run is recorded anew, too
    python scripts/notebooks.py check          # is every notebook what its source says? exit code 1 if not
    python scripts/notebooks.py check --run    # ... and do its outputs come out the same?

The source of truth is the py:percent file. A cell tagged `varies` comes out another way each time: the output of one
recorded run is kept, so that whoever reads the notebook before running it sees the whole story, and is never compared.
A recording executes a notebook twice and keeps the second time, in which panels show how it went. Widget views and
widget state are never kept: what a panel says in plain HTML is. Notebooks 02 and 03 work on the embedded cluster and
change it, which `run` approves by MESHLAB_APPROVE=embedded.
"""

from __future__ import annotations

import argparse
import base64
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
SOURCE = NOTEBOOKS / "source"
VARIES = "varies"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
SECONDS = 600

Notebook = Any


def names() -> list[str]:
    """Gives the names of all notebooks, in order."""
    return sorted(path.stem for path in SOURCE.glob("*.py"))


def from_source(name: str) -> Notebook:
    """Gives the notebook that a source file says, without outputs; cell ids are the same each time."""
    import jupytext

    notebook = jupytext.read(SOURCE / f"{name}.py", fmt="py:percent")
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        tags = cell.metadata.get("tags", [])
        cell.metadata = {"tags": tags} if tags else {}
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def committed(name: str) -> Notebook | None:
    """Gives the notebook as it is kept; None where there is none yet."""
    import nbformat

    path = NOTEBOOKS / f"{name}.ipynb"
    return nbformat.read(path, as_version=4) if path.exists() else None


def write(name: str, notebook: Notebook) -> None:
    """Writes a notebook, validated."""
    import nbformat

    nbformat.validate(notebook)
    nbformat.write(notebook, NOTEBOOKS / f"{name}.ipynb")


def execute(notebook: Notebook, folder: Path, seconds: int = SECONDS, *, state: bool = False) -> Notebook:
    """Runs a notebook from top to bottom in a folder and gives it back, with its outputs as they came.

    With `state`, the state of all widgets is kept in its metadata (for a test that looks for what must not be there).

    Raises
    ------
    CellExecutionError, DeadKernelError
        A cell failed; the notebook holds the outputs so far.
    """
    from nbclient import NotebookClient

    client = NotebookClient(
        notebook,
        timeout=seconds,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        store_widget_state=state,
        record_timing=False,
    )
    client.execute()
    return notebook


def stripped(notebook: Notebook) -> Notebook:
    """Takes out of a notebook what must never be kept: widgets, progress, what a program says of itself."""
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata = {"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {}
        if cell.cell_type == "code":
            cell.outputs = list(_kept(cell.outputs))
    return notebook


def _kept(outputs: Iterable[Any]) -> Iterator[Any]:
    for output in outputs:
        if output.output_type == "stream" and output.name == "stderr":
            continue
        if "data" in output:
            output.data.pop(WIDGET_VIEW, None)
            if not any(_text(value).strip() for value in output.data.values()):
                continue  # a bar of progress that is over
            output.metadata = {}
        yield output


def varies(cell: Any) -> bool:
    """Whether a cell comes out another way each time."""
    return VARIES in cell.metadata.get("tags", [])


def with_record(notebook: Notebook, old: Notebook | None) -> Notebook:
    """Puts the recorded outputs of the cells that vary in place of the new ones."""
    known = {cell.source: cell for cell in old.cells if cell.cell_type == "code"} if old else {}
    for cell in notebook.cells:
        if cell.cell_type == "code" and varies(cell) and cell.source in known:
            cell.outputs = known[cell.source].outputs
    return notebook


def differences(kept: Notebook, now: Notebook) -> list[str]:
    """Gives where two notebooks differ, in words: cells, and outputs that come out another way."""
    if len(kept.cells) != len(now.cells):
        return [f"{len(kept.cells)} cells are kept, the source has {len(now.cells)}"]
    found = []
    for old, new in zip(kept.cells, now.cells, strict=True):
        if (old.cell_type, old.source, old.metadata.get("tags", [])) != (
            new.cell_type,
            new.source,
            new.metadata.get("tags", []),
        ):
            found.append(f"{new.id}: the source is another one")
        elif old.cell_type == "code" and not varies(new):
            found += [f"{new.id}: {text}" for text in _output_differences(old.outputs, new.outputs)]
    return found


def _output_differences(old: list[Any], new: list[Any]) -> Iterator[str]:
    if [o.output_type for o in old] != [o.output_type for o in new]:
        yield f"outputs {[o.output_type for o in old]} became {[o.output_type for o in new]}"
        return
    for before, after in zip(old, new, strict=True):
        if before.get("text", "") != after.get("text", ""):
            yield f"printed {after.get('text', '')!r}, kept {before.get('text', '')!r}"
        kept, made = before.get("data", {}), after.get("data", {})
        if set(kept) != set(made):
            yield f"shows {sorted(made)}, kept {sorted(kept)}"
            continue
        for kind in kept:
            old_text, old_pictures = without_pictures(_text(kept[kind]))
            new_text, new_pictures = without_pictures(_text(made[kind]))
            if old_text.strip() != new_text.strip():
                yield f"{kind} came out another way{_where(old_text, new_text)}"
            if len(old_pictures) != len(new_pictures):
                yield f"{kind} has {len(new_pictures)} pictures, kept {len(old_pictures)}"
            elif any(a != b and same_maker(a, b) for a, b in zip(old_pictures, new_pictures, strict=True)):
                yield f"{kind}: a picture came out another way"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "".join(value) if isinstance(value, list) else repr(value)


def _where(old: Any, new: Any) -> str:
    pairs = zip(_text(old).splitlines(), _text(new).splitlines(), strict=False)
    return next((f": {b.strip()!r}, kept {a.strip()!r}" for a, b in pairs if a != b), ": its length")


def without_pictures(html: str) -> tuple[str, list[str]]:
    """Gives a text without the pictures in it, and the pictures."""
    inside = r"(?<=data:image/png;base64,)[A-Za-z0-9+/=]+"
    return re.sub(inside, "", html), re.findall(inside, html)


def same_maker(*pictures: str) -> bool:
    """Whether pictures were made by the same version of matplotlib: only then are they the same bit by bit."""
    makers = {re.search(rb"Software\x00([^\x00]*?),", base64.b64decode(picture)) for picture in pictures}
    return len({maker and maker.group(1) for maker in makers}) == 1


def run(name: str, folder: Path | None = None, times: int = 1) -> Notebook:
    """Executes a notebook as its source says, in a folder of its own, and gives it, stripped, as of the last time."""
    if folder is None:
        with tempfile.TemporaryDirectory() as scratch:
            return run(name, Path(scratch), times)
    place = folder / "notebooks"
    place.mkdir(parents=True, exist_ok=True)
    for _ in range(times):
        notebook = stripped(execute(from_source(name), place))
    return notebook


def build(name: str) -> None:
    """Makes a notebook of its source; cells whose source is as before keep their outputs."""
    notebook, old = from_source(name), committed(name)
    known = {cell.source: cell for cell in old.cells if cell.cell_type == "code"} if old else {}
    if old:
        notebook.metadata = old.metadata
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source in known:
            cell.outputs = known[cell.source].outputs
            cell.execution_count = known[cell.source].execution_count
    write(name, notebook)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["build", "run", "check"])
    parser.add_argument("names", nargs="*", help="default: all")
    parser.add_argument("--run", action="store_true", help="check: execute them too")
    parser.add_argument("--record", action="store_true", help="run: record anew what varies, too")
    given = parser.parse_intermixed_args(arguments)
    os.environ.setdefault("MESHLAB_APPROVE", "embedded")
    wrong = 0
    for name in given.names or names():
        found: list[str] = []
        if given.what == "build":
            build(name)
        elif given.what == "run":
            write(name, run(name, times=2) if given.record else with_record(run(name), committed(name)))
        else:
            kept = committed(name)
            now = run(name) if given.run else None
            found = ["there is no notebook yet: run `build`"] if kept is None else []
            if kept is not None:
                found = differences(kept, now) if now else source_differences(kept, from_source(name))
            for text in found:
                print(f"{name}: {text}", file=sys.stderr)
            wrong += bool(found)
        print(f"{name}: {'differs' if found else 'ok'}")
    return 1 if wrong else 0


def source_differences(kept: Notebook, source: Notebook) -> list[str]:
    """Gives where a kept notebook is not what its source says; outputs are not looked at."""
    for cell in (*kept.cells, *source.cells):
        if cell.cell_type == "code":
            cell.outputs = []
    return differences(kept, source)


if __name__ == "__main__":
    raise SystemExit(main())
