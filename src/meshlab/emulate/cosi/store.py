"""A COSI state in memory: typed resources with versions, and watches that miss nothing (facts: §1.6)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from meshlab.emulate.cosi.yaml import spec_yaml
from meshlab.live._generated import cosi_meta_pb2, cosi_resource_pb2
from meshlab.live.talos.resources import ResourceType

pb: Any = cosi_resource_pb2
meta_pb: Any = cosi_meta_pb2

RESOURCE_DEFINITION = ResourceType(
    "ResourceDefinitions.meta.cosi.dev", "meta", "cosi_meta", "ResourceDefinitionSpec", aliases=("rd",)
)
NAMESPACE = ResourceType("Namespaces.meta.cosi.dev", "meta", "cosi_meta", "NamespaceSpec", aliases=("ns",))

Yaml = Callable[[ResourceType, Any], str]


class Conflict(Exception):
    """A write does not fit what is there; ``code`` is the gRPC code by name."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Happening:
    """One change: event type by name, the resource now, and before."""

    kind: str
    resource: Any
    old: Any = None


class ResourceStore:
    """Resources by namespace, type and id. Used from one event loop; every change reaches every watcher in order."""

    def __init__(self, kinds: Mapping[str, ResourceType], *, yaml: Yaml | None = None) -> None:
        self.kinds = dict(kinds) | {kind.name: kind for kind in (RESOURCE_DEFINITION, NAMESPACE)}
        self._yaml = yaml or _talos_yaml
        self._resources: dict[tuple[str, str], dict[str, Any]] = {}
        self._watchers: dict[int, tuple[str, str, asyncio.Queue[Happening]]] = {}
        self._next_watcher = 0
        for kind in list(self.kinds.values()):
            self.put(RESOURCE_DEFINITION, kind.name.lower(), definition(kind))
        for namespace in sorted({kind.namespace for kind in self.kinds.values()}):
            self.put(NAMESPACE, namespace, meta_pb.NamespaceSpec(description=namespace))

    @property
    def namespaces(self) -> set[str]:
        """Every namespace that is known."""
        return set(self._resources.get(("meta", NAMESPACE.name), {}))

    def get(self, kind: ResourceType, id: str, namespace: str | None = None) -> Any | None:
        """Give the stored ``cosi.resource.Resource``, or None."""
        return self._resources.get((namespace or kind.namespace, kind.name), {}).get(id)

    def spec(self, kind: ResourceType, id: str, namespace: str | None = None) -> Any | None:
        """Give the typed spec of a resource, or None."""
        found = self.get(kind, id, namespace)
        return kind.spec_class.FromString(found.spec.proto_spec) if found is not None else None

    def list(self, namespace: str, type_name: str) -> list[Any]:
        """Give every resource of a type in a namespace, by id."""
        return [resource for _, resource in sorted(self._resources.get((namespace, type_name), {}).items())]

    def specs(self, kind: ResourceType, namespace: str | None = None) -> dict[str, Any]:
        """Give the typed specs of a type by id."""
        found = self.list(namespace or kind.namespace, kind.name)
        return {item.metadata.id: kind.spec_class.FromString(item.spec.proto_spec) for item in found}

    def put(
        self,
        kind: ResourceType,
        id: str,
        spec: Any,
        *,
        namespace: str | None = None,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> Any:
        """Create a resource, or update it if its spec, labels or annotations differ."""
        where = namespace or kind.namespace
        old = self.get(kind, id, where)
        proto = spec.SerializeToString(deterministic=True)
        if old is not None:
            same = old.spec.proto_spec == proto
            same = same and (labels is None or dict(old.metadata.labels) == dict(labels))
            same = same and (annotations is None or dict(old.metadata.annotations) == dict(annotations))
            if same:
                return old
        new = pb.Resource()
        metadata = new.metadata
        metadata.namespace, metadata.type, metadata.id = where, kind.name, id
        if old is not None:
            metadata.CopyFrom(old.metadata)
        metadata.version = str(int(old.metadata.version) + 1) if old is not None else "1"
        metadata.phase = metadata.phase or "running"
        metadata.updated.GetCurrentTime()
        if old is None:
            metadata.created.CopyFrom(metadata.updated)
        for field, values in ((metadata.labels, labels), (metadata.annotations, annotations)):
            if values is not None:
                field.clear()
                field.update(values)
        new.spec.proto_spec = proto
        new.spec.yaml_spec = self._yaml(kind, spec)
        self._store(new, old)
        return new

    def _store(self, new: Any, old: Any | None) -> None:
        metadata = new.metadata
        self._resources.setdefault((metadata.namespace, metadata.type), {})[metadata.id] = new
        self._tell(Happening("CREATED" if old is None else "UPDATED", new, old))

    def teardown(self, kind: ResourceType, id: str, namespace: str | None = None) -> bool:
        """Mark a resource as going; True when nothing holds it any more."""
        old = self.get(kind, id, namespace)
        if old is None:
            raise Conflict(
                "NOT_FOUND", f"resource {kind.name}({namespace or kind.namespace}/{id}) doesn't exist"
            )
        if old.metadata.phase != "tearingDown":
            new = pb.Resource()
            new.CopyFrom(old)
            new.metadata.phase = "tearingDown"
            new.metadata.version = str(int(old.metadata.version) + 1)
            self._store(new, old)
            old = new
        return not old.metadata.finalizers

    def remove(self, kind: ResourceType, id: str, namespace: str | None = None) -> bool:
        """Remove a resource; False when it was not there."""
        where = namespace or kind.namespace
        old = self._resources.get((where, kind.name), {}).pop(id, None)
        if old is None:
            return False
        self._tell(Happening("DESTROYED", old))
        return True

    def replace(self, kind: ResourceType, specs: Mapping[str, Any]) -> None:
        """Make the resources of a type exactly these, by id."""
        for id in set(self.specs(kind)) - set(specs):
            self.remove(kind, id)
        for id, spec in sorted(specs.items()):
            self.put(kind, id, spec)

    def _tell(self, happening: Happening) -> None:
        metadata = happening.resource.metadata
        for namespace, type_name, queue in self._watchers.values():
            if (namespace, type_name) == (metadata.namespace, metadata.type):
                queue.put_nowait(happening)

    @contextmanager
    def watching(self, namespace: str, type_name: str) -> Iterator[asyncio.Queue[Happening]]:
        """Give a queue of every change of a type from now on."""
        number = self._next_watcher
        self._next_watcher += 1
        queue: asyncio.Queue[Happening] = asyncio.Queue()
        self._watchers[number] = (namespace, type_name, queue)
        try:
            yield queue
        finally:
            del self._watchers[number]


def _talos_yaml(kind: ResourceType, spec: Any) -> str:
    if kind.name == RESOURCE_DEFINITION.name:
        return definition_yaml(spec)
    snake = kind.module == "talos_block" and kind.message == "DiskSpec"
    return spec_yaml(spec, keep_names=snake)


def definition(kind: ResourceType) -> Any:
    """Describe a type the way COSI does, with every name by which a client may call it."""
    plural = kind.plural
    singular = re.sub(r"ies$", "y", plural) if plural.endswith("ies") else plural.removesuffix("s")
    if plural.endswith(("uses", "sses")):
        singular = plural.removesuffix("es")
    short = "".join(letter for letter in plural if letter.isupper()).lower()
    parts = kind.name.lower().split(".")
    dotted = [".".join(parts[:count]) for count in range(2, len(parts))]
    every = [plural.lower(), singular.lower(), *dotted, *([short, short + "s"] if len(short) > 1 else [])]
    return meta_pb.ResourceDefinitionSpec(
        resource_type=kind.name,
        display_type=singular,
        default_namespace=kind.namespace,
        aliases=kind.aliases,
        all_aliases=list(dict.fromkeys([*kind.aliases, *every])),
        print_columns=[{"name": name, "json_path": path} for name, path in kind.columns],
        sensitivity=1 if kind.sensitive else 0,
    )


def definition_yaml(spec: Any) -> str:
    """Write a resource definition's spec."""
    from meshlab.live import yaml_text

    return yaml_text.dump(
        {
            "type": spec.resource_type,
            "displayType": spec.display_type,
            "aliases": list(spec.aliases),
            "allAliases": list(spec.all_aliases),
            "printColumns": [
                {"name": column.name, "jsonPath": column.json_path} for column in spec.print_columns
            ],
            "defaultNamespace": spec.default_namespace,
            "sensitivity": "sensitive" if spec.sensitivity else "",
        }
    )


def matches(resource: Any, options: Any) -> bool:
    """Whether a resource is asked for by label queries (any of them) and by an id pattern."""
    pattern = options.id_query.regexp if options.HasField("id_query") else ""
    if pattern and not re.search(pattern, resource.metadata.id):
        return False
    queries = options.label_query
    return not queries or any(
        all(_term(resource.metadata.labels, t) for t in query.terms) for query in queries
    )


def _term(labels: Mapping[str, str], term: Any) -> bool:
    operation = pb.LabelTerm.Operation.Name(term.op)
    value = labels.get(term.key) if term.key in labels else None
    wanted = list(term.value)
    first = wanted[0] if wanted else ""
    if operation in ("EXISTS", "NOT_EXISTS"):
        result = (value is not None) == (operation == "EXISTS")
    elif value is None:
        result = False
    elif operation in ("EQUAL", "IN"):
        result = value in wanted
    elif operation in ("LT", "LTE"):
        result = value < first or (operation == "LTE" and value == first)
    else:
        try:
            left, right = float(value), float(first)
        except ValueError:
            return False
        result = left < right or (operation == "LTE_NUMERIC" and left == right)
    return bool(result != term.invert)


async def watch_events(store: ResourceStore, request: Any) -> AsyncIterator[Any]:
    """Answer a watch: an empty reply first, then what is there (if asked), then every change until the client goes."""
    options = request.options
    single = request.id if request.HasField("id") else None
    with store.watching(request.namespace, request.type) as queue:
        yield pb.WatchResponse()
        there = store.list(request.namespace, request.type)
        if single is not None:
            found = next((resource for resource in there if resource.metadata.id == single), None)
            yield _reply(
                "CREATED" if found is not None else "DESTROYED", found or _tombstone(request, single)
            )
        elif options.bootstrap_contents:
            for resource in there:
                if matches(resource, options):
                    yield _reply("CREATED", resource)
            if request.api_version >= 1:
                yield _reply("BOOTSTRAPPED", _tombstone(request, ""))
        while True:
            happening = await queue.get()
            if single not in (None, happening.resource.metadata.id):
                continue
            reply = _selected(happening, options)
            if reply is not None:
                yield reply


def _selected(happening: Happening, options: Any) -> Any | None:
    """Turn a change into what a watcher with a label query sees: things may come into its sight or leave it."""
    now = matches(happening.resource, options)
    before = happening.old is not None and matches(happening.old, options)
    if happening.kind == "UPDATED" and now != before:
        return _reply("CREATED" if now else "DESTROYED", happening.resource)
    return _reply(happening.kind, happening.resource, happening.old) if now else None


def _reply(kind: str, resource: Any, old: Any = None) -> Any:
    event = pb.Event(resource=resource, event_type=pb.EventType.Value(kind))
    if old is not None:
        event.old.CopyFrom(old)
    return pb.WatchResponse(event=[event])


def _tombstone(request: Any, id: str) -> Any:
    metadata = {
        "namespace": request.namespace,
        "type": request.type,
        "id": id,
        "version": "undefined",
        "phase": "running",
    }
    return pb.Resource(metadata=metadata, spec={})
