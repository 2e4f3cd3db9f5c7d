"""How meshlab talks to a live Kubernetes API: with the official client's transport, over several API servers.

Objects go in and come out as plain dictionaries, as manifests are written. A server that falls silent costs
seconds, not minutes:
every call has a time-out, and the next of the endpoints is tried.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from meshlab.live.kubernetes_transport import (
    ClientFiles,
    KubernetesError,
    Object,
    Objects,
    Timeouts,
    Transport,
    kubeconfig_content,
    refusal,
)
from meshlab.live.secret import Secret

__all__ = [
    "ClientFiles",
    "KubernetesApi",
    "KubernetesError",
    "Timeouts",
    "connect",
    "event_time",
    "is_ready",
]

_APPLY = "application/apply-patch+yaml"
_RETRYABLE = {429, 500, 502, 503, 504}


def connect(
    kubeconfig: Secret[str] | Secret[bytes] | Mapping[str, Any] | Path | str,
    *,
    dial: Callable[[str], str] | None = None,
    timeouts: Timeouts | None = None,
    endpoints: Sequence[str] = (),
) -> KubernetesApi:
    """A Kubernetes API from a kubeconfig; nothing is sent yet.

    Parameters
    ----------
    kubeconfig
        A Secret with its text, its content, or its path.
    dial
        Maps a server's host to the address that is really dialled; certificates are checked against the former.
    endpoints
        Base URLs of the API servers (``https://10.20.1.11:6443``); by default the one server that the kubeconfig names.

    Raises
    ------
    KubernetesError
        The kubeconfig cannot be read or used.
    """
    return KubernetesApi(
        kubeconfig_content(kubeconfig), dial or (lambda host: host), timeouts or Timeouts(), endpoints
    )


class KubernetesApi(Transport):
    """The Kubernetes API of one cluster. A context manager: key files live until :meth:`close`."""

    # --- paths -------------------------------------------------------------------------------------------------

    def _resource(self, api_version: str, kind: str) -> Object:
        if api_version not in self._kinds:
            root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
            found = self.request("GET", root)["resources"]
            self._kinds[api_version] = {r["kind"]: r for r in found if "/" not in r["name"]}
        try:
            return self._kinds[api_version][kind]
        except KeyError:
            known = ", ".join(sorted(self._kinds[api_version]))
            message = f"the cluster has no kind {kind} in {api_version}; it has {known}"
            raise KubernetesError(message, 404, "NotFound") from None

    def path(self, api_version: str, kind: str, namespace: str | None = None, name: str | None = None) -> str:
        """The URL path of an object or a collection."""
        resource = self._resource(api_version, kind)
        path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        if namespace and resource["namespaced"]:
            path += f"/namespaces/{quote(namespace)}"
        path += f"/{resource['name']}"
        return path + f"/{quote(name)}" if name else path

    def pod_proxy_url(self, namespace: str, pod: str, port: int, scheme: str = "https") -> str:
        """The base URL at which the API server passes HTTP on to a port of a pod; use :attr:`files` for its TLS."""
        return f"{self.server}/api/v1/namespaces/{quote(namespace)}/pods/{scheme}:{quote(pod)}:{port}/proxy"

    # --- objects -----------------------------------------------------------------------------------------------

    def server_side_apply(
        self,
        manifest: Mapping[str, Any],
        *,
        field_manager: str = "meshlab",
        force: bool = True,
        dry_run: bool = False,
    ) -> Object:
        """Makes the cluster's object as the manifest says; doing it again changes nothing.

        Raises
        ------
        KubernetesError
            409 when another manager owns a field and ``force`` is off, 422 when the object is not valid, …
        """
        metadata = manifest["metadata"]
        namespace = metadata.get("namespace", "default")
        path = self.path(manifest["apiVersion"], manifest["kind"], namespace, metadata["name"])
        query = {"fieldManager": field_manager, "fieldValidation": "Strict"}
        if force:
            query["force"] = "true"
        if dry_run:
            query["dryRun"] = "All"
        return self.request("PATCH", path, query=query, body=dict(manifest), content_type=_APPLY)

    def get(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Object:
        """One object.

        Raises
        ------
        KubernetesError
            404 when it does not exist.
        """
        return self.request("GET", self.path(api_version, kind, namespace, name))

    def find(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """One object, or None when it does not exist."""
        try:
            return self.get(api_version, kind, name, namespace)
        except KubernetesError as error:
            if error.code == 404:
                return None
            raise

    def list(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
    ) -> Objects:
        """All objects of a kind (of a namespace), read in pages.

        Parameters
        ----------
        labels, fields
            Selectors, such as ``app=vault`` and ``spec.nodeName=master-1``.
        """
        items, _ = self._listed(api_version, kind, namespace, labels, fields)
        return items

    def _listed(
        self, api_version: str, kind: str, namespace: str | None, labels: str, fields: str
    ) -> tuple[Objects, str]:
        query = {"limit": "500"}
        if labels:
            query["labelSelector"] = labels
        if fields:
            query["fieldSelector"] = fields
        items: Objects = []
        while True:
            page = self.request("GET", self.path(api_version, kind, namespace), query=query)
            items += [{"apiVersion": api_version, "kind": kind, **i} for i in page["items"]]
            token = page["metadata"].get("continue")
            if not token:
                return items, str(page["metadata"]["resourceVersion"])
            query["continue"] = token

    def delete(
        self,
        api_version: str,
        kind: str,
        name: str,
        namespace: str | None = None,
        *,
        grace_s: int | None = None,
        propagation: str = "Background",
    ) -> bool:
        """Deletes an object; gives whether it was there."""
        options: Object = {"propagationPolicy": propagation}
        if grace_s is not None:
            options["gracePeriodSeconds"] = grace_s
        try:
            self.request("DELETE", self.path(api_version, kind, namespace, name), body=options)
        except KubernetesError as error:
            if error.code == 404:
                return False
            raise
        return True

    def evict(self, namespace: str, pod: str) -> None:
        """Asks a pod to leave, respecting its disruption budget.

        Raises
        ------
        KubernetesError
            429 while the budget does not allow it.
        """
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": namespace},
        }
        self.request("POST", f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}/eviction", body=body)

    def ready(self, host: str = "") -> bool:
        """Whether an API server says that it is ready: that host's, else any that answers."""
        import urllib3

        try:
            if not host:
                return self.text("GET", "/readyz").startswith("ok")
            url, client = self._servers[self._hosts.index(host)]
            limit = urllib3.Timeout(connect=self._timeouts.connect_s, read=self._timeouts.answer_s)
            manager = client.rest_client.pool_manager
            answer = manager.request(
                "GET", url + "/readyz", headers=self._headers, timeout=limit, retries=False
            )
            return int(answer.status) == 200
        except ValueError:
            known = ", ".join(self._hosts)
            raise KubernetesError(f"{host} is none of this cluster's API servers ({known})") from None
        except (KubernetesError, urllib3.exceptions.HTTPError):
            return False

    # --- by manifest -------------------------------------------------------------------------------------------

    def read(self, manifest: Mapping[str, Any]) -> Object | None:
        """The object that a manifest names, as it is; None when it does not exist."""
        metadata = manifest["metadata"]
        return self.find(
            manifest["apiVersion"], manifest["kind"], metadata["name"], metadata.get("namespace", "default")
        )

    def apply(self, manifest: Mapping[str, Any]) -> Object:
        """Server-side apply as manager ``meshlab``, taking over fields from other managers."""
        return self.server_side_apply(manifest)

    def remove(self, manifest: Mapping[str, Any]) -> bool:
        """Deletes the object that a manifest names; gives whether it was there."""
        metadata = manifest["metadata"]
        return self.delete(
            manifest["apiVersion"], manifest["kind"], metadata["name"], metadata.get("namespace", "default")
        )

    # --- following ---------------------------------------------------------------------------------------------

    def watch(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
        since: str = "",
        deadline_s: float | None = None,
    ) -> Iterator[tuple[str, Object]]:
        """Changes as (ADDED, MODIFIED or DELETED, object), without end or until ``deadline_s`` seconds have passed.

        Without ``since`` (a resource version) the present objects come first as ADDED. A lost or silent connection
        is resumed where
        it was, at the next server if need be; when the API no longer knows that revision, the present objects come
        as MODIFIED.

        Raises
        ------
        KubernetesError
            No server answers, or the API refuses.
        """
        end = None if deadline_s is None else time.monotonic() + deadline_s
        first = "ADDED"
        version = since
        while end is None or time.monotonic() < end:
            if not version:
                items, version = self._listed(api_version, kind, namespace, labels, fields)
                for item in items:
                    yield first, item
                first = "MODIFIED"
            try:
                for event, item in self._stream(api_version, kind, namespace, labels, fields, version, end):
                    version = item["metadata"]["resourceVersion"]
                    if event != "BOOKMARK":
                        yield event, item
            except KubernetesError as error:
                if error.code != 410:
                    raise
                version = ""

    def _stream(
        self,
        api_version: str,
        kind: str,
        namespace: str | None,
        labels: str,
        fields: str,
        version: str,
        end: float | None,
    ) -> Iterator[tuple[str, Object]]:
        import urllib3

        left = 300.0 if end is None else max(1.0, end - time.monotonic())
        query = {
            "watch": "1",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(int(min(300.0, left)) or 1),
        }
        if labels:
            query["labelSelector"] = labels
        if fields:
            query["fieldSelector"] = fields
        path = self.path(api_version, kind, namespace) + "?" + urlencode(query)
        status, response = self._open("GET", path, None, "", min(self._timeouts.watch_silence_s, left + 2))
        try:
            if status >= 400:
                raise refusal(status, response.data.decode(errors="replace"))
            rest = b""
            for chunk in response.stream(65536):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if not line.strip():
                        continue
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise refusal(int(event["object"].get("code", 500)), json.dumps(event["object"]))
                    yield event["type"], event["object"]
        except urllib3.exceptions.HTTPError:
            self._current = (self._current + 1) % len(self._servers)
        finally:
            response.close()

    def wait_for(
        self,
        predicate: Callable[[Objects], bool],
        deadline_s: float,
        *,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        name: str | None = None,
        labels: str = "",
        what: str = "",
        every_s: float = 0.25,
    ) -> Objects:
        """Waits until the objects (of that name, those labels) satisfy a predicate, and gives them.

        API servers that do not answer meanwhile are waited for too.

        Raises
        ------
        KubernetesError
            They do not within ``deadline_s`` seconds (reason ``Timeout``), or the API refuses.
        """
        end = time.monotonic() + deadline_s
        fields = f"metadata.name={name}" if name else ""
        trouble = ""
        while True:
            try:
                items = self.list(api_version, kind, namespace, labels=labels, fields=fields)
                trouble = f"{len(items)} {kind} seen"
                if predicate(items):
                    return items
            except KubernetesError as error:
                if error.code not in _RETRYABLE | {0, 404}:
                    raise
                trouble = str(error)
            if time.monotonic() + every_s > end:
                wanted = what or f"{kind} {name or labels or 'as wanted'}"
                raise KubernetesError(
                    f"waited {deadline_s:g} s in vain for {wanted} ({trouble})", 0, "Timeout"
                )
            time.sleep(every_s)

    # --- what incidents are made of ----------------------------------------------------------------------------

    def events(self, namespace: str | None = None, *, about: str = "") -> Objects:
        """Events, oldest first; ``about`` is the name of the object they concern."""
        fields = f"involvedObject.name={about}" if about else ""
        return sorted(self.list("v1", "Event", namespace, fields=fields), key=event_time)

    def node_leases(self) -> dict[str, str]:
        """Last renewal of each node's lease: node name to RFC 3339 time."""
        leases = self.list("coordination.k8s.io/v1", "Lease", "kube-node-lease")
        return {item["metadata"]["name"]: (item.get("spec") or {}).get("renewTime", "") for item in leases}

    def pod_logs(
        self,
        namespace: str,
        pod: str,
        *,
        container: str = "",
        tail: int | None = None,
        previous: bool = False,
    ) -> str:
        """What a container wrote."""
        query = {}
        if container:
            query["container"] = container
        if tail is not None:
            query["tailLines"] = str(tail)
        if previous:
            query["previous"] = "true"
        return self.text("GET", f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}/log", query=query)


def event_time(event: Mapping[str, Any]) -> str:
    """When an event last happened: the first of the timestamps that is set, in the order of trust."""
    series = event.get("series") or {}
    for found in (
        series.get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        event.get("firstTimestamp"),
    ):
        if found:
            return str(found)
    return str(event.get("metadata", {}).get("creationTimestamp", ""))


def is_ready(item: Mapping[str, Any]) -> bool:
    """Whether an object's condition Ready is True (pods, nodes)."""
    conditions = (item.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
