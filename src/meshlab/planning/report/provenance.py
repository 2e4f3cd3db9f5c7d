"""A provenance as a reader without the tables can follow it: codes as documents, marks as words."""

from __future__ import annotations

import re

from meshlab.planning.tables import Document, documents

_CODE = re.compile(r"\b[A-Z]\.[a-z0-9]+(?: [a-z0-9_]+)?")
_MARK = re.compile(r" ?\[([SDREMT])\]")
_MARKS = {
    "S": "read there",
    "D": "derived",
    "R": "remembered",
    "E": "estimated",
    "M": "measured",
    "T": "stated in the design",
}


def pieces(text: str) -> tuple[str | Document, ...]:
    """Gives a provenance with each code (``F.aws price_m6i``) as the document that it stands for.

    A mark (``[S]``) becomes a word in brackets; one beside a code or other words (``[D E.wireguard]``) too.
    """
    known = documents()
    found: list[str | Document] = []
    at = 0
    for match in _CODE.finditer(text):
        code = match.group()
        name = code if code in known else code.split()[0]
        if name not in known:
            continue
        found += [_worded(text[at : match.start()]), known[name]]
        at = match.start() + len(name)
    found.append(_worded(text[at:]))
    return tuple(piece for piece in found if piece)


def _worded(text: str) -> str:
    text = _MARK.sub(lambda mark: f" ({_MARKS[mark[1]]})", text)
    text = re.sub(r"\[([SDREMT]) ", lambda mark: f"({_MARKS[mark[1]]}: ", text)
    return text.replace("]", ")")
