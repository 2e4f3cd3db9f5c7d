"""Reviews and tokens: who am I, may I, is this token good, give me one."""

from __future__ import annotations

import datetime

from meshlab.emulate.kubernetes.objects import meta
from meshlab.emulate.kubernetes.objects.resources import Resource, resource_named
from meshlab.emulate.kubernetes.objects.status import Object
from meshlab.emulate.kubernetes.server.identity import Attributes, Authorizer, Tokens, User
from meshlab.emulate.kubernetes.storage.registry import Registry


class Reviews:
    """Answers the review kinds, which are created and never stored."""

    def __init__(self, registry: Registry, authorizer: Authorizer, tokens: Tokens) -> None:
        self._registry = registry
        self._authorizer = authorizer
        self._tokens = tokens

    async def answer(self, resource: Resource, namespace: str, body: Object, user: User) -> Object:
        """The review with its status filled in."""
        spec = body.get("spec") or {}
        shown: Object = {
            "kind": resource.kind,
            "apiVersion": resource.api_version,
            "metadata": {"creationTimestamp": None},
        }
        if resource.kind == "SelfSubjectReview":
            return {**shown, "metadata": {"creationTimestamp": meta.now()}, "status": {"userInfo": user.info}}
        if resource.kind == "TokenReview":
            found = await self._tokens.user(
                spec.get("token", ""), self._registry, spec.get("audiences") or ()
            )
            if found is None:
                return {**shown, "spec": spec, "status": {"user": {}, "error": "[invalid bearer token]"}}
            return {**shown, "spec": spec, "status": {"authenticated": True, "user": found.info}}
        if resource.kind == "SelfSubjectRulesReview":
            rules = await self._authorizer.rules(user, spec.get("namespace", ""))
            if "system:masters" in user.groups:
                rules = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
            kept = [
                {k: r[k] for k in ("verbs", "apiGroups", "resources", "resourceNames") if k in r}
                for r in rules
                if "resources" in r
            ]
            return {
                **shown,
                "spec": spec,
                "status": {"resourceRules": kept, "nonResourceRules": [], "incomplete": False},
            }
        asked = user
        if not resource.kind.startswith("Self"):
            asked = User(spec.get("user", ""), tuple(spec.get("groups") or ()))
        allowed = await self._authorizer.allowed(asked, _attributes(spec, namespace))
        return {**shown, "spec": spec, "status": {"allowed": allowed}}

    async def token(self, namespace: str, name: str, body: Object) -> Object:
        """The answer to a TokenRequest for a service account."""
        account = await self._registry.get(resource_named("serviceaccounts"), namespace, name)
        spec = dict(body.get("spec") or {})
        seconds = max(600, int(spec.get("expirationSeconds") or 3600))
        token, ends = self._tokens.issue(account, spec.get("audiences"), seconds, spec.get("boundObjectRef"))
        stamp = datetime.datetime.fromtimestamp(ends, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        spec["expirationSeconds"] = seconds
        return {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {"name": name, "namespace": namespace, "creationTimestamp": meta.now()},
            "spec": spec,
            "status": {"token": token, "expirationTimestamp": stamp},
        }


def _attributes(spec: Object, namespace: str) -> Attributes:
    path = spec.get("nonResourceAttributes")
    if path:
        return Attributes(path.get("verb", ""), path=path.get("path", ""))
    wanted = spec.get("resourceAttributes") or {}
    resource = wanted.get("resource", "")
    if wanted.get("subresource"):
        resource += f"/{wanted['subresource']}"
    return Attributes(
        wanted.get("verb", ""),
        wanted.get("group", ""),
        resource,
        wanted.get("namespace", namespace),
        wanted.get("name", ""),
    )
