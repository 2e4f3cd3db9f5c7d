"""Strategic merge patches of a machine configuration (facts: talos-omni-kubespan §4.6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshlab.live import yaml_text

REPLACED_LISTS = frozenset({"podSubnets", "serviceSubnets", "auditPolicy", "ports"})


def patched(config: str, patches: list[str]) -> str:
    """Give a multi-document configuration with each patch merged into it, in order."""
    documents = [document for document in yaml_text.load_all(config) if document is not None]
    for patch in patches:
        for document in yaml_text.load_all(patch):
            if document is not None:
                documents = _with(documents, document)
    return yaml_text.dump_all(documents)


def _identity(document: Mapping[str, Any]) -> tuple[str, str, str]:
    if "kind" not in document:
        return ("v1alpha1", "", "")
    return (str(document.get("apiVersion")), str(document["kind"]), str(document.get("name") or ""))


def _with(documents: list[Any], patch: Mapping[str, Any]) -> list[Any]:
    wanted = _identity(patch)
    for index, document in enumerate(documents):
        if _identity(document) == wanted:
            if patch.get("$patch") == "delete":
                return documents[:index] + documents[index + 1 :]
            return [*documents[:index], merged(document, patch), *documents[index + 1 :]]
    return [*documents, dict(patch)]


def merged(base: Any, patch: Any, key: str = "") -> Any:
    """Merge plain data: maps merge, lists append (some replace), anything else is overwritten."""
    if isinstance(base, Mapping) and isinstance(patch, Mapping):
        result = dict(base)
        for name, value in patch.items():
            if isinstance(value, Mapping) and value.get("$patch") == "delete":
                result.pop(name, None)
            else:
                result[name] = merged(base[name], value, str(name)) if name in base else value
        return result
    if isinstance(base, list) and isinstance(patch, list) and key not in REPLACED_LISTS:
        return [*base, *patch]
    return patch
