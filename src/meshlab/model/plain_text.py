"""Text from elsewhere, made harmless: what a terminal or a page would obey is made visible."""

from __future__ import annotations

import re

_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Control characters (C0, C1) and those that turn the direction of writing."""


def plain(text: str, *, line: bool = False) -> str:
    """Gives text with what a terminal would obey made visible as ``�``; with `line`, all on one line.

    Whatever is printed goes through here: names, sources and answers of live systems are data, never commands.
    """
    if line and any(c in text for c in "\n\r\t\v\f\x85\u2028\u2029"):
        text = " ".join(text.split())
    return _OBEYED.sub("\ufffd", text.replace("\r\n", "\n"))
