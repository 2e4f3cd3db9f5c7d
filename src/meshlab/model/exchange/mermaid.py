"""Reads and writes Mermaid flowcharts: nodes, subgraphs and edges with their lines; no meaning is taken from them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from meshlab.model.errors import InputError, Problem


@dataclass(frozen=True)
class Node:
    """A box: `label` has a line break where the drawing has one, `parent` is the subgraph around it."""

    id: str
    label: str
    parent: str = ""
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Subgraph:
    """A frame around nodes and other frames."""

    id: str
    label: str
    parent: str = ""
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Edge:
    """An arrow between two nodes or subgraphs; `both` has a head at either end."""

    source: str
    target: str
    label: str = ""
    both: bool = False
    dotted: bool = False
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Flowchart:
    """A drawing as it was drawn."""

    direction: str = "TD"
    nodes: tuple[Node, ...] = ()
    subgraphs: tuple[Subgraph, ...] = ()
    edges: tuple[Edge, ...] = ()


_HEADER = re.compile(r"(?:flowchart|graph)(?:\s+(TB|TD|BT|RL|LR))?\s*$")
_IGNORED = re.compile(r"(?:classDef|class|style|linkStyle|click|direction|accTitle|accDescr)\b")
_ID = re.compile(r"\w+(?:[.-]\w+)*")
_ARROW = re.compile(
    r"(?P<back>[<xo](?=[-=]))?(?:(?P<line>-{3,}|-{2}(?=[>xo])|={3,}|={2}(?=[>xo])|~{3,})|(?P<dots>-\.+-))"
    r"(?P<head>>|[xo](?=[\s|\"]))?"
)
_WORDED = re.compile(
    r"(?P<back>[<xo])?(?P<open>--|==|-\.)\s*(?P<text>\"[^\"]*\"|[^-=.|>\s][^|>]*?)\s*"
    r"(?P<close>-{2,}|={2,}|\.+-)(?P<head>[>xo])?(?=\s|$)"
)
_TEXT = re.compile(r"\s*\|\s*(\"[^\"]*\"|[^|]*?)\s*\|")
_MARKS = re.compile(r"[\[\](){}\";]")
_MOST_EDGES = 20_000
_CLASS = re.compile(r":::[\w-]+")
_ATTRIBUTES = re.compile(r"@\{([^}]*)\}")
# Longest opening first.
_SHAPES = (
    ("(((", ")))"),
    ("((", "))"),
    ("([", "])"),
    ("[[", "]]"),
    ("[(", ")]"),
    ("[/", "/]"),
    ("[\\", "\\]"),
    ("{{", "}}"),
    ("[", "]"),
    ("(", ")"),
    ("{", "}"),
    (">", "]"),
)


def read(text: str, file: str = "<drawing>", first_line: int = 1) -> Flowchart:
    """Gives the flowchart that a text draws.

    Parameters
    ----------
    text
        Mermaid, beginning with ``flowchart`` or ``graph``.
    file, first_line
        What problems are reported against, and the line of the file that the text begins on.

    Raises
    ------
    InputError
        It is another kind of diagram, or has lines that cannot be read; every such line is named.
    """
    return _Reader(file).read(text, first_line)


class _Bad(Exception):
    """A statement that cannot be read."""


class _Reader:
    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.nodes: dict[str, Node] = {}
        self.subgraphs: dict[str, Subgraph] = {}
        self.edges: list[Edge] = []
        self.stack: list[tuple[str, int]] = []

    def read(self, text: str, first_line: int) -> Flowchart:
        direction = ""
        for line, statement in _statements(text, first_line):
            if not direction:
                header = _HEADER.match(statement)
                if not header:
                    raise InputError.single(
                        self.file,
                        f"a flowchart is meant here, but it begins with {statement.split(chr(10))[0][:40]!r}",
                        "begin it with `flowchart TD`",
                        line,
                    )
                direction = header[1] or "TD"
                continue
            try:
                self._statement(statement, line)
            except _Bad as bad:
                self.problems.append(Problem(self.file, line, 0, str(bad)))
        if not direction:
            raise InputError.single(self.file, "there is no drawing in it", "begin it with `flowchart TD`", 1)
        for name, line in self.stack:
            self.problems.append(Problem(self.file, line, 0, f"subgraph {name!r} has no `end`", "add one"))
        if self.problems:
            raise InputError(self.problems)
        nodes = tuple(node for node in self.nodes.values() if node.id not in self.subgraphs)
        return Flowchart(direction, nodes, tuple(self.subgraphs.values()), tuple(self.edges))

    @property
    def _parent(self) -> str:
        return self.stack[-1][0] if self.stack else ""

    def _statement(self, statement: str, line: int) -> None:
        if _IGNORED.match(statement):
            return
        if statement == "end":
            if not self.stack:
                raise _Bad("`end` without a subgraph")
            self.stack.pop()
        elif statement.startswith("subgraph"):
            self._subgraph(statement.removeprefix("subgraph").strip(), line)
        else:
            self._chain(statement, line)

    def _subgraph(self, rest: str, line: int) -> None:
        match = _ID.match(rest)
        after = rest[match.end() :].strip() if match else rest
        if match and not after:
            name, label = match[0], match[0]
        elif match and after.startswith("[") and after.endswith("]"):
            name, label = match[0], _label(after[1:-1])
        else:
            label = _label(rest)
            name = re.sub(r"\W+", "-", label).strip("-") or f"subgraph-{line}"
        if name in self.subgraphs:
            first = self.subgraphs[name].line
            self.problems.append(
                Problem(self.file, line, 0, f"subgraph {name!r} is there already, line {first}")
            )
        self.subgraphs.setdefault(name, Subgraph(name, label, self._parent, line))
        self.stack.append((name, line))

    def _chain(self, text: str, line: int) -> None:
        at, sources = self._nodes(text, 0, line)
        while text[at:].strip():
            at = _skip(text, at)
            at, arrow = _arrow(text, at)
            at, targets = self._nodes(text, _skip(text, at), line)
            if len(self.edges) + len(sources) * len(targets) > _MOST_EDGES:
                raise _Bad(f"more than {_MOST_EDGES} arrows: this is no drawing for people")
            self.edges += [Edge(s, t, *arrow, line=line) for s in sources for t in targets]
            sources = targets

    def _nodes(self, text: str, at: int, line: int) -> tuple[int, list[str]]:
        names = []
        while True:
            at, name = self._node(text, _skip(text, at), line)
            names.append(name)
            after = _skip(text, at)
            if text[after : after + 1] != "&":
                return at, names
            at = after + 1

    def _node(self, text: str, at: int, line: int) -> tuple[int, str]:
        match = _ID.match(text, at)
        if not match:
            raise _Bad(f"a node is meant at {text[at : at + 20]!r}")
        name, at = match[0], match.end()
        at, label = _shape(text, at)
        tag = _CLASS.match(text, at)
        at = tag.end() if tag else at
        known = self.nodes.get(name)
        if known is None:
            self.nodes[name] = Node(name, label or name, self._parent, line)
        elif label:
            self.nodes[name] = Node(name, label, known.parent or self._parent, line)
        elif not known.parent and self._parent:
            self.nodes[name] = Node(name, known.label, self._parent, known.line)
        return at, name


def _statements(text: str, first_line: int) -> Iterator[tuple[int, str]]:
    """Splits at line ends and semicolons, but not within quotes; comments and front matter are left out."""
    lines = text.split("\n")
    skip = 0
    if lines and lines[0].strip() == "---":
        skip = next((i for i, line in enumerate(lines[1:], 1) if line.strip() == "---"), 0) + 1
    kept: list[str] = []
    start, quotes = first_line, 0
    for number, line in enumerate(lines, first_line):
        if number - first_line < skip:
            continue
        if not kept:
            if line.strip().startswith("%%"):
                continue
            start = number
        kept.append(line)
        quotes += line.count('"')
        if quotes % 2:
            continue
        yield from ((start, part.strip()) for part in _split("\n".join(kept)) if part.strip())
        kept, quotes = [], 0
    if "\n".join(kept).strip():
        yield start, "\n".join(kept).strip()


def _split(text: str) -> list[str]:
    """Splits at semicolons that stand in no quotes and no brackets."""
    cuts, depth, quoted = [-1], 0, False
    for mark in _MARKS.finditer(text):
        char = mark[0]
        quoted ^= char == '"'
        depth += (char in "[({") - (char in "])}") if not quoted else 0
        if char == ";" and not quoted and depth <= 0:
            cuts.append(mark.start())
    return [text[start + 1 : end] for start, end in zip(cuts, [*cuts[1:], len(text)], strict=True)]


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _arrow(text: str, at: int) -> tuple[int, tuple[str, bool, bool]]:
    match = _ARROW.match(text, at)
    if match:
        end, label = match.end(), ""
        words = _TEXT.match(text, end)
        if words:
            end, label = words.end(), _label(words[1])
        return end, (label, bool(match["back"] and match["head"]), bool(match["dots"]))
    match = _WORDED.match(text, at)
    if match:
        both = bool(match["back"] and match["head"])
        return match.end(), (_label(match["text"]), both, match["open"] == "-.")
    raise _Bad(f"an arrow is meant at {text[at : at + 20]!r}")


def _shape(text: str, at: int) -> tuple[int, str]:
    attributes = _ATTRIBUTES.match(text, at)
    if attributes:
        label = re.search(r"label\s*:\s*\"([^\"]*)\"", attributes[1])
        return attributes.end(), _label(label[1]) if label else ""
    for opening, closing in _SHAPES:
        if not text.startswith(opening, at):
            continue
        begin = at + len(opening)
        if text[_skip(text, begin) : _skip(text, begin) + 1] == '"':
            quote = text.find('"', _skip(text, begin) + 1)
            end = text.find(closing, quote) if quote >= 0 else -1
        else:
            end = text.find(closing, begin)
        if end < 0:
            raise _Bad(f"{opening!r} is not closed in {text[at : at + 20]!r}")
        return end + len(closing), _label(text[begin:end])
    return at, ""


def _label(text: str) -> str:
    """A label without its quotes, mark-up for line breaks and leading blanks."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    text = re.sub(r"<br\s*/?>|\\n", "\n", text.strip("`")).replace("#quot;", '"')
    return "\n".join(line.strip() for line in text.strip().split("\n"))


def write(chart: Flowchart) -> str:
    """Gives the Mermaid text of a flowchart; `read` gives the same back, nodes in the order of their frames."""
    lines = [f"flowchart {chart.direction}"]

    def frame(parent: str, depth: int) -> None:
        pad = "    " * depth
        for node in (n for n in chart.nodes if n.parent == parent):
            lines.append(f"{pad}{node.id}[{_quoted(node.label)}]")
        for sub in (s for s in chart.subgraphs if s.parent == parent):
            lines.append(f"{pad}subgraph {sub.id}[{_quoted(sub.label)}]")
            frame(sub.id, depth + 1)
            lines.append(f"{pad}end")

    frame("", 1)
    for edge in chart.edges:
        arrow = ("-.-" if not edge.both else "<-.->") if edge.dotted else ("<-->" if edge.both else "-->")
        label = f"|{_quoted(edge.label)}|" if edge.label else ""
        lines.append(f"    {edge.source} {arrow}{label} {edge.target}")
    return "\n".join(lines) + "\n"


def _quoted(label: str) -> str:
    text = label.replace('"', "#quot;").replace("\n", "<br/>")
    return f'"{text}"'
