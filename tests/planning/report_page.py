"""A plan's page taken apart again: its links, its anchors, the text that is no link."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "img", "br", "path", "line", "circle", "rect"}


@dataclass
class Link:
    target: str
    text: str
    number: bool


@dataclass
class Page(HTMLParser):
    """What a reader's browser sees. ``bare`` is text of the plan's sections that is in no link."""

    ids: list[str] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    bare: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    held: dict[str, list[str]] = field(default_factory=dict)
    _open: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if "id" in given:
            self.ids.append(given["id"])
            self.held[given["id"]] = []
        self.loaded += [given[name] for name in ("src", "srcset", "action", "data") if name in given]
        if tag == "link":
            self.loaded.append(given.get("href", "link"))
        if tag == "a":
            self.links.append(Link(given.get("href", ""), "", given.get("class") == "n"))
            for _, outer in self._open:
                if "id" in outer:
                    self.held[outer["id"]].append(given.get("href", ""))
        if tag not in VOID:
            self._open.append((tag, given))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, text: str) -> None:
        tags = [tag for tag, _ in self._open]
        if "a" in tags:
            self.links[-1].text += text
        elif "section" in tags and not self._inside("sources-and-methods"):
            self.bare.append(text)

    def _inside(self, name: str) -> bool:
        return any(given.get("id") == name for _, given in self._open)


def numbers_of(text: str) -> list[str]:
    """Where numbers begin in a text: not the digits of a name, an address (10.0.0.0/8) or a setting (min = 1)."""
    text = re.sub(r"\d+(\.\d+){3}(/\d+)?(:\d+)?|=\s?[\w.,]+", "", text)
    return re.findall(r"(?<![\w.\-/])\d", text)


def parsed(html: str) -> Page:
    page = Page()
    page.feed(html)
    return page


def numbers_of_markdown(text: str) -> list[tuple[str, str]]:
    """The numbers of a plan in Markdown before its sources: (text, anchor)."""
    body = text.split("## Sources and methods")[0]
    found = re.findall(r"\[((?:[^\[\]\\]|\\.)*)\]\(#(basis\d+)\)", body)
    return [(re.sub(r"\\(.)", r"\1", shown), anchor) for shown, anchor in found]
