"""Who asks, and may they: client certificates, service-account tokens, RBAC."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from meshlab.emulate.kubernetes.objects import status
from meshlab.emulate.kubernetes.objects.resources import resource_named
from meshlab.emulate.kubernetes.objects.status import ApiError, Object
from meshlab.emulate.kubernetes.storage.registry import Registry

MASTERS = "system:masters"
_TRUSTED_USERS = {"system:kube-controller-manager", "system:kube-scheduler", "system:apiserver"}
_TRUSTED_GROUPS = {MASTERS, "system:nodes"}
ANYONE = {"/livez", "/readyz", "/healthz", "/version"}
"""Paths that are answered without credentials, as on Talos."""


@dataclass(frozen=True)
class User:
    """A known caller."""

    name: str
    groups: tuple[str, ...] = ()
    extra: Mapping[str, list[str]] = field(default_factory=dict)
    uid: str = ""

    @property
    def info(self) -> Object:
        """The UserInfo of reviews."""
        shown: Object = {"username": self.name, "groups": list(self.groups)}
        if self.uid:
            shown["uid"] = self.uid
        if self.extra:
            shown["extra"] = dict(self.extra)
        return shown


def from_certificate(certificate: Mapping[str, Any] | None) -> User | None:
    """The user of a verified client certificate: CN is the name, each O a group."""
    if not certificate:
        return None
    name = ""
    groups = []
    for part in certificate.get("subject", ()):
        for key, value in part:
            if key == "commonName":
                name = value
            elif key == "organizationName":
                groups.append(value)
    return User(name, (*groups, "system:authenticated")) if name else None


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Tokens:
    """Service-account tokens: JSON Web Tokens signed with the cluster's service-account key (RSA or P-256).

    Parameters
    ----------
    key
        The private key, PEM. All API servers of a cluster share it.
    issuer
        The ``iss`` claim; also the default audience.
    """

    def __init__(self, key: bytes, issuer: str) -> None:
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        self._key = load_pem_private_key(key, None)
        self._issuer = issuer

    def _sign(self, data: bytes) -> tuple[str, bytes]:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

        if isinstance(self._key, rsa.RSAPrivateKey):
            return "RS256", self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        assert isinstance(self._key, ec.EllipticCurvePrivateKey)
        r, s = decode_dss_signature(self._key.sign(data, ec.ECDSA(hashes.SHA256())))
        return "ES256", r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def _algorithm(self) -> str:
        from cryptography.hazmat.primitives.asymmetric import rsa

        return "RS256" if isinstance(self._key, rsa.RSAPrivateKey) else "ES256"

    def issue(
        self, account: Object, audiences: list[str] | None, seconds: int, bound: Object | None = None
    ) -> tuple[str, float]:
        """A token for a service account and when it ends (seconds since the epoch)."""
        now = int(time.time())
        namespace, name = account["metadata"]["namespace"], account["metadata"]["name"]
        private: Object = {
            "namespace": namespace,
            "serviceaccount": {"name": name, "uid": account["metadata"]["uid"]},
        }
        if bound:
            private[bound["kind"].lower()] = {"name": bound["name"], "uid": bound.get("uid", "")}
        claims = {
            "aud": audiences or [self._issuer],
            "exp": now + seconds,
            "iat": now,
            "nbf": now,
            "iss": self._issuer,
            "sub": f"system:serviceaccount:{namespace}:{name}",
            "kubernetes.io": private,
        }
        head = _b64(json.dumps({"alg": self._algorithm(), "typ": "JWT"}).encode())
        signed = f"{head}.{_b64(json.dumps(claims).encode())}"
        _, signature = self._sign(signed.encode())
        return f"{signed}.{_b64(signature)}", now + seconds

    def _genuine(self, signed: bytes, signature: bytes) -> bool:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

        public: Any = self._key.public_key()
        try:
            if isinstance(self._key, rsa.RSAPrivateKey):
                public.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
            else:
                pair = (int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
                public.verify(encode_dss_signature(*pair), signed, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True

    async def user(self, token: str, registry: Registry, audiences: Iterable[str] = ()) -> User | None:
        """The service account of a token that is genuine, not over, and of an account that still exists."""
        parts = token.split(".")
        if len(parts) != 3:
            return None
        try:
            claims = json.loads(_unb64(parts[1]))
            genuine = self._genuine(f"{parts[0]}.{parts[1]}".encode(), _unb64(parts[2]))
            private = claims["kubernetes.io"]
            namespace, account = private["namespace"], private["serviceaccount"]
        except (ValueError, KeyError, TypeError):
            return None
        wanted = set(audiences) or {self._issuer}
        if not genuine or claims["iss"] != self._issuer or claims["exp"] < time.time():
            return None
        if not wanted & set(claims["aud"]):
            return None
        try:
            found = await registry.get(resource_named("serviceaccounts"), namespace, account["name"])
        except ApiError as error:
            if error.code == 404:
                return None
            raise
        if found["metadata"]["uid"] != account["uid"]:
            return None
        extra = {}
        if "pod" in private:
            extra["authentication.kubernetes.io/pod-name"] = [private["pod"]["name"]]
            extra["authentication.kubernetes.io/pod-uid"] = [private["pod"]["uid"]]
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
        return User(claims["sub"], groups, extra, account["uid"])


@dataclass(frozen=True)
class Attributes:
    """What is asked for, in the terms of RBAC."""

    verb: str
    group: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


class Authorizer:
    """Role-based access control over the roles and bindings that are stored."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def allowed(self, user: User, what: Attributes) -> bool:
        """Whether a user may do something."""
        if user.name in _TRUSTED_USERS or _TRUSTED_GROUPS & set(user.groups):
            return True
        if (
            what.path
            and (what.path in ANYONE or what.path.startswith(("/api", "/openapi")))
            and what.verb == "get"
        ):
            return True
        if what.resource.startswith(("selfsubject",)) and what.verb == "create":
            return True
        rules = await self.rules(user, what.namespace)
        return any(_covers(rule, what) for rule in rules)

    async def rules(self, user: User, namespace: str) -> list[Object]:
        """All rules that apply to a user in a namespace."""
        found: list[Object] = []
        for plural, where in (("clusterrolebindings", ""), ("rolebindings", namespace)):
            if plural == "rolebindings" and not namespace:
                continue
            bindings = await self._listed(plural, where)
            for binding in bindings:
                if any(_names(s, user, binding) for s in binding.get("subjects") or ()):
                    found += await self._role_rules(binding["roleRef"], namespace)
        return found

    async def _listed(self, plural: str, namespace: str) -> list[Object]:
        found = await self._registry.list(resource_named(plural), namespace, lambda _: True, cached=True)
        items: list[Object] = found["items"]
        return items

    async def _role_rules(self, reference: Object, namespace: str) -> list[Object]:
        plural = "clusterroles" if reference["kind"] == "ClusterRole" else "roles"
        for role in await self._listed(plural, namespace if plural == "roles" else ""):
            if role["metadata"]["name"] == reference["name"]:
                rules: list[Object] = role.get("rules") or []
                return rules
        return []


