"""The one place where boto3 clients are made and called."""

from __future__ import annotations

import math
import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from meshlab.live.aws.credentials import NOBODY, Credentials
from meshlab.live.aws.errors import AwsError, ErrorKind, classify
from meshlab.live.target import Target
from meshlab.model.errors import LiveError

_READS = ("describe_", "get_", "list_", "lookup_", "search_")
_CREATES = ("create_", "run_", "allocate_")
_EC2_ID = re.compile(r"^[a-z]+(-[a-z]+)*-[0-9a-f]{8,17}$")
_BOTO_VALUE = re.compile(r"value: .*?, type", re.DOTALL)


class NotLoopback(LiveError):
    """An endpoint was given that is not on this machine."""

    exit_code = 2


@dataclass(frozen=True)
class Identity:
    """Whose account it is: shown to the user before anything is made in it."""

    account: str
    arn: str
    emulated: bool


@dataclass(frozen=True)
class Exchange:
    """One finished call, for journals. ``code`` is "ok" or the error code; there are no parameters in it."""

    operation: str
    request_id: str
    token: str | None
    code: str
    seconds: float


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class AwsSession:
    """Clients of one region of one account, and the calls made through them.

    Parameters
    ----------
    endpoint_url
        The embedded cluster's cloud; must be on a loopback address. With it only ``credentials`` or dummy ones are
        used: no environment variable, file, profile, proxy or instance role is ever read.
    profile, credentials
        How to sign; at most one of them.
    settle_s
        How long a call waits, repeating itself, for an object that was just made and is not visible yet.
    patience_s
        How long a throttled call backs off before it gives up.
    on_call
        Told of every finished call.
    clock, sleep
        Monotonic seconds, and how to wait for some.
    """

    def __init__(
        self,
        region: str,
        *,
        endpoint_url: str | None = None,
        profile: str | None = None,
        credentials: Credentials | None = None,
        settle_s: float = 30.0,
        patience_s: float = 120.0,
        read_timeout_s: float = 60.0,
        on_call: Callable[[Exchange], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if endpoint_url is not None and not _is_loopback(endpoint_url):
            raise NotLoopback(
                f"the AWS endpoint {endpoint_url} is not on this machine; an endpoint is only for the embedded cluster"
            )
        if profile and credentials:
            raise ValueError("give either a profile or credentials, not both")
        self.region = region
        self.endpoint_url = endpoint_url
        self.settle_s = settle_s
        self._patience_s = patience_s
        self._read_timeout_s = read_timeout_s
        self._profile = profile
        self._credentials = credentials
        self._on_call = on_call
        self._clock = clock
        self._sleep = sleep
        self._clients: dict[tuple[str, bool], Any] = {}
        self._lock = threading.RLock()
        self._boto: Any = None
        self._fresh: dict[str, float] = {}
        self._random = random.Random()

    @classmethod
    def to(cls, target: Target, on_call: Callable[[Exchange], None] | None = None) -> AwsSession:
        """The session for a target: the real AWS, or the embedded cluster's."""
        return cls(
            target.region,
            endpoint_url=target.aws_endpoint or None,
            profile=None if target.aws_endpoint else target.aws_profile or None,
            credentials=Credentials.of(target) if target.aws_endpoint else None,
            settle_s=target.patience.read_lag,
            patience_s=target.patience.retries,
            read_timeout_s=max(10.0, target.patience.call),
            on_call=on_call,
        )

    @property
    def emulated(self) -> bool:
        """Whether this is the embedded cluster's cloud."""
        return self.endpoint_url is not None

    def __repr__(self) -> str:
        return f"AwsSession({self.region!r}, {self.endpoint_url or 'AWS'})"

    def client(self, name: str, *, repeat: bool = True) -> Any:
        """The boto3 client of a service; ``repeat=False`` gives one that never sends a request twice by itself."""
        with self._lock:
            key = (name, repeat)
            if key not in self._clients:
                self._clients[key] = self._new_client(name, repeat)
            return self._clients[key]

    def close(self) -> None:
        """Closes every connection."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _new_client(self, name: str, repeat: bool) -> Any:
        from botocore.config import Config

        from meshlab.version import __version__

        common: dict[str, Any] = {
            "retries": {"mode": "standard", "total_max_attempts": 5 if repeat else 1},
            "connect_timeout": 10,
            "read_timeout": self._read_timeout_s,
            "user_agent_extra": f"meshlab/{__version__}",
        }
        if self.emulated:
            # A dictionary without "http" keeps botocore from reading the proxies of the environment.
            common["proxies"] = {"none": ""}
        boto = self._boto_session()
        return boto.client(name, endpoint_url=self.endpoint_url, config=Config(**common))

    def _boto_session(self) -> Any:
        if self._boto is None:
            import boto3

            if self.emulated:
                given = self._credentials or NOBODY
                self._boto = boto3.Session(
                    botocore_session=_deaf_session(),
                    aws_access_key_id=given.access_key,
                    aws_secret_access_key=given.secret_key.reveal(),
                    region_name=self.region,
                )
            elif self._credentials is not None:
                given = self._credentials
                self._boto = boto3.Session(
                    aws_access_key_id=given.access_key,
                    aws_secret_access_key=given.secret_key.reveal(),
                    aws_session_token=given.token.reveal() if given.token else None,
                    region_name=self.region,
                )
            else:
                from botocore.exceptions import ProfileNotFound

                try:
                    self._boto = boto3.Session(profile_name=self._profile, region_name=self.region)
                except ProfileNotFound as error:
                    raise AwsError(ErrorKind.DENIED, "ProfileNotFound", str(error)) from None
        return self._boto

    def identity(self) -> Identity:
        """Whose account this session works in."""
        answer = self.call("sts", "get_caller_identity")
        return Identity(answer["Account"], answer["Arn"], self.emulated)

    def expect(self, *names: str) -> None:
        """Says that these objects exist although they may not be visible yet (known from a journal, say)."""
        for name in names:
            self._fresh[name] = self._clock()

    def allowed(self, service: str, operation: str, **params: Any) -> bool:
        """Whether the credentials may make this call, asked by DryRun: it changes nothing and checks no capacity.

        Raises
        ------
        AwsError
            The answer was neither yes nor no.
        """
        try:
            self.call(service, operation, DryRun=True, **params)
        except AwsError as error:
            if error.code == "DryRunOperation":
                return True
            if error.kind is ErrorKind.DENIED:
                return False
            raise
        raise AwsError(
            ErrorKind.INVALID, "DryRunIgnored", "the call was carried out", operation=f"{service}.{operation}"
        )

    def rows(self, service: str, operation: str, key: str, **params: Any) -> list[dict[str, Any]]:
        """Every row of a listing, page after page."""
        return list(self._pages(service, operation, key, params))

    def _pages(
        self, service: str, operation: str, key: str, params: dict[str, Any]
    ) -> Iterator[dict[str, Any]]:
        token_in, token_out = {
            "resourcegroupstaggingapi": ("PaginationToken", "PaginationToken"),
            "iam": ("Marker", "Marker"),
            "kms": ("Marker", "NextMarker"),
        }.get(service, ("NextToken", "NextToken"))
        while True:
            answer = self.call(service, operation, **params)
            yield from answer.get(key, [])
            token = answer.get(token_out)
            if not token:
                return
            params = {**params, token_in: token}

    def call(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        """Makes one call (names as in boto3: ``call("ec2", "create_vpc", CidrBlock=…)``) and gives its answer.

        A call is repeated by itself only when that cannot make a second object: reads, calls that carry a client
        token, calls that were throttled, and calls that do not see an object made a moment ago. A create without a
        token whose reply is lost raises UNKNOWN_OUTCOME at once.

        Raises
        ------
        AwsError
            With its kind: what to do next.
        ValueError
            The operation takes a client token and none was given: one made up by the SDK would not survive a restart.
        """
        client = self.client(service, repeat=operation.startswith(_READS) or "ClientToken" in params)
        _require_token(client, operation, params)
        began, pause = self._clock(), 0.1
        while True:
            started = self._clock()
            try:
                answer = self._once(client, f"{service}.{operation}", params)
            except AwsError as error:
                self._report(f"{service}.{operation}", error.request_id, params, error.code, started)
                patience = self._patience_for(error)
                if self._clock() - began + pause > patience:
                    raise
                self._sleep(pause * (0.5 + self._random.random() / 2))
                pause = min(pause * 2, 5.0 if error.kind is ErrorKind.THROTTLED else 0.5)
                continue
            metadata = answer.pop("ResponseMetadata", {})
            self._report(f"{service}.{operation}", metadata.get("RequestId", ""), params, "ok", started)
            if operation.startswith(_CREATES):
                self.expect(*_new_names(answer))
            return dict(answer)

    def _patience_for(self, error: AwsError) -> float:
        """How many seconds a call is repeated after this error."""
        if error.kind is ErrorKind.THROTTLED:
            return self._patience_s
        if error.kind is ErrorKind.LAGGING:
            # EC2 hears of a new instance profile within about two minutes, four times the lag of its own objects.
            return self.settle_s * (1 if "NotFound" in error.code else 4)
        return 0.0

    def _report(
        self, operation: str, request_id: str, params: dict[str, Any], code: str, started: float
    ) -> None:
        if self._on_call is not None:
            token = params.get("ClientToken")
            self._on_call(Exchange(operation, request_id, token, code, self._clock() - started))

    def _once(self, client: Any, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        from botocore import exceptions

        read = operation.partition(".")[2].startswith(_READS)
        try:
            answer: dict[str, Any] = getattr(client, operation.partition(".")[2])(**params)
            return answer
        except exceptions.ClientError as error:
            details, metadata = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
            code, message = str(details.get("Code", "")), str(details.get("Message", ""))
            kind = classify(code, message, int(metadata.get("HTTPStatusCode", 0)))
            if kind is ErrorKind.NOT_FOUND and self._names_fresh(params):
                kind = ErrorKind.LAGGING
            request_id = str(metadata.get("RequestId", ""))
        except exceptions.ParamValidationError as error:
            # The SDK quotes the refused value, which may be user data.
            kind, code, request_id = ErrorKind.INVALID, "ParamValidation", ""
            message = _BOTO_VALUE.sub("value: (not shown), type", str(error))
        except (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError) as error:
            kind, code, message, request_id = ErrorKind.UNREACHABLE, type(error).__name__, str(error), ""
        except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError) as error:
            kind, code, message, request_id = ErrorKind.DENIED, type(error).__name__, str(error), ""
        except (exceptions.CredentialRetrievalError, exceptions.TokenRetrievalError) as error:
            kind, code, message, request_id = ErrorKind.DENIED, type(error).__name__, str(error), ""
        except exceptions.BotoCoreError as error:
            kind = ErrorKind.UNREACHABLE if read else ErrorKind.UNKNOWN_OUTCOME
            code, message, request_id = type(error).__name__, str(error), ""
        raise AwsError(kind, code, message, request_id=request_id, operation=operation) from None

    def _names_fresh(self, params: dict[str, Any]) -> bool:
        horizon = self._clock() - max(self.settle_s, 1.0)
        return any(self._fresh.get(text, -math.inf) > horizon for text in _texts(params))


@cache
def _models() -> Any:
    """The loader of botocore's service models, which takes most of the time of making a client; shared."""
    from botocore.loaders import Loader

    return Loader()


def _deaf_session() -> Any:
    """A botocore session that hears nothing from outside: no profile, no file, no credential provider."""
    from botocore.credentials import CredentialResolver
    from botocore.session import Session

    session = Session(session_vars={"profile": (None, [], None, None)})
    session.set_config_variable("config_file", os.devnull)
    session.set_config_variable("credentials_file", os.devnull)
    session.set_config_variable("ignore_configured_endpoint_urls", True)
    session.register_component("data_loader", _models())
    session.register_component("credential_provider", CredentialResolver(providers=[]))
    return session


def _require_token(client: Any, operation: str, params: dict[str, Any]) -> None:
    name = client.meta.method_to_api_mapping.get(operation)
    if name is None:
        raise ValueError(f"{client.meta.service_model.service_name} has no operation {operation}")
    if operation.startswith(_READS) or "ClientToken" in params or params.get("DryRun"):
        return
    shape = client.meta.service_model.operation_model(name).input_shape
    token = shape.members.get("ClientToken") if shape is not None else None
    if token is not None and token.metadata.get("idempotencyToken"):
        raise ValueError(
            f"{operation} takes a client token; pass ClientToken, or a restart may make a second object"
        )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner)


def _new_names(answer: dict[str, Any]) -> list[str]:
    profile = answer.get("InstanceProfile", {}).get("InstanceProfileName")
    found = [text for text in _texts(answer) if _EC2_ID.match(text)]
    return [*found, profile] if profile else found
