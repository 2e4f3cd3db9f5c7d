"""What the documents show in code: blocks by language, and the commands in a block."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
OPERATORS = ("&&", "||", ";", ";;", "|", "&", "(", ")")
REDIRECTS = (">", "<")


@dataclass(frozen=True)
class Block:
    """One fenced block of a document."""

    document: str
    line: int
    language: str
    text: str

    @property
    def name(self) -> str:
        return f"{self.document}:{self.line}"


@dataclass(frozen=True)
class Said:
    """One simple command of a block: its words, and the file that its output goes to, if any."""

    words: tuple[str, ...]
    output: str = ""


def blocks(language: str = "") -> list[Block]:
    """Gives the fenced blocks of all documents, or those of one language."""
    found = [block for document in DOCUMENTS for block in _blocks(document)]
    return [block for block in found if block.language == language] if language else found


def _blocks(document: Path) -> Iterator[Block]:
    text = document.read_text()
    for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S):
        line = text[: match.start()].count("\n") + 2
        yield Block(document.relative_to(ROOT).as_posix(), line, match[1], match[2])


def inline() -> Iterator[tuple[str, str]]:
    """Gives the pieces of code within sentences, each with the name of its document."""
    for document in DOCUMENTS:
        prose = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.M | re.S)
        for code in re.findall(r"`([^`]+)`", prose):
            yield document.relative_to(ROOT).as_posix(), " ".join(code.split())


def commands(text: str) -> list[Said]:
    """Takes the lines of a shell apart into simple commands, also those within `$(...)`."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        words: list[str] = []
        output = ""
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        for token in [*lexer, ";"]:
            if token in OPERATORS:
                if words:
                    found.append(Said(tuple(words), output))
                words, output = [], ""
            elif words and words[-1] in REDIRECTS:
                words.pop()
                output = token
            else:
                words.append(token)
    return found