def _names(subject: Object, user: User, binding: Object) -> bool:
    kind, name = subject.get("kind"), subject.get("name", "")
    if kind == "User":
        return bool(name == user.name)
    if kind == "Group":
        return name in user.groups
    namespace = subject.get("namespace") or binding["metadata"].get("namespace", "")
    return user.name == f"system:serviceaccount:{namespace}:{name}"


def _covers(rule: Object, what: Attributes) -> bool:
    def has(field: str, value: str) -> bool:
        listed = rule.get(field) or ()
        return "*" in listed or value in listed

    if not has("verbs", what.verb):
        return False
    if what.path:
        urls = rule.get("nonResourceURLs") or ()
        return any(u == what.path or (u.endswith("*") and what.path.startswith(u[:-1])) for u in urls)
    if not has("apiGroups", what.group):
        return False
    sub = what.resource.partition("/")[2]
    if not has("resources", what.resource) and not (sub and f"*/{sub}" in (rule.get("resources") or ())):
        return False
    names = rule.get("resourceNames")
    return not names or what.name in names


def refuse(user: User, what: Attributes) -> ApiError:
    """The 403 of a request that RBAC does not allow."""
    if what.path:
        return ApiError(
            403,
            "Forbidden",
            f'forbidden: User "{user.name}" cannot {what.verb} path "{what.path}"',
            details={},
        )
    where = f' in the namespace "{what.namespace}"' if what.namespace else " at the cluster scope"
    why = (
        f'User "{user.name}" cannot {what.verb} resource "{what.resource}" in API group "{what.group}"{where}'
    )
    return status.forbidden(what.resource.partition("/")[0], what.group, what.name, why)
