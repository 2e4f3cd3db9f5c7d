"""The status with which a call to an emulated machine ends (facts: talos-omni-kubespan §1.8)."""

from __future__ import annotations

from typing import Any

from meshlab.emulate.etcd.wire import EtcdError, EtcdUnavailable
from meshlab.emulate.talos.etcd import EtcdNotHere


class Fault(Exception):
    """A call is refused or failed; ``code`` is the gRPC code by name."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def status(self) -> Any:
        """The gRPC status code."""
        import grpc

        return grpc.StatusCode[self.code]

    @property
    def go_code(self) -> str:
        """The code as Go writes it: ``FailedPrecondition``."""
        return "".join(word.capitalize() for word in self.code.split("_"))


def from_exception(error: Exception) -> Fault:
    """Say what an error means to the caller; one that nobody foresaw is UNKNOWN, as an unwrapped error of Go's."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, EtcdUnavailable):
        return Fault("UNAVAILABLE", str(error))
    if isinstance(error, EtcdNotHere):
        return Fault("UNAVAILABLE", str(error))
    if isinstance(error, EtcdError):
        return Fault("NOT_FOUND" if error.code == 5 else "UNKNOWN", str(error))
    return Fault("UNKNOWN", f"{type(error).__name__}: {error}")
