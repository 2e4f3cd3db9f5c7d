"""A gRPC channel to the Talos API of one machine: dialling, deadlines, keepalive, and errors in clear words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from meshlab.live import rpc
from meshlab.live.talos.errors import TalosError
from meshlab.live.talos.talosconfig import Talosconfig
from meshlab.live.talos.tls_tunnel import TlsTunnel, tls_context

TALOS_PORT = 50000

Metadata = Sequence[tuple[str, str]]


def split_endpoint(endpoint: str) -> tuple[str, int]:
    """Give host and port of an endpoint: ``host``, ``host:port``, or a URL (https without a port means 443)."""
    if "://" in endpoint:
        parts = urlsplit(endpoint)
        return parts.hostname or "", parts.port or 443
    if endpoint.startswith("[") or endpoint.count(":") == 1:
        parts = urlsplit(f"//{endpoint}")
        return parts.hostname or "", parts.port or TALOS_PORT
    return endpoint, TALOS_PORT


class TalosChannel:
    """One machine's API, every call with a deadline, every failure a :class:`TalosError`.

    Parameters
    ----------
    endpoint
        Host, host:port or URL of the machine that is talked to.
    config
        Credentials; None speaks to a machine in maintenance mode, without proof of who it is.
    timeout_s
        Deadline of a call that is given no other.
    dial
        Maps the endpoint's host to the address that is really dialled; the certificate is checked against the former.
    """

    def __init__(
        self,
        endpoint: str,
        config: Talosconfig | None,
        *,
        timeout_s: float = 10.0,
        dial: Callable[[str], str] | None = None,
    ) -> None:
        import grpc

        self.host, port = split_endpoint(endpoint)
        self.timeout_s = timeout_s
        address = dial(self.host) if dial is not None else self.host
        name = self.host if config is not None else None
        self._tunnel = TlsTunnel(address, port, tls_context(config), name, connect_timeout_s=timeout_s)
        self._channel = grpc.insecure_channel(
            self._tunnel.target,
            options=[
                ("grpc.max_receive_message_length", rpc.MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", rpc.MAX_MESSAGE_BYTES),
                ("grpc.default_authority", self.host),
                ("grpc.enable_retries", 0),
                ("grpc.initial_reconnect_backoff_ms", 200),
                ("grpc.max_reconnect_backoff_ms", 1000),
                # A Go server that sets no policy of its own, as apid, ends connections that ping more often than this.
                ("grpc.keepalive_time_ms", 310_000),
                ("grpc.keepalive_timeout_ms", 10_000),
                ("grpc.use_local_subchannel_pool", 1),
            ],
        )
        self._stubs: dict[str, rpc.Stub] = {}

    def close(self) -> None:
        """End the channel; calls under way fail."""
        self._channel.close()
        self._tunnel.close()

    def _method(self, service: Any, name: str) -> Any:
        if service.full_name not in self._stubs:
            self._stubs[service.full_name] = rpc.Stub(self._channel, service)
        return getattr(self._stubs[service.full_name], name)

    def call(
        self,
        service: Any,
        name: str,
        request: Any,
        *,
        node: str | None = None,
        metadata: Metadata = (),
        timeout_s: float | None = None,
    ) -> Any:
        """Make a unary call and give its reply.

        Raises
        ------
        TalosError
            It failed, or did not answer in time.
        """
        import grpc

        try:
            return self._method(service, name)(
                request, timeout=timeout_s or self.timeout_s, metadata=_metadata(node, metadata)
            )
        except grpc.RpcError as error:
            failure = self.failure(error, name, node)
            if failure.code == "DEADLINE_EXCEEDED":
                self._tunnel.drop()  # the next call dials anew: this connection may be to a machine that is gone
            raise failure from None

    def stream(
        self,
        service: Any,
        name: str,
        request: Any,
        *,
        node: str | None = None,
        timeout_s: float | None = None,
    ) -> Iterator[Any]:
        """Make a streaming call and give its items; the deadline is for the whole stream.

        The stream is ended when the iterator is closed.
        """
        import grpc

        call = self._method(service, name)(
            request, timeout=timeout_s or self.timeout_s, metadata=_metadata(node, ())
        )
        try:
            yield from call
        except grpc.RpcError as error:
            raise self.failure(error, name, node) from None
        finally:
            call.cancel()

    def send_stream(
        self, service: Any, name: str, requests: Iterator[Any], *, timeout_s: float | None = None
    ) -> Any:
        """Make a client-streaming call and give its reply."""
        import grpc

        try:
            return self._method(service, name)(requests, timeout=timeout_s or self.timeout_s)
        except grpc.RpcError as error:
            raise self.failure(error, name, None) from None

    def failure(self, error: Any, method: str, node: str | None) -> TalosError:
        """Say what a gRPC error means, with the reason of the connection if that is what failed."""
        code = error.code().name
        message = error.details() or code.replace("_", " ").lower()
        if code == "UNAVAILABLE" and self._tunnel.problem:
            message = self._tunnel.problem
        elif code == "DEADLINE_EXCEEDED":
            message = self._tunnel.problem or "no answer in time"
        return TalosError(code, message, node or self.host, method)


def _metadata(node: str | None, more: Metadata) -> list[tuple[str, str]]:
    return [("runtime", "Talos"), *([("node", node)] if node else []), *more]
