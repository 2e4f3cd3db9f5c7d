"""Client tokens: a call sent again is not carried out again.

Source: EC2 API reference, "Ensuring idempotency": same token and same parameters give the first result;
other parameters give IdempotentParameterMismatch; the scope is the zone when RunInstances names one (or a
subnet), else the region; since January 2025 a repeat after termination gives IdempotentInstanceTerminated.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from meshlab.emulate.aws.wire import AwsFault, Call

_LONGEST = 64


@dataclass(frozen=True)
class Bound:
    """What a token is bound to: the parameters' digest and the result of the call."""

    digest: str
    result: dict[str, Any]


def digest(call: Call) -> str:
    """A digest of the parameters that a repeat must share; nothing can be read back from it."""
    kept = {k: v for k, v in call.params.items() if k not in ("ClientToken", "DryRun")}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, default=repr).encode()).hexdigest()


class TokenBook:
    """The tokens that calls were carried out under. A failed call binds nothing."""

    def __init__(self) -> None:
        self._bound: dict[tuple[str, str, str, str], Bound] = {}

    def lookup(self, call: Call, scope: str, fingerprint: str) -> Bound | None:
        """What the call's token is bound to, if it is.

        Raises
        ------
        AwsFault
            IdempotentParameterMismatch, or the token is too long or not ASCII.
        """
        token = call.token
        if token is None:
            return None
        if len(token) > _LONGEST or not token.isascii():
            raise AwsFault(
                "InvalidParameterValue", f"Client token must be at most {_LONGEST} ASCII characters."
            )
        bound = self._bound.get((call.service, call.operation, scope, token))
        if bound is not None and bound.digest != fingerprint:
            raise AwsFault(
                "IdempotentParameterMismatch",
                "The client token you have provided is associated with a previous request with different "
                "parameters.",
            )
        return bound

    def bind(self, call: Call, scope: str, fingerprint: str, result: dict[str, Any]) -> None:
        """Binds the call's token, if it has one."""
        if call.token is not None:
            self._bound[(call.service, call.operation, scope, call.token)] = Bound(fingerprint, result)
