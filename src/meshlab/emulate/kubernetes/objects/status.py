"""What the API answers when it says no: the Status object with the code, reason and wording of the real server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Object = dict[str, Any]
"""A Kubernetes object as decoded JSON."""


class ApiError(Exception):
    """A request that fails; ``status`` is the body of the answer (kind Status, apiVersion v1)."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: Object | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.retry_after_s = retry_after_s

    @property
    def status(self) -> Object:
        """The Status object of this error."""
        body: Object = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "code": self.code,
        }
        if self.reason:
            body["reason"] = self.reason
        details = dict(self.details or {})
        if self.retry_after_s is not None:
            details["retryAfterSeconds"] = self.retry_after_s
        if details:
            body["details"] = details
        return body


def _details(resource: str, group: str, name: str) -> Object:
    details: Object = {"name": name, "kind": resource}
    if group:
        details["group"] = group
    return details


def _qualified(resource: str, group: str) -> str:
    return f"{resource}.{group}" if group else resource


def not_found(resource: str, group: str, name: str) -> ApiError:
    """404: the object does not exist."""
    message = f'{_qualified(resource, group)} "{name}" not found'
    return ApiError(404, "NotFound", message, details=_details(resource, group, name))


def no_such_path() -> ApiError:
    """404: nothing is served at this path."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", details={})


def already_exists(resource: str, group: str, name: str) -> ApiError:
    """409: an object of that name exists."""
    message = f'{_qualified(resource, group)} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, details=_details(resource, group, name))


def conflict(resource: str, group: str, name: str, why: str | None = None) -> ApiError:
    """409: the object changed since it was read, or a precondition does not hold."""
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {_qualified(resource, group)} "{name}": {why}'
    return ApiError(409, "Conflict", message, details=_details(resource, group, name))


def bad_request(message: str) -> ApiError:
    """400: the request cannot be understood."""
    return ApiError(400, "BadRequest", message)


def forbidden(resource: str, group: str, name: str, why: str) -> ApiError:
    """403: the request is understood and refused."""
    subject = f' "{name}"' if name else ""
    message = f"{_qualified(resource, group)}{subject} is forbidden: {why}"
    return ApiError(403, "Forbidden", message, details=_details(resource, group, name))


def unauthorized() -> ApiError:
    """401: nobody known asks."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def expired(message: str) -> ApiError:
    """410: the revision asked for is no longer kept."""
    return ApiError(410, "Expired", message)


def invalid(kind: str, group: str, name: str, causes: Sequence[tuple[str, str, str]]) -> ApiError:
    """422: the object is well formed and not valid; ``causes`` are (field, reason, message without the field)."""
    lines = [f"{field}: {message}" for field, _, message in causes]
    text = lines[0] if len(lines) == 1 else "[" + ", ".join(lines) + "]"
    details = _details(kind, group, name)
    details["causes"] = [
        {"reason": reason, "message": message, "field": field} for field, reason, message in causes
    ]
    return ApiError(422, "Invalid", f'{_qualified(kind, group)} "{name}" is invalid: {text}', details=details)


def storage_timed_out() -> ApiError:
    """500: etcd did not answer in time, as when it has no quorum."""
    return ApiError(500, "", "etcdserver: request timed out")


def too_many_requests(message: str, cause: str | None = None, retry_after_s: int = 0) -> ApiError:
    """429: a disruption budget does not allow this now."""
    details: Object = {}
    if cause is not None:
        details["causes"] = [{"reason": "DisruptionBudget", "message": cause}]
    return ApiError(429, "TooManyRequests", message, details=details, retry_after_s=retry_after_s or None)
