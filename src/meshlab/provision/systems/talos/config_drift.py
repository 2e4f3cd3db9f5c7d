"""Where a machine's live configuration is not what the plan would apply; what is secret is compared, never shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meshlab.live import yaml_text
from meshlab.live.secret import Secret

_SECRET = frozenset({"token", "secret", "key", "secretboxEncryptionSecret", "aescbcEncryptionSecret"})
"""Keys below which nothing is shown; certificates are public. Of what the plan does not set, no value is shown."""


def config_drift(wanted: Secret[str], live: Secret[str]) -> tuple[str, ...]:
    """Gives the differences in words, by document and dotted path; nothing where both mean the same."""
    ours, theirs = _documents(wanted), _documents(live)
    found: list[str] = []
    for name in sorted(ours.keys() | theirs.keys()):
        if name not in theirs:
            found.append(f"the document {name} is not there")
        elif name not in ours:
            found.append(f"the document {name} is not in the plan")
        else:
            found += _differences(ours[name], theirs[name], "" if name == "v1alpha1" else f"{name}:")
    return tuple(found)


def _documents(text: Secret[str]) -> dict[str, Any]:
    named = {}
    for document in yaml_text.load_all(text.reveal()):
        if document:
            parts = (document.get("kind", "v1alpha1"), document.get("name", ""))
            named[" ".join(part for part in parts if part)] = document
    return named


def _differences(wanted: Any, live: Any, path: str, secret: bool = False) -> Iterator[str]:
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        for key in sorted(wanted.keys() | live.keys()):
            inner = f"{path}{'' if not path or path.endswith(':') else '.'}{key}"
            hidden = secret or key in _SECRET
            yield from _differences(wanted.get(key), live.get(key), inner, hidden)
    elif _empty(wanted) and _empty(live):
        return
    elif wanted != live:
        if secret:
            yield f"{path} is another (not shown)"
        elif _empty(wanted):
            yield f"{path} is set, which the plan does not do"
        else:
            yield f"{path} is {_shown(live)}, not {_shown(wanted)}"


def _empty(value: Any) -> bool:
    return value in (None, "", False, 0, [], {})


def _shown(value: Any) -> str:
    """Gives a value for a person; of a mapping only its keys, since what is below them may be secret."""
    if value is None:
        return "not set"
    text = "{" + ", ".join(sorted(map(str, value))) + "}" if isinstance(value, Mapping) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
