"""YAML documents to and from text, plain data only (no tags, no anchors written)."""

from __future__ import annotations

import io
from typing import Any


def dump(value: Any) -> str:
    """Write one document in block style, keys in the order given."""
    from ruamel.yaml import YAML

    yaml: Any = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False
    yaml.width = 1 << 20
    yaml.allow_unicode = True
    stream = io.StringIO()
    yaml.dump(value, stream)
    return stream.getvalue().removesuffix("...\n")


def dump_all(documents: list[Any]) -> str:
    """Write several documents, separated by ``---``."""
    return "---\n".join(dump(document) for document in documents)


def load_all(text: str) -> list[Any]:
    """Read every document of a text.

    Raises
    ------
    ValueError
        The text is not YAML; the message has the line and column but no content, which may be secret.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = YAML(typ="safe", pure=True)
    try:
        return list(yaml.load_all(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ValueError(f"{where}{error.problem or 'not YAML'}") from None
    except YAMLError as error:
        raise ValueError(f"not YAML: {type(error).__name__}") from None


def load(text: str) -> Any:
    """Read a text that holds exactly one document (an empty text gives None)."""
    documents = load_all(text)
    if len(documents) > 1:
        raise ValueError(f"one YAML document expected, {len(documents)} found")
    return documents[0] if documents else None
