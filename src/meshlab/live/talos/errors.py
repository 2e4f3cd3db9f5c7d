"""What a call to a machine can end in."""

from __future__ import annotations

from meshlab.model.errors import LiveError


class TalosError(LiveError):
    """A call to the Talos API failed.

    Attributes
    ----------
    code
        gRPC code by name, ``FAILED_PRECONDITION``, ``ALREADY_EXISTS``…; ``UNAVAILABLE`` and ``DEADLINE_EXCEEDED`` mean
        that nothing is known about what happened.
    message
        The machine's own words.
    node
        The machine that was asked, as its caller named it.
    """

    def __init__(self, code: str, message: str, node: str, method: str = "") -> None:
        call = f"{method}: " if method else ""
        super().__init__(f"{node}: {call}{message} ({code})")
        self.code = code
        self.message = message
        self.node = node
        self.method = method

    @property
    def outcome_unknown(self) -> bool:
        """Whether the call may have had its effect although it failed here."""
        return self.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED", "UNKNOWN", "INTERNAL", "CANCELLED")
