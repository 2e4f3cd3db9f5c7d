"""The rules of deletion: what may be deleted, what is only marked because something still holds it."""

from __future__ import annotations

from meshlab.emulate.kubernetes.objects import meta, status
from meshlab.emulate.kubernetes.objects.resources import Resource
from meshlab.emulate.kubernetes.objects.status import Object


def is_over(item: Object) -> bool:
    """Whether a marked object has nothing left that holds it."""
    metadata = item["metadata"]
    if not metadata.get("deletionTimestamp") or metadata.get("finalizers"):
        return False
    if item["kind"] == "Namespace":
        return not item.get("spec", {}).get("finalizers")
    return not metadata.get("deletionGracePeriodSeconds")


def check_preconditions(resource: Resource, item: Object, preconditions: Object) -> None:
    """Refuses a deletion that was meant for another object of that name, or for another version of it."""
    metadata = item["metadata"]
    for field, label in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        wanted = preconditions.get(field)
        if wanted and wanted != metadata[field]:
            why = f"Precondition failed: {label} in precondition: {wanted}, {label} in object meta: {metadata[field]}"
            raise status.conflict(resource.plural, resource.group, metadata["name"], why)


def grace_s(resource: Resource, item: Object, options: Object) -> int:
    """Gives the seconds that a pod has to end by itself; none for everything else."""
    if resource.kind != "Pod":
        return 0
    wanted = options.get("gracePeriodSeconds")
    if wanted is None:
        wanted = item["spec"].get("terminationGracePeriodSeconds", 30)
    if not item["spec"].get("nodeName") or meta.is_finished(item):
        return 0
    return max(0, int(wanted))


def marked(resource: Resource, item: Object, options: Object, grace: int) -> Object | None:
    """The object to keep, marked for deletion; None when it can go at once."""
    metadata = dict(item["metadata"])
    finalizers = [f for f in metadata.get("finalizers") or () if f not in ("orphan", "foregroundDeletion")]
    policy = options.get("propagationPolicy")
    if policy is None and options.get("orphanDependents") is not None:
        policy = "Orphan" if options["orphanDependents"] else "Background"
    if policy == "Orphan":
        finalizers.append("orphan")
    elif policy == "Foreground":
        finalizers.append("foregroundDeletion")
    elif policy is None:
        finalizers = list(metadata.get("finalizers") or ())
    held = bool(finalizers) or (resource.kind == "Namespace" and item.get("spec", {}).get("finalizers"))
    if not held and not grace:
        return None
    if finalizers:
        metadata["finalizers"] = finalizers
    else:
        metadata.pop("finalizers", None)
    earlier = metadata.get("deletionGracePeriodSeconds")
    if not metadata.get("deletionTimestamp") or (earlier is not None and grace < earlier):
        metadata["deletionTimestamp"] = meta.after(grace)
        metadata["deletionGracePeriodSeconds"] = grace
        if "generation" in metadata:
            metadata["generation"] += 1
    kept = {**item, "metadata": metadata}
    if resource.kind == "Namespace":
        kept["status"] = {**item.get("status", {}), "phase": "Terminating"}
    return kept
