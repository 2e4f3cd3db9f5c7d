"""The HTTP face of one API server: from a request to an answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from meshlab.emulate.kubernetes.objects import patches, protobuf, schemas, selectors, status
from meshlab.emulate.kubernetes.objects.resources import resource_named
from meshlab.emulate.kubernetes.objects.status import ApiError, Object
from meshlab.emulate.kubernetes.server import discovery, openapi_v2, podcalls, tables
from meshlab.emulate.kubernetes.server.identity import (
    ANYONE,
    Attributes,
    Authorizer,
    Tokens,
    User,
    from_certificate,
    refuse,
)
from meshlab.emulate.kubernetes.server.requestinfo import RequestInfo, is_resource_path, parse
from meshlab.emulate.kubernetes.server.reviews import Reviews
from meshlab.emulate.kubernetes.server.streams import Streams
from meshlab.emulate.kubernetes.server.watching import WatchStream
from meshlab.emulate.kubernetes.storage.admission import may_delete_namespace
from meshlab.emulate.kubernetes.storage.events import as_core_event, as_new_event
from meshlab.emulate.kubernetes.storage.registry import Registry, Writing, Written
from meshlab.emulate.kubernetes.storage.store import StorageUnavailable

if TYPE_CHECKING:
    from aiohttp import web

_JSON = "application/json"
_CONDITIONAL = ("leases", "poddisruptionbudgets")
"""Kinds that are replaced only by who says which version was seen (``AllowUnconditionalUpdate`` is false)."""
_NO_VERSION = "Invalid value: 0: must be specified for an update"


def _dumps(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode() + b"\n"


def _table_wanted(accept: str) -> bool:
    first = accept.split(",")[0]
    return "as=Table" in first and "v=v1;" in first + ";"


class Rest:
    """Serves every request of one API server.

    Parameters
    ----------
    address
        What ``/api`` names as the server's address.
    bookmark_every_s
        Seconds between two bookmarks of a watch.
    """

    def __init__(
        self,
        registry: Registry,
        tokens: Tokens,
        streams: Streams,
        address: str,
        bookmark_every_s: float,
    ) -> None:
        self._registry = registry
        self._tokens = tokens
        self._streams = streams
        self._address = address
        self._bookmark_every_s = bookmark_every_s
        self._authorizer = Authorizer(registry)
        self._reviews = Reviews(registry, self._authorizer, tokens)
        self.ready = False

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request: authenticate, authorize, answer; every failure is a Status object."""
        from aiohttp import web

        try:
            return await self._dispatch(request)
        except ApiError as error:
            headers = {}
            if error.retry_after_s is not None:
                headers["Retry-After"] = str(error.retry_after_s)
            return web.Response(
                status=error.code, body=_dumps(error.status), content_type=_JSON, headers=headers
            )
        except StorageUnavailable:
            body = _dumps(status.storage_timed_out().status)
            return web.Response(status=500, body=body, content_type=_JSON)

    async def _user(self, request: web.Request) -> User | None:
        transport = request.transport
        certificate = transport.get_extra_info("peercert") if transport is not None else None
        user = from_certificate(certificate)
        header = request.headers.get("Authorization", "")
        if user is None and header.startswith("Bearer "):
            user = await self._tokens.user(header.removeprefix("Bearer ").strip(), self._registry)
        return user

    async def _dispatch(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        probe = "/" + path.strip("/").split("/")[0]
        if probe in ANYONE and probe != "/version":
            return await self._health(request, probe.strip("/"))
        user = await self._user(request)
        if user is None and path == "/version":
            return self._answer(discovery.version_info())
        if user is None:
            raise status.unauthorized()
        if is_resource_path(path):
            info = parse(request.rel_url.raw_path, request.method, request.query)
            if not await self._authorizer.allowed(user, info.attributes):
                raise refuse(user, info.attributes)
            return await self._resource(request, info, user)
        what = Attributes(request.method.lower(), path=path)
        if not await self._authorizer.allowed(user, what):
            raise refuse(user, what)
        return self._document(request, path.rstrip("/"))

    def _answer(self, body: Any, code: int = 200, warnings: list[str] | None = None) -> web.Response:
        from aiohttp import web
        from multidict import CIMultiDict

        headers: CIMultiDict[str] = CIMultiDict({"Cache-Control": "no-cache, private"})
        for text in warnings or ():
            quoted = text.replace("\\", "\\\\").replace('"', '\\"')
            headers.add("Warning", f'299 - "{quoted}"')
        return web.Response(status=code, body=_dumps(body), content_type=_JSON, headers=headers)

    async def _health(self, request: web.Request, name: str) -> web.Response:
        from aiohttp import web

        etcd = await self._registry.storage.healthy()
        checks = {"ping": True, "log": True, "etcd": etcd}
        if name == "readyz":
            checks |= {"etcd-readiness": etcd, "informer-sync": self.ready}
        for excluded in request.query.getall("exclude", []):
            checks.pop(excluded, None)
        good = all(checks.values())
        lines = [f"[+]{c} ok" if ok else f"[-]{c} failed: reason withheld" for c, ok in checks.items()]
        if good and "verbose" not in request.query:
            return web.Response(text="ok")
        text = "\n".join([*lines, f"{name} check {'passed' if good else 'failed'}"]) + "\n"
        return web.Response(text=text, status=200 if good else 500)

    def _document(self, request: web.Request, path: str) -> web.StreamResponse:
        from aiohttp import web

        accept = request.headers.get("Accept", "")
        if path == "/version":
            return self._answer(discovery.version_info())
        if path in ("/api", "/apis") and discovery.AGGREGATED in accept:
            version = "v2" if "v=v2;" in accept.replace(",", ";") + ";" else "v2beta1"
            body = _dumps(discovery.aggregated(path == "/api", version))
            kind = f"{_JSON};g=apidiscovery.k8s.io;v={version};{discovery.AGGREGATED}"
            return web.Response(body=body, headers={"Content-Type": kind, "Vary": "Accept"})
        if path == "/api":
            return self._answer(discovery.api_versions(self._address))
        if path == "/apis":
            return self._answer(discovery.group_list())
        if path == "/openapi/v3":
            return self._answer(discovery.openapi_index())
        if path.startswith("/openapi/v3/"):
            document = discovery.openapi_v3(path.removeprefix("/openapi/v3/"))
            if document is not None:
                return web.Response(body=document, content_type=_JSON)
        if path == "/openapi/v2":
            if "protobuf" in accept and not accept.startswith(_JSON):
                headers = {"Content-Type": openapi_v2.CONTENT_TYPE}
                return web.Response(body=openapi_v2.document(), headers=headers)
            return web.Response(body=discovery.openapi_v2(), content_type=_JSON)
        parts = path.strip("/").split("/")
        found: Object | None = None
        if parts[0] == "api" and len(parts) == 2:
            found = discovery.resource_list("", parts[1])
        elif parts[0] == "apis" and len(parts) == 3:
            found = discovery.resource_list(parts[1], parts[2])
        elif parts[0] == "apis" and len(parts) == 2:
            found = discovery.one_group(parts[1])
        if found is None:
            raise status.no_such_path()
        return self._answer(found)

    # --- resources ---------------------------------------------------------------------------------------------

    async def _resource(self, request: web.Request, info: RequestInfo, user: User) -> web.StreamResponse:
        if info.subresource == "proxy":
            return await self._streams.proxy(request, info)
        if info.subresource == "log":
            return await self._streams.log(request, info)
        if info.subresource == "portforward":
            from meshlab.emulate.kubernetes.server.portforward import portforward

            return await portforward(request, info, self._registry, self._streams)
        if info.subresource in ("exec", "attach"):
            raise ApiError(501, "", f"{info.subresource} is not available on the embedded cluster")
        if info.verb not in info.resource.verbs and not info.subresource:
            raise ApiError(
                405, "MethodNotAllowed", "the server does not allow this method on the requested resource"
            )
        match info.verb:
            case "get":
                return await self._get(request, info)
            case "list":
                return await self._list(request, info)
            case "watch":
                return await self._watch(request, info)
            case "create":
                return await self._create(request, info, user)
            case "update" | "patch":
                return await self._change(request, info, user)
        return await self._delete(request, info, user)

    def _writing(self, request: web.Request, info: RequestInfo, user: User) -> Writing:
        query = request.query
        agent = request.headers.get("User-Agent", "unknown").split("/")[0].split(" ")[0]
        manager = query.get("fieldManager") or agent
        if len(manager) > 128:
            raise status.bad_request("fieldManager: Too long: may not be more than 128 bytes")
        return Writing(
            manager=manager,
            dry_run="All" in query.getall("dryRun", []),
            validation=query.get("fieldValidation") or "Warn",
            subresource=info.subresource if info.subresource in ("status", "scale") else "",
            force=query.get("force", "").lower() in ("1", "true"),
            user=user.name,
        )

    async def _body(self, request: web.Request) -> Any:
        raw = await request.read()
        kind = request.content_type
        if raw.startswith(protobuf.MAGIC):
            return protobuf.decode(raw)
        if "protobuf" in kind or "cbor" in kind:
            raise ApiError(
                415,
                "UnsupportedMediaType",
                "the body of the request was in an unknown format - accepted media types include: application/json, "
                "application/yaml",
            )
        if not raw:
            return {}
        try:
            return json.loads(raw)
        except ValueError as error:
            if "yaml" not in kind:
                raise status.bad_request(f"the object provided is not valid JSON: {error}") from None
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        try:
            return YAML(typ="safe").load(raw)
        except YAMLError as error:
            raise status.bad_request(f"error decoding YAML: {error}") from None

    def _keep(self, request: web.Request, info: RequestInfo) -> Callable[[Object], bool]:
        by_label = selectors.label_query(request.query.get("labelSelector", ""))
        by_field = selectors.field_query(request.query.get("fieldSelector", ""), info.resource.plural)
        name = info.name

        def keep(item: Object) -> bool:
            if name and item["metadata"]["name"] != name:
                return False
            return by_label(selectors.labels_of(item)) and by_field(item)

        return keep

    def _as_table(self, request: web.Request) -> str | None:
        accept = request.headers.get("Accept", "")
        return request.query.get("includeObject", "Metadata") if _table_wanted(accept) else None

    async def _get(self, request: web.Request, info: RequestInfo) -> web.StreamResponse:
        item = await self._registry.get(info.resource, info.namespace, info.name)
        if info.subresource == "scale":
            return self._answer(podcalls.scale_of(info.resource, item))
        include = self._as_table(request)
        if include is not None:
            metadata = {"resourceVersion": item["metadata"]["resourceVersion"]}
            return self._answer(tables.table(info.resource, [item], metadata, include))
        if "as=PartialObjectMetadata" in request.headers.get("Accept", ""):
            return self._answer(tables.partial(item))
        return self._answer(item)

    async def _list(self, request: web.Request, info: RequestInfo) -> web.StreamResponse:
        query = request.query
        found = await self._registry.list(
            info.resource,
            info.namespace,
            self._keep(request, info),
            limit=int(query.get("limit") or 0),
            token=query.get("continue", ""),
            cached=query.get("resourceVersion") == "0",
        )
        include = self._as_table(request)
        if include is not None:
            return self._answer(tables.table(info.resource, found["items"], found["metadata"], include))
        if "as=PartialObjectMetadataList" in request.headers.get("Accept", ""):
            items = [tables.partial(i) for i in found["items"]]
            kind = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1"}
            return self._answer({**kind, "metadata": found["metadata"], "items": items})
        found["items"] = [
            {k: v for k, v in i.items() if k not in ("kind", "apiVersion")} for i in found["items"]
        ]
        return self._answer(found)

    async def _watch(self, request: web.Request, info: RequestInfo) -> web.StreamResponse:
        from aiohttp import web

        version = request.query.get("resourceVersion", "")
        if version and not version.isdigit():
            raise status.invalid(
                "ListOptions",
                "meta.k8s.io",
                "",
                [
                    (
                        "resourceVersion",
                        "FieldValueInvalid",
                        f'Invalid value: "{version}": strconv.ParseUint: invalid syntax',
                    )
                ],
            )
        stream = WatchStream(
            self._registry, info, self._keep(request, info), self._as_table(request), self._bookmark_every_s
        )
        await self._registry.cache(info.resource).ready(7.0)
        response = web.StreamResponse(headers={"Content-Type": _JSON, "Cache-Control": "no-cache, private"})
        await response.prepare(request)
        try:
            await stream.serve(response, dict(request.query))
            await response.write_eof()
        except ConnectionError:
            return response
        return response

    async def _create(self, request: web.Request, info: RequestInfo, user: User) -> web.StreamResponse:
        body = await self._body(request)
        how = self._writing(request, info, user)
        if info.subresource == "binding":
            await podcalls.bind(self._registry, info.namespace, info.name, body, how)
            return self._answer(
                {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201
            )
        if info.subresource == "eviction":
            await podcalls.evict(self._registry, info.namespace, info.name, body, how)
            return self._answer(
                {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201
            )
        if info.subresource == "token":
            return self._answer(await self._reviews.token(info.namespace, info.name, body), 201)
        if info.name:
            raise ApiError(
                405, "MethodNotAllowed", "the server does not allow this method on the requested resource"
            )
        if "list" not in info.resource.verbs:
            return self._answer(await self._reviews.answer(info.resource, info.namespace, body, user), 201)
        if info.resource.storage is not None:
            core = resource_named(info.resource.plural)
            written = await self._registry.create(core, info.namespace, as_core_event(body), how)
            return self._answer(as_new_event(written.item), 201, written.warnings)
        written = await self._registry.create(info.resource, info.namespace, body, how)
        return self._answer(written.item, 201, written.warnings)

    async def _change(self, request: web.Request, info: RequestInfo, user: User) -> web.StreamResponse:
        body = await self._body(request)
        how = self._writing(request, info, user)
        if info.method == "PUT":
            written = await self._put(info, body, how)
        else:
            written = await self._patch(request, info, body, how)
        return self._answer(written.item, 201 if written.created else 200, written.warnings)

    async def _put(self, info: RequestInfo, body: Object, how: Writing) -> Written:
        resource, registry = info.resource, self._registry
        if info.subresource == "scale":
            return await podcalls.rescale(registry, resource, info.namespace, info.name, lambda _: body, how)
        if info.subresource == "finalize":
            finalizers = (body.get("spec") or {}).get("finalizers") or []
            return await self._finalize(info, finalizers)

        def replaced(live: Object) -> Object:
            if resource.plural in _CONDITIONAL and not body.get("metadata", {}).get("resourceVersion"):
                cause = ("metadata.resourceVersion", "FieldValueInvalid", _NO_VERSION)
                raise status.invalid(resource.plural, resource.group, info.name, [cause])
            return body

        try:
            return await registry.update(resource, info.namespace, info.name, replaced, how, retry=False)
        except ApiError as error:
            if error.code == 404 and resource.plural in ("leases", "endpoints") and not info.subresource:
                return await registry.create(resource, info.namespace, body, how)
            raise

    async def _finalize(self, info: RequestInfo, finalizers: list[str]) -> Written:
        from meshlab.emulate.kubernetes.storage.store import KeyChanged

        def set_finalizers(item: Object) -> Object:
            item["spec"] = {**item.get("spec", {}), "finalizers": finalizers}
            return item

        item = await podcalls.write_raw(self._registry, info.resource, "", info.name, set_finalizers)
        if (
            item["metadata"].get("deletionTimestamp")
            and not finalizers
            and not item["metadata"].get("finalizers")
        ):
            key = info.resource.key("", info.name)
            try:
                await self._registry.storage.delete(key, int(item["metadata"]["resourceVersion"]))
            except KeyChanged:
                raise status.conflict("namespaces", "", info.name) from None
        return Written(item, False, [])

    async def _patch(self, request: web.Request, info: RequestInfo, body: Any, how: Writing) -> Written:
        resource, kind = info.resource, request.content_type
        schema = schemas.kind_schema(resource.group, resource.version, resource.kind) or {}
        if kind == "application/apply-patch+yaml":
            if "fieldManager" not in request.query:
                cause = ("fieldManager", "FieldValueRequired", "Required value: is required for apply patch")
                raise status.invalid("PatchOptions", "meta.k8s.io", "", [cause])
            applying = Writing(
                how.manager, how.dry_run, how.validation, how.subresource, how.force, True, how.user
            )
            return await self._registry.apply(resource, info.namespace, info.name, body, applying)
        change: Callable[[Object], Object]
        if kind == "application/json-patch+json":
            change = lambda item: patches.json_patch(item, body)  # noqa: E731
        elif kind == "application/merge-patch+json":
            change = lambda item: patches.merge_patch(item, body)  # noqa: E731
        elif kind == "application/strategic-merge-patch+json":
            change = lambda item: patches.strategic_merge(item, body, schema)  # noqa: E731
        else:
            raise ApiError(
                415,
                "UnsupportedMediaType",
                "the body of the request was in an unknown format - accepted media types include: "
                + ", ".join(discovery._PATCHES),
            )
        if info.subresource == "scale":
            return await podcalls.rescale(self._registry, resource, info.namespace, info.name, change, how)
        if how.validation == "Strict" and isinstance(body, dict):
            change = _strictly(change, resource.kind, schema)
        return await self._registry.update(resource, info.namespace, info.name, change, how)

    async def _delete(self, request: web.Request, info: RequestInfo, user: User) -> web.StreamResponse:
        how = self._writing(request, info, user)
        options = await self._body(request)
        query = request.query
        if "gracePeriodSeconds" in query:
            options["gracePeriodSeconds"] = int(query["gracePeriodSeconds"])
        if "propagationPolicy" in query:
            options["propagationPolicy"] = query["propagationPolicy"]
        if "orphanDependents" in query:
            options["orphanDependents"] = query["orphanDependents"] == "true"
        if options.get("dryRun"):
            how = Writing(how.manager, True, how.validation)
        if not info.name:
            found = await self._registry.list(info.resource, info.namespace, self._keep(request, info))
            for item in found["items"]:
                metadata = item["metadata"]
                try:
                    await self._registry.delete(
                        info.resource, metadata.get("namespace", ""), metadata["name"], options, how
                    )
                except ApiError as error:
                    if error.code != 404:
                        raise
            return self._answer(found)
        if info.resource.kind == "Namespace" and (refusal := may_delete_namespace(info.name)):
            raise refusal
        item, gone = await self._registry.delete(info.resource, info.namespace, info.name, options, how)
        if not gone or info.resource.kind == "Pod":
            return self._answer(item)
        details: Object = {"name": info.name, "kind": info.resource.plural, "uid": item["metadata"]["uid"]}
        if info.resource.group:
            details["group"] = info.resource.group
        return self._answer(
            {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        )


def _strictly(change: Callable[[Object], Object], kind: str, schema: Object) -> Callable[[Object], Object]:
    def checked(item: Object) -> Object:
        changed = change(item)
        unknown = schemas.unknown_fields(changed, schema)
        if unknown:
            listed = ", ".join(f'unknown field "{p}"' for p in unknown)
            raise status.bad_request(f"strict decoding error: {listed}")
        return changed

    return checked
