"""Create, update, apply and delete with all rules of the real server that do not depend on HTTP."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from meshlab.emulate.kubernetes.objects import defaults, meta, schemas, status, validation
from meshlab.emulate.kubernetes.objects.resources import Resource
from meshlab.emulate.kubernetes.objects.status import ApiError, Object
from meshlab.emulate.kubernetes.storage import deletion, ownership
from meshlab.emulate.kubernetes.storage.admission import Admission
from meshlab.emulate.kubernetes.storage.reading import Reading
from meshlab.emulate.kubernetes.storage.store import (
    KeyChanged,
    KeyExists,
    Storage,
)
from meshlab.emulate.kubernetes.storage.watchcache import decode, encode

EVENT_TTL_S = 3600
"""Events are kept an hour (kube-apiserver --event-ttl)."""

Objects = list[Object]
Texts = list[str]
_STATUS_KEPT = {"Event", "Endpoints", "Lease"}


@dataclass(frozen=True)
class Writing:
    """How a write is done: who manages the fields, whether it is only tried, what is checked, through which door."""

    manager: str
    dry_run: bool = False
    validation: str = "Warn"
    subresource: str = ""
    force: bool = False
    apply: bool = False
    user: str = ""


@dataclass
class Written:
    """The outcome of a write: the object, whether it is new, and warnings for the client."""

    item: Object
    created: bool
    warnings: list[str]


class Registry(Reading):
    """All objects of one API server, to be read and written."""

    def __init__(self, storage: Storage, admission: Admission) -> None:
        super().__init__(storage)
        self._admission = admission
        admission.bind(self)

    async def create(self, resource: Resource, namespace: str, body: Object, how: Writing) -> Written:
        """Stores a new object.

        Raises
        ------
        ApiError
            400, 403, 404 (namespace), 409, 422 or 500, as the real server does.
        """
        item, warnings = self._decoded(resource, namespace, body, how)
        metadata = item["metadata"]
        if metadata.get("resourceVersion"):
            raise status.bad_request("resourceVersion should not be set on objects to be created")
        generate = metadata.get("generateName")
        if not metadata.get("name") and generate:
            metadata["name"] = generate + meta.suffix()
        for field in ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"):
            metadata.pop(field, None)
        if resource.has("status") and resource.kind not in _STATUS_KEPT:
            item.pop("status", None)
        schema = self._schema(resource)
        defaults.apply_defaults(resource.kind, item, schema)
        if resource.has("status"):
            item.setdefault("status", {})
        metadata["uid"] = meta.new_uid()
        metadata["creationTimestamp"] = meta.now()
        if _has_generation(item):
            metadata["generation"] = 1
        warnings += await self._admission.create(resource, item, dry_run=how.dry_run)
        self._validate(resource, item, None)
        if not how.apply:
            metadata["managedFields"] = ownership.after_update(
                None,
                item,
                schema,
                manager=how.manager,
                api_version=resource.api_version,
                subresource=how.subresource,
                now=meta.now(),
            )
        if not how.dry_run:
            key = resource.key(namespace, metadata["name"])
            try:
                revision = await self._stored(self.storage.create(key, encode(item), ttl_s=_ttl(resource)))
            except KeyExists:
                await self._admission.undo(resource, item)
                raise status.already_exists(resource.plural, resource.group, metadata["name"]) from None
            metadata["resourceVersion"] = str(revision)
        return Written(self.shown(resource, item), True, warnings)

    def _schema(self, resource: Resource) -> Object:
        schema = schemas.kind_schema(resource.group, resource.version, resource.kind)
        if schema is None:
            raise LookupError(f"no schema for {resource.api_version} {resource.kind}")
        return schema

    def _decoded(
        self, resource: Resource, namespace: str, body: Object, how: Writing
    ) -> tuple[Object, Texts]:
        if not isinstance(body, dict):
            raise status.bad_request("the request body is not an object")
        if (body.get("apiVersion"), body.get("kind")) != (resource.api_version, resource.kind):
            found = f"{body.get('apiVersion', '')}, Kind={body.get('kind', '')}"
            wanted = f"{resource.api_version}, Kind={resource.kind}"
            if body.get("kind") or body.get("apiVersion"):
                raise status.bad_request(
                    f"the object provided is unrecognized (must be of type {resource.kind}): {found} is not {wanted}"
                )
        body = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
        schema = self._schema(resource)
        prefix = f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: '
        if error := schemas.type_error(body, schema, owner=resource.kind):
            raise status.bad_request(prefix + error)
        unknown = [f'unknown field "{p}"' for p in schemas.unknown_fields(body, schema)]
        if unknown and how.validation == "Strict":
            raise status.bad_request(prefix + "strict decoding error: " + ", ".join(unknown))
        item = copy.deepcopy(schemas.drop_unknown(body, schema))
        metadata = item.setdefault("metadata", {})
        if resource.namespaced:
            given = metadata.setdefault("namespace", namespace)
            if given != namespace:
                raise status.bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request"
                )
        else:
            metadata.pop("namespace", None)
        return item, unknown if how.validation != "Ignore" else []

    def _validate(self, resource: Resource, item: Object, old: Object | None) -> None:
        causes = validation.causes(resource.kind, item, old)
        for path in schemas.missing_required(item, self._schema(resource)):
            if not any(field.startswith(path) or path.startswith(field) for field, _, _ in causes):
                causes.append(validation.required(path))
        if causes:
            raise status.invalid(resource.kind, resource.group, item["metadata"].get("name", ""), causes)

    async def update(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        change: Callable[[Object], Object],
        how: Writing,
        *,
        expected: str = "",
        retry: bool = True,
    ) -> Written:
        """Changes an object: read, change, write if nobody else wrote meanwhile, again if somebody did.

        Parameters
        ----------
        change
            Gives the new object from the live one (which it may alter).
        expected
            Resource version the caller saw; another one is a conflict.

        Raises
        ------
        ApiError
            400, 403, 404, 409, 422 or 500, as the real server does.
        """
        while True:
            found = await self._get(resource, namespace, name)
            if found is None:
                raise status.not_found(resource.plural, resource.group, name)
            old = decode(found.value, found.revision)
            body = change(copy.deepcopy(old))
            wanted = expected or body.get("metadata", {}).get("resourceVersion", "")
            if wanted and wanted != str(found.revision) and not how.apply:
                raise status.conflict(resource.plural, resource.group, name)
            new, warnings = await self._prepared(resource, namespace, old, body, how)
            if how.dry_run:
                return Written(self.shown(resource, new), False, warnings)
            try:
                if deletion.is_over(new):
                    revision = await self._stored(self.storage.delete(found.key, found.revision))
                    await self._admission.undo(resource, new)
                elif encode(new) == encode(old):
                    revision = found.revision
                else:
                    revision = await self._stored(
                        self.storage.update(found.key, encode(new), found.revision, ttl_s=_ttl(resource))
                    )
            except KeyChanged:
                if expected or not retry:
                    raise status.conflict(resource.plural, resource.group, name) from None
                continue
            new["metadata"]["resourceVersion"] = str(revision)
            return Written(self.shown(resource, new), False, warnings)

    async def _prepared(
        self, resource: Resource, namespace: str, old: Object, body: Object, how: Writing
    ) -> tuple[Object, Texts]:
        name = meta.name_of(old)
        new, warnings = self._decoded(resource, namespace, body, how)
        metadata, was = new["metadata"], old["metadata"]
        if metadata.get("name", name) != name:
            raise status.bad_request(
                f"the name of the object ({metadata['name']}) does not match the name on the URL ({name})"
            )
        if metadata.get("uid") and metadata["uid"] != was["uid"]:
            raise status.conflict(
                resource.plural,
                resource.group,
                name,
                f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: {was['uid']}",
            )
        given_fields = metadata.get("managedFields")
        for field in (
            "name",
            "namespace",
            "uid",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "generation",
            "resourceVersion",
            "generateName",
        ):
            if field in was:
                metadata[field] = was[field]
            else:
                metadata.pop(field, None)
        if how.subresource == "status":
            kept = {k: v for k, v in old.items() if k != "status"}
            metadata = {**was, "managedFields": given_fields or was.get("managedFields", [])}
            new = {**kept, "metadata": metadata, "status": new.get("status", {})}
            if resource.kind == "Node":
                new["metadata"] = metadata = {
                    **metadata,
                    "labels": body["metadata"].get("labels") or was.get("labels", {}),
                    "annotations": body["metadata"].get("annotations") or was.get("annotations", {}),
                }
        elif resource.has("status") and resource.kind not in _STATUS_KEPT:
            if "status" in old:
                new["status"] = copy.deepcopy(old["status"])
            else:
                new.pop("status", None)
        schema = self._schema(resource)
        if how.subresource != "status":
            defaults.apply_defaults(resource.kind, new, schema)
            _carry_over(resource, old, new)
            self._admission.update(resource, new, old)
            if _has_generation(new) and _spec(new) != _spec(old):
                metadata["generation"] = was.get("generation", 0) + 1
            self._validate(resource, new, old)
        if not how.apply:
            metadata["managedFields"] = ownership.after_update(
                old,
                {**new, "metadata": {**metadata, "managedFields": given_fields}},
                schema,
                manager=how.manager,
                api_version=resource.api_version,
                subresource=how.subresource,
                now=meta.now(),
            )
        return new, warnings

    async def apply(
        self, resource: Resource, namespace: str, name: str, body: Object, how: Writing
    ) -> Written:
        """Server-side apply: merges what a manager declares, with ownership and conflicts.

        Raises
        ------
        ApiError
            409 with the conflicting fields, when another manager owns what is set differently.
        """
        schema = self._schema(resource)
        declared, warnings = self._decoded(resource, namespace, body, how)
        if declared["metadata"].get("managedFields") is not None:
            raise status.bad_request("metadata.managedFields must be nil")
        if declared["metadata"].setdefault("name", name) != name:
            raise status.bad_request(
                f"the name of the object ({declared['metadata']['name']}) does not match the name on the URL ({name})"
            )

        def merged(live: Object | None) -> Object:
            return ownership.apply(
                live,
                declared,
                schema,
                manager=how.manager,
                force=how.force,
                api_version=resource.api_version,
                subresource=how.subresource,
                now=meta.now(),
            )

        while True:
            try:
                found = await self._get(resource, namespace, name)
                if found is None:
                    if how.subresource:
                        raise status.not_found(resource.plural, resource.group, name)
                    if declared["metadata"].get("uid"):
                        raise status.conflict(resource.plural, resource.group, name)
                    written = await self.create(resource, namespace, merged(None), how)
                else:
                    wanted = declared["metadata"].get("resourceVersion")
                    if wanted and wanted != str(found.revision):
                        raise status.conflict(resource.plural, resource.group, name)
                    written = await self.update(resource, namespace, name, merged, how)
            except ApiError as error:
                if error.reason in ("AlreadyExists",) or (error.reason == "NotFound" and found is not None):
                    continue
                raise
            written.warnings += warnings
            return written

    async def delete(
        self, resource: Resource, namespace: str, name: str, options: Object, how: Writing
    ) -> tuple[Object, bool]:
        """Deletes an object, or marks it when it has finalizers or a grace period.

        Returns
        -------
        The object as it was or now is, and whether it is gone.
        """
        self._admission.deleting(resource, name)
        while True:
            found = await self._get(resource, namespace, name)
            if found is None:
                raise status.not_found(resource.plural, resource.group, name)
            item = decode(found.value, found.revision)
            deletion.check_preconditions(resource, item, options.get("preconditions") or {})
            grace = deletion.grace_s(resource, item, options)
            marked = deletion.marked(resource, item, options, grace)
            if how.dry_run:
                return item, marked is None
            try:
                if marked is None:
                    await self._stored(self.storage.delete(found.key, found.revision))
                    await self._admission.undo(resource, item)
                    return item, True
                if encode(marked) != encode(item):
                    revision = await self._stored(
                        self.storage.update(found.key, encode(marked), found.revision)
                    )
                    marked["metadata"]["resourceVersion"] = str(revision)
                return marked, False
            except KeyChanged:
                continue


def _has_generation(item: Object) -> bool:
    return isinstance(item.get("spec"), dict) and item["kind"] not in (
        "Service",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "Lease",
    )


def _spec(item: Object) -> Any:
    return item.get("spec")


def _ttl(resource: Resource) -> int:
    return EVENT_TTL_S if resource.plural == "events" else 0


def _carry_over(resource: Resource, old: Object, new: Object) -> None:
    """Fields that the server set and a full replacement may leave out."""
    was, spec = old.get("spec"), new.get("spec")
    if not isinstance(was, dict) or not isinstance(spec, dict):
        return
    fields = {
        "Service": ("clusterIP", "clusterIPs"),
        "PersistentVolumeClaim": ("volumeName", "storageClassName"),
        "Pod": ("nodeName",),
        "Node": ("podCIDR", "podCIDRs", "providerID"),
        "Namespace": ("finalizers",),
    }.get(resource.kind, ())
    for field in fields:
        if field in was and not spec.get(field):
            spec[field] = was[field]
