"""Updates and applies as changes of field ownership (``managedFields``)."""

from __future__ import annotations

import json
from dataclasses import replace

from meshlab.emulate.kubernetes.objects import fields
from meshlab.emulate.kubernetes.objects.fields import Entry, FieldSet, Path
from meshlab.emulate.kubernetes.objects.status import ApiError, Object

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def _last_applied(applied: Object) -> str:
    """What kubectl's client-side apply would have noted; the server keeps it right for who goes back to that."""
    return json.dumps(applied, sort_keys=True, separators=(",", ":")) + "\n"


def after_update(
    old: Object | None,
    new: Object,
    schema: Object,
    *,
    manager: str,
    api_version: str,
    subresource: str,
    now: str,
) -> list[Object]:
    """The ``managedFields`` after a create, update or plain patch by a manager.

    What the manager changed becomes its own; what it changed or removed is taken from all others. Entries that
    ``new`` brings
    are taken as they are (kubectl migrates its client-side entries so); a single empty entry forgets all of them.
    """
    before = fields.entries(old) if old is not None else []
    given = new.get("metadata", {}).get("managedFields")
    if given:
        before = [] if given == [{}] else fields.entries(new)
    area = fields.owned(new, schema, subresource)
    if old is None:
        changed = area
        gone: FieldSet = frozenset()
    else:
        was = fields.owned(old, schema, subresource)
        changed = frozenset(p for p in area if fields.lookup(old, schema, p) != fields.lookup(new, schema, p))
        gone = was - area
    if not changed and not gone:
        return fields.to_managed_fields(before)
    result: list[Entry] = []
    mine: Entry | None = None
    for entry in before:
        if (entry.manager, entry.operation, entry.subresource) == (manager, "Update", subresource):
            mine = entry
        else:
            result.append(replace(entry, fields=entry.fields - changed - gone))
    kept = (mine.fields if mine else frozenset()) - gone
    result.append(Entry(manager, "Update", subresource, api_version, now, kept | changed))
    return fields.to_managed_fields(result)


def apply(
    live: Object | None,
    applied: Object,
    schema: Object,
    *,
    manager: str,
    force: bool,
    api_version: str,
    subresource: str,
    now: str,
) -> Object:
    """The object after a server-side apply, with its new ``managedFields``.

    Raises
    ------
    ApiError
        409, when another manager owns a field that the applied object sets to another value and ``force`` is off.
    """
    before = fields.entries(live) if live is not None else []
    wanted = fields.owned(applied, schema, subresource)
    mine = [e for e in before if _is_mine(e, manager, subresource)]
    others = [e for e in before if not _is_mine(e, manager, subresource)]
    changed = frozenset(
        p for p in wanted if fields.lookup(live or {}, schema, p) != fields.lookup(applied, schema, p)
    )
    clashes = [(e, sorted(e.fields & changed, key=repr)) for e in others if e.fields & changed]
    if clashes and not force:
        raise _conflict(clashes)
    merged: Object = fields.merge(live or {}, applied, schema)
    dropped = frozenset().union(*(e.fields for e in mine)) - wanted
    still_owned = frozenset().union(*(e.fields for e in others))
    for path in sorted(dropped - still_owned, key=lambda p: (-len(p), repr(p))):
        if path[-1][0] == "k" and any(p[: len(path)] == path for p in wanted | still_owned):
            continue
        merged = fields.remove(merged, schema, path)
    left = [replace(e, fields=e.fields - changed) for e in others]
    unchanged = mine and mine[0].fields == wanted
    time = mine[0].time if unchanged and not changed else now
    left.append(Entry(manager, "Apply", subresource, api_version, time, wanted))
    metadata = dict(merged.get("metadata", {}))
    annotations = metadata.get("annotations") or {}
    if manager == "kubectl" and _LAST_APPLIED in annotations and not subresource:
        metadata["annotations"] = {**annotations, _LAST_APPLIED: _last_applied(applied)}
    metadata["managedFields"] = fields.to_managed_fields(left)
    return {**merged, "metadata": metadata}


def _is_mine(entry: Entry, manager: str, subresource: str) -> bool:
    return (entry.manager, entry.operation, entry.subresource) == (manager, "Apply", subresource)


def _conflict(clashes: list[tuple[Entry, list[Path]]]) -> ApiError:
    causes = []
    lines = []
    for entry, clashing in clashes:
        who = f'"{entry.manager}"'
        if entry.subresource:
            who += f' with subresource "{entry.subresource}"'
        if entry.operation == "Update":
            who += f" using {entry.api_version}"
        shown = [fields.shown(p) for p in clashing]
        lines.append(
            f"conflict{'s' if len(shown) > 1 else ''} with {who}:"
            + (f" {shown[0]}" if len(shown) == 1 else "".join(f"\n- {s}" for s in shown))
        )
        causes += [
            {"reason": "FieldManagerConflict", "message": f"conflict with {who}", "field": s} for s in shown
        ]
    count = len(causes)
    message = f"Apply failed with {count} conflict{'s' if count > 1 else ''}: " + "\n".join(lines)
    return ApiError(409, "Conflict", message, details={"causes": causes})
