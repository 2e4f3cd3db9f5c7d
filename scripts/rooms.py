"""The rooms of the house, read from the imports: draws docs/images/rooms.png, and says where a rule is broken.

``--check`` draws nothing; it ends with 1 where two modules import each other (for types too), a folder holds more than
15 files, or docs/rooms.txt (what the picture shows) is not what the imports say.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
PACKAGE = "meshlab"
TEXT, PICTURE = ROOT / "docs" / "rooms.txt", ROOT / "docs" / "images" / "rooms.png"
MOST_FILES = 15
MADE_BY_PROGRAMS = ("_generated", "proto")
"""Folders that nobody walks through: the Talos and Omni messages and the code made of them."""

Graph = dict[str, set[str]]


def modules() -> dict[str, Path]:
    """Gives the file of every module, without generated ones."""
    found = {}
    for path in sorted((SOURCE / PACKAGE).rglob("*.py")):
        if not set(path.parts) & set(MADE_BY_PROGRAMS):
            name = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


def imports() -> Graph:
    """Gives which module imports which, type imports and imports inside of functions included."""
    known = modules()
    found: Graph = {name: set() for name in known}
    for name, path in known.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                named = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                # from a package: the module of that name, where there is one
                named = [
                    inner if (inner := f"{node.module}.{alias.name}") in known else node.module
                    for alias in node.names
                ]
            else:
                continue
            found[name] |= {
                other
                for other in named
                if other in known and other != name and not name.startswith(f"{other}.")
            }
    return found


def circles(graph: Graph) -> list[list[str]]:
    """Gives the groups of nodes that reach each other (Tarjan's strongly connected components), each sorted."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in order:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], order[other])
        if low[node] == order[node]:
            place = stack.index(node)
            part = stack[place:]
            del stack[place:]
            if len(part) > 1:
                found.append(sorted(part))

    for node in sorted(graph):
        if node not in order:
            visit(node)
    return found


def full_folders() -> list[str]:
    """Gives the folders that hold more files than a reader takes in, each with how many."""
    found = []
    for folder in sorted({path.parent for path in (SOURCE / PACKAGE).rglob("*.py")}):
        files = [path for path in folder.iterdir() if path.is_file()]
        if len(files) > MOST_FILES and not set(folder.parts) & set(MADE_BY_PROGRAMS):
            found.append(f"{folder.relative_to(ROOT)}: {len(files)} files")
    return found


def inside(room: str, graph: Graph) -> Graph:
    """Gives which part of a room imports which: its folders and its own modules."""
    found: Graph = defaultdict(set)
    prefix = f"{room}."
    for name, others in graph.items():
        if not name.startswith(prefix):
            continue
        part = name.removeprefix(prefix).split(".")[0]
        found[part] |= {
            other.removeprefix(prefix).split(".")[0] for other in others if other.startswith(prefix)
        } - {part}
    return {part: others & set(found) for part, others in found.items()}


def floors(graph: Graph) -> list[list[str]]:
    """Gives nodes in floors, the top one first: each imports lower floors only."""
    for names in circles(graph):
        raise SystemExit(f"these folders import each other: {', '.join(names)}")
    height: dict[str, int] = {}

    def of(node: str) -> int:
        if node not in height:
            height[node] = 1 + max((of(other) for other in graph.get(node, ())), default=0)
        return height[node]

    for node in graph:
        of(node)
    return [
        sorted(node for node in graph if height[node] == level)
        for level in range(max(height.values()), 0, -1)
    ]


def house() -> list[list[tuple[str, list[list[str]]]]]:
    """Gives the rooms in floors, each with its own parts in floors."""
    graph = imports()
    whole = inside(PACKAGE, graph)
    folders = {room for room in whole if (SOURCE / PACKAGE / room).is_dir()}
    rooms = {room: others & folders for room, others in whole.items() if room in folders}
    return [[(room, floors(inside(f"{PACKAGE}.{room}", graph))) for room in floor] for floor in floors(rooms)]


def as_text() -> str:
    """Gives the house as text: a room, and under it its parts, floor by floor; imports go down only."""
    lines = ["Made by scripts/rooms.py from the imports. In each room a line imports lines below it only."]
    for floor in house():
        for room, parts in floor:
            lines += ["", f"{room}/", *(f"    {'  '.join(names)}" for names in parts)]
    return "\n".join(lines) + "\n"


def draw(path: Path) -> None:
    """Draws the house: rooms in rows that import lower rows only, their floors importing to the right only."""
    from matplotlib.figure import Figure

    rows = [room for floor in house() for room in floor]
    width, height, left, letter = 15.0, 0.62, 1.75, 0.083
    tall = [max(len(_stacked(names)) for names in parts) for _, parts in rows]
    figure = Figure(figsize=(width, sum(0.25 + 0.19 * lines for lines in tall) + height))
    axes = figure.add_axes((0, 0, 1, 1))
    top = figure.get_figheight() - 0.1
    axes.set_xlim(0, width)
    axes.set_ylim(0, figure.get_figheight())
    axes.axis("off")
    for (room, parts), lines in zip(rows, tall, strict=True):
        middle = top - 0.19 * lines / 2 - 0.05
        axes.text(0.15, middle, f"{room}/", fontsize=12, fontweight="bold", va="center")
        at = left
        for number, names in enumerate(parts):
            text = _stacked(names)
            if number:
                axes.annotate(
                    "", (at, middle), (at - 0.3, middle), arrowprops={"arrowstyle": "->", "color": "#5b6b7a"}
                )
            axes.text(
                at + 0.07,
                middle,
                "\n".join(text),
                fontsize=9,
                va="center",
                linespacing=1.25,
                bbox={
                    "boxstyle": "round,pad=0.25",
                    "facecolor": "#eef2f6",
                    "edgecolor": "#5b6b7a",
                    "lw": 0.7,
                },
            )
            at += max(map(len, text)) * letter + 0.5
        top -= 0.25 + 0.19 * lines
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100, metadata={"Software": None})


def _stacked(names: list[str]) -> list[str]:
    """Gives the names of a floor as one line or several."""
    lines = [""]
    for name in names:
        longer = f"{lines[-1]} · {name}" if lines[-1] else name
        if len(longer) > 24 and lines[-1]:
            lines.append(name)
        else:
            lines[-1] = longer
    return lines


def main() -> int:
    """Draws, or checks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say where a rule is broken")
    wanted = parser.parse_args()
    wrong = [f"they import each other: {', '.join(names)}" for names in circles(imports())] + full_folders()
    if wanted.check:
        if not TEXT.exists() or TEXT.read_text(encoding="utf-8") != as_text():
            wrong.append(f"{TEXT.relative_to(ROOT)} is not what the imports say: run scripts/rooms.py")
    elif not wrong:
        TEXT.write_text(as_text(), encoding="utf-8")
        draw(PICTURE)
    for text in wrong:
        print(text, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
