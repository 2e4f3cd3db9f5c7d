"""What a configuration in HCL says, read strictly: what could be read in two ways is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<space>[ \t\n,]+|\#[^\n]*|//[^\n]*|/\*.*?\*/)
    |(?P<string>"(?:[^"\\\n]|\\["\\nt])*")
    |(?P<word>[A-Za-z_][A-Za-z0-9_.-]*)
    |(?P<number>-?[0-9][0-9A-Za-z.]*)
    |(?P<mark>[={}\[\]])""",
    re.VERBOSE | re.DOTALL,
)
_CONTROL = re.compile(r"[^\n\t -~\u00a0-\uffff]")


@dataclass(frozen=True)
class Setting:
    """One setting: the blocks it stands in (each with its labels), its name, its values, and its line.

    A block without anything in it is given as a setting of no name.
    """

    blocks: tuple[tuple[str, ...], ...]
    name: str
    values: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class _Word:
    kind: str
    text: str
    line: int


def settings(text: str) -> Iterator[Setting]:
    """Gives every setting of a configuration, in order.

    Raises
    ------
    ValueError
        It is not plain HCL: here documents, templates in strings and control characters are none; the line is said.
    """
    yield from _Reader(_words(text.replace("\r\n", "\n"))).body((), None)


def _words(text: str) -> list[_Word]:
    found, at = [], 0
    strange = _CONTROL.search(text)
    if strange is not None:
        raise ValueError(f"line {_line(text, strange.start())} holds the character {strange[0]!r}")
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            rest = text[at:].split("\n", 1)[0][:20]
            raise ValueError(f"line {_line(text, at)} cannot be read as HCL: {rest!r}")
        if match.lastgroup != "space":
            found.append(_Word(match.lastgroup, match[0], _line(text, at)))
        at = match.end()
    return found


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


class _Reader:
    def __init__(self, words: list[_Word]) -> None:
        self._words = words
        self._at = 0

    def _next(self) -> _Word:
        if self._at == len(self._words):
            raise ValueError("the configuration ends in the middle of something")
        self._at += 1
        return self._words[self._at - 1]

    def _comes(self, *marks: str) -> bool:
        return self._at < len(self._words) and self._words[self._at].text in marks

    def body(self, blocks: tuple[tuple[str, ...], ...], end: str | None) -> Iterator[Setting]:
        """The settings up to a closing brace, or to the end of the text."""
        while self._at < len(self._words) and not (end is not None and self._comes(end)):
            first = self._next()
            name, labels = _named(first), []
            while not self._comes("=", "{"):
                labels.append(_named(self._next()))
            if self._comes("="):
                self._next()
                yield from self._value(blocks, (name, *labels), first.line)
            else:
                yield from self._block(blocks, (name, *labels), first.line)
        if end is not None:
            self._next()

    def _block(
        self, blocks: tuple[tuple[str, ...], ...], head: tuple[str, ...], line: int
    ) -> Iterator[Setting]:
        self._next()
        yield Setting((*blocks, head), "", (), line)
        yield from self.body((*blocks, head), "}")

    def _value(
        self, blocks: tuple[tuple[str, ...], ...], head: tuple[str, ...], line: int
    ) -> Iterator[Setting]:
        if self._comes("{"):
            yield from self._block(blocks, head, line)
            return
        if len(head) > 1:
            raise ValueError(f"line {line} gives {head[0]} labels and a value")
        values: list[str] = []
        if self._comes("["):
            self._next()
            while not self._comes("]"):
                if self._comes("{"):
                    yield from self._block(blocks, head, line)
                else:
                    values.append(_plain(self._next()))
            self._next()
        else:
            values.append(_plain(self._next()))
        yield Setting(blocks, head[0], tuple(values), line)


def _named(word: _Word) -> str:
    text = word.text.strip('"')
    if word.kind not in ("word", "string") or not re.fullmatch(r"[\w.-]+", text):
        raise ValueError(f"line {word.line}: {word.text} is no name")
    return text


def _plain(word: _Word) -> str:
    if word.kind == "mark":
        raise ValueError(f"line {word.line}: a value was expected, not {word.text}")
    text = word.text
    if "${" in text:
        raise ValueError(f"line {word.line}: {text} has a template in it, which nothing fills in")
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if word.kind == "string" else text
