"""Cluster templates: what ``omnictl cluster template`` reads, turned into Omni's resources (facts: §6.6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from meshlab.live import yaml_text
from meshlab.live.omni import resources as types
from meshlab.live.talos.resources import ResourceType
from meshlab.model.errors import MeshlabError

ALLOWED = {
    "Cluster": "kind name labels annotations kubernetes talos features patches systemExtensions kernelArgs",
    "ControlPlane": "kind labels annotations machines upgradeStrategy patches systemExtensions kernelArgs",
    "Workers": "kind name labels annotations machines updateStrategy deleteStrategy upgradeStrategy patches"
    " systemExtensions kernelArgs",
    "Machine": "kind name labels annotations locked install patches systemExtensions kernelArgs",
}
CLUSTER_WEIGHT, SET_WEIGHT, MACHINE_WEIGHT = 200, 400, 400


class TemplateError(MeshlabError, ValueError):
    """A cluster template is not valid; ``problems`` has every reason."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("cluster template: " + "; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Wanted:
    """One resource that a template asks for."""

    kind: ResourceType
    id: str
    spec: Any
    labels: Mapping[str, str] = field(default_factory=dict)


def read(text: str) -> list[Wanted]:
    """Give the resources of a template, in the order in which they must be made.

    Raises
    ------
    TemplateError
        With every problem found.
    """
    try:
        documents = [document for document in yaml_text.load_all(text) if document is not None]
    except ValueError as error:
        raise TemplateError([str(error)]) from None
    problems = list(_problems(documents))
    if problems:
        raise TemplateError(problems)
    return list(_resources(documents))


def _problems(documents: list[Any]) -> Iterator[str]:
    if not all(isinstance(document, Mapping) for document in documents):
        yield "every document must be a mapping"
        return
    kinds = [str(document.get("kind")) for document in documents]
    for document, kind in zip(documents, kinds, strict=True):
        if kind not in ALLOWED:
            yield f"unknown kind {kind!r} (there are {', '.join(ALLOWED)})"
            continue
        for key in sorted(set(document) - set(ALLOWED[kind].split())):
            yield f"{kind}: {key} is not known or not supported here"
    for kind in ("Cluster", "ControlPlane"):
        if kinds.count(kind) != 1:
            yield f"exactly one {kind} is needed, {kinds.count(kind)} found"
    for document in documents:
        if document.get("kind") == "Cluster":
            yield from _cluster_problems(document)
    yield from _machine_problems(documents)


def _cluster_problems(document: Mapping[str, Any]) -> Iterator[str]:
    name = str(document.get("name") or "")
    if not name or not all(letter.isalnum() or letter in "-_" for letter in name):
        yield f"Cluster: name {name!r} must be letters, digits, - and _"
    if not (document.get("kubernetes") or {}).get("version"):
        yield "Cluster: kubernetes.version is missing"
    if not str((document.get("talos") or {}).get("version") or "").startswith("v"):
        yield "Cluster: talos.version must start with v"


def _machine_problems(documents: list[Any]) -> Iterator[str]:
    owners: dict[str, str] = {}
    for document in documents:
        if document.get("kind") not in ("ControlPlane", "Workers"):
            continue
        where = str(document.get("name") or document["kind"])
        for machine in document.get("machines") or []:
            if machine in owners:
                yield f"machine {machine} is in {owners[machine]} and in {where}"
            owners[machine] = where
    for document in documents:
        if document.get("kind") == "Machine" and document.get("name") not in owners:
            yield f"Machine {document.get('name')}: no machine set has it"


def _resources(documents: list[Any]) -> Iterator[Wanted]:
    from meshlab.live._generated import omni_specs_pb2

    pb: Any = omni_specs_pb2
    cluster = next(document for document in documents if document["kind"] == "Cluster")
    name = str(cluster["name"])
    spec = pb.ClusterSpec(
        kubernetes_version=str(cluster["kubernetes"]["version"]).removeprefix("v"),
        talos_version=str(cluster["talos"]["version"]).removeprefix("v"),
    )
    yield Wanted(types.CLUSTER, name, spec)
    yield from _patches(pb, cluster, CLUSTER_WEIGHT, f"cluster-{name}", {types.LABEL_CLUSTER: name})
    for document in documents:
        if document["kind"] not in ("ControlPlane", "Workers"):
            continue
        is_control_plane = document["kind"] == "ControlPlane"
        set_id = f"{name}-{'control-planes' if is_control_plane else document.get('name') or 'workers'}"
        role = types.LABEL_CONTROL_PLANE if is_control_plane else types.LABEL_WORKER
        labels = {types.LABEL_CLUSTER: name, role: ""}
        yield Wanted(types.MACHINE_SET, set_id, pb.MachineSetSpec(), labels)
        of_set = {types.LABEL_CLUSTER: name, types.LABEL_MACHINE_SET: set_id}
        yield from _patches(pb, document, SET_WEIGHT, set_id, of_set)
        for machine in document.get("machines") or []:
            of_node = labels | {types.LABEL_MACHINE_SET: set_id}
            yield Wanted(types.MACHINE_SET_NODE, str(machine), pb.MachineSetNodeSpec(), of_node)
    for document in documents:
        if document["kind"] == "Machine":
            labels = {types.LABEL_CLUSTER: name, types.LABEL_MACHINE: str(document["name"])}
            yield from _patches(pb, document, MACHINE_WEIGHT, f"cm-{document['name']}", labels)


def _patches(
    pb: Any, document: Mapping[str, Any], weight: int, prefix: str, labels: Mapping[str, str]
) -> Iterator[Wanted]:
    disk = (document.get("install") or {}).get("disk")
    if disk:
        data = yaml_text.dump({"machine": {"install": {"disk": disk}}})
        yield Wanted(types.CONFIG_PATCH, f"000-{prefix}-install-disk", pb.ConfigPatchSpec(data=data), labels)
    for number, patch in enumerate(document.get("patches") or []):
        name = str(patch.get("name") or patch.get("idOverride") or patch.get("file") or number)
        inline = patch.get("inline")
        if inline is None:
            raise TemplateError([f"{prefix}: patch {name} has no inline content (files are not read here)"])
        data = inline if isinstance(inline, str) else _dump(inline)
        spec = pb.ConfigPatchSpec(data=data)
        yield Wanted(types.CONFIG_PATCH, f"{weight + number:03d}-{prefix}-{name}", spec, labels)


def _dump(inline: Any) -> str:
    return yaml_text.dump_all(inline) if isinstance(inline, list) else yaml_text.dump(inline)
