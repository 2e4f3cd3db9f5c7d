"""Faults that can be injected into the emulated cloud: what a careful client must survive."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field

from meshlab.emulate.aws.wire import AwsFault, Call


class LostReply(Exception):
    """The call was carried out and its reply must never reach the client."""


@dataclass
class _Planned:
    pattern: str
    left: int
    fault: AwsFault | None

    def takes(self, call: Call) -> bool:
        if self.left <= 0 or not fnmatch.fnmatchcase(call.operation, self.pattern):
            return False
        self.left -= 1
        return True


@dataclass
class Faults:
    """What is to go wrong, and how often still.

    Operations are named as in the API; ``*`` and ``?`` are wildcards.
    """

    _before: list[_Planned] = field(default_factory=list)
    _after: list[_Planned] = field(default_factory=list)
    _denied: set[str] = field(default_factory=set)
    full_zones: set[str] = field(default_factory=set)

    def throttle(self, operation: str = "*", n: int = 1) -> None:
        """The next ``n`` calls are refused for their rate: RequestLimitExceeded on EC2, Throttling elsewhere."""
        self._before.append(_Planned(operation, n, AwsFault("", "Request limit exceeded.", 503)))

    def error_before_commit(self, operation: str, n: int = 1, code: str = "InternalError") -> None:
        """The next ``n`` calls answer 500 and change nothing."""
        self._before.append(_Planned(operation, n, AwsFault(code, "An internal error has occurred", 500)))

    def error_after_commit(self, operation: str, n: int = 1, code: str = "InternalError") -> None:
        """The next ``n`` calls are carried out and answer 500 all the same."""
        self._after.append(_Planned(operation, n, AwsFault(code, "An internal error has occurred", 500)))

    def lose_reply(self, operation: str, n: int = 1) -> None:
        """The next ``n`` calls are carried out and the connection breaks before the reply."""
        self._after.append(_Planned(operation, n, None))

    def deny(self, operation: str) -> None:
        """The credentials may not do this (wildcards allowed), until :meth:`allow`."""
        self._denied.add(operation)

    def allow(self, operation: str) -> None:
        """Takes back :meth:`deny`."""
        self._denied.discard(operation)

    def insufficient_capacity(self, zone: str) -> None:
        """The zone has no machines to give: launches and starts there fail, until :meth:`enough_capacity`."""
        self.full_zones.add(zone)

    def enough_capacity(self, zone: str) -> None:
        """Takes back :meth:`insufficient_capacity`."""
        self.full_zones.discard(zone)

    def clear(self) -> None:
        """Nothing more goes wrong."""
        self._before.clear()
        self._after.clear()
        self._denied.clear()
        self.full_zones.clear()

    def before(self, call: Call) -> None:
        """Raises what is planned to happen instead of the call."""
        for planned in self._before:
            if planned.takes(call):
                assert planned.fault is not None
                code = planned.fault.code
                if not code:
                    code = "RequestLimitExceeded" if call.service == "ec2" else "Throttling"
                status = planned.fault.status if call.service == "ec2" or code != "Throttling" else 400
                raise AwsFault(code, planned.fault.message, status)
        if any(fnmatch.fnmatchcase(call.operation, pattern) for pattern in self._denied):
            code = "UnauthorizedOperation" if call.service == "ec2" else "AccessDenied"
            raise AwsFault(code, f"You are not authorized to perform this operation: {call.operation}.", 403)

    def after(self, call: Call) -> None:
        """Raises what is planned to happen to the reply of a call that was carried out."""
        for planned in self._after:
            if planned.takes(call):
                if planned.fault is None:
                    raise LostReply(call.operation)
                raise planned.fault
