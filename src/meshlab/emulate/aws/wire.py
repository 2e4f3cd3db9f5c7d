"""The AWS wire protocols: an HTTP request read as a call, a result or an error written as a reply.

Names, nesting and types come from botocore's own service models, read and written by moto's request parsers
and response serialisers (the ec2, query and json protocols). The account has the services of the table and no others.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

_BY_SIGNING_NAME = {
    "ec2": "ec2",
    "iam": "iam",
    "sts": "sts",
    "kms": "kms",
    "elasticloadbalancing": "elbv2",
    "servicequotas": "service-quotas",
    "cloudtrail": "cloudtrail",
    "tagging": "resourcegroupstaggingapi",
    "autoscaling": "autoscaling",
}
_SIGNING_NAME = {service: name for name, service in _BY_SIGNING_NAME.items()}
_READS = ("Describe", "Get", "List", "Lookup", "Search", "Head", "Simulate")
_SCOPE = re.compile(r"Credential=([^/,\s]+)/\d+/([^/,\s]+)/([^/,\s]+)/aws4_request")
_REQUEST_ID = re.compile(rb"<(requestId|RequestId|RequestID)>[^<]*</\1>")


@dataclass
class AwsFault(Exception):
    """An error as AWS answers it: its code, its message, its HTTP status."""

    code: str
    message: str
    status: int = 400

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


@dataclass
class Call:
    """One request: which operation of which service with which parameters.

    ``params`` follow the service model (the names boto3 uses). ``amended`` says that a rule changed them, so
    that the request has to be written anew before it is passed on.
    """

    service: str
    operation: str
    region: str
    access_key: str
    params: dict[str, Any]
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    amended: bool = False

    @property
    def mutating(self) -> bool:
        """Whether it changes something, judged by its name as CloudTrail's ``readOnly`` is."""
        return not self.operation.startswith(_READS)

    @property
    def token(self) -> str | None:
        """The client token, if one was sent."""
        value = self.params.get("ClientToken")
        return str(value) if value else None

    @property
    def dry_run(self) -> bool:
        """Whether only permission is asked for."""
        return bool(self.params.get("DryRun"))


@dataclass
class Reply:
    """What is sent back; ``result`` is the parsed form where the layer has it."""

    status: int
    headers: dict[str, str]
    body: bytes
    result: dict[str, Any] | None = None


@cache
def service_model(service: str) -> Any:
    """The service's model with moto's extensions (flattened lists, timestamp formats)."""
    from moto.core.utils import get_service_model

    return get_service_model(service)


def protocol(service: str) -> str:
    """The wire protocol that ordinary boto3 speaks with that service."""
    return str(service_model(service).resolved_protocol)


def has_dry_run(service: str, operation: str) -> bool:
    """Whether the operation takes DryRun (not every EC2 call does)."""
    shape = service_model(service).operation_model(operation).input_shape
    return shape is not None and "DryRun" in shape.members


def credential_scope(authorization: str) -> tuple[str, str, str]:
    """Access key, region and signing name of a version 4 signature.

    Raises
    ------
    AwsFault
        The request is not signed.
    """
    match = _SCOPE.search(authorization)
    if match is None:
        raise AwsFault("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
    return match[1], match[2], match[3]


def addressed(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Call:
    """Gives an HTTP request as a call of which only the service is known, and by whom it claims to be made.

    Raises
    ------
    AwsFault
        It is not signed, or for a service that the account has not.
    """
    access_key, region, signing_name = credential_scope(headers.get("Authorization", ""))
    service = _BY_SIGNING_NAME.get(signing_name)
    if service is None:
        known = ", ".join(sorted(_BY_SIGNING_NAME))
        raise AwsFault(
            "OptInRequired", f"You are not subscribed to the service {signing_name}. There are: {known}", 403
        )
    return Call(service, "", region, access_key, {}, method, path, dict(headers), body)


def read(call: Call, query: str) -> None:
    """Reads which operation is called, and its parameters.

    Raises
    ------
    AwsFault
        Its service has no such operation.
    """
    values = dict(parse_qsl(call.body.decode("utf-8", "replace") or query, keep_blank_values=True))
    target = call.headers.get("X-Amz-Target", "")
    operation = target.rpartition(".")[2] if target else values.get("Action", "")
    model = service_model(call.service)
    if operation not in model.operation_names:
        raise AwsFault("InvalidAction", f"The action {operation!r} is not valid for this endpoint.")
    from moto.core.parse import PROTOCOL_PARSERS

    call.operation = operation
    parser = PROTOCOL_PARSERS[protocol(call.service)](model.operation_model(operation))
    request: Any = {"values": values, "body": call.body}
    call.params = dict(parser.parse(request))


def write_call(service: str, operation: str, params: Mapping[str, Any], region: str) -> Call:
    """Writes a call as the HTTP request that boto3 would send (with a signature that nobody checks)."""
    from urllib.parse import urlencode

    from botocore.serialize import create_serializer

    model = service_model(service)
    wire = create_serializer(protocol(service)).serialize_to_request(
        dict(params), model.operation_model(operation)
    )
    body = wire["body"]
    raw = urlencode(body).encode() if isinstance(body, dict) else body
    raw = raw.encode() if isinstance(raw, str) else raw
    headers = {key: str(value) for key, value in wire["headers"].items()}
    headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential=meshlab/20260101/{region}/{_SIGNING_NAME[service]}/aws4_request, "
        "SignedHeaders=host, Signature=0"
    )
    headers.setdefault("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
    return Call(service, operation, region, "meshlab", dict(params), "POST", "/", headers, raw)


def parse_reply(call: Call, reply: Reply) -> dict[str, Any]:
    """The reply's content as boto3 would give it, without the metadata."""
    if reply.result is None:
        from botocore.parsers import create_parser

        model = service_model(call.service).operation_model(call.operation)
        raw = {"status_code": reply.status, "headers": reply.headers, "body": reply.body}
        parsed = dict(create_parser(protocol(call.service)).parse(raw, model.output_shape))
        parsed.pop("ResponseMetadata", None)
        reply.result = parsed
    return reply.result


def error_of(call: Call, reply: Reply) -> AwsFault | None:
    """The error a reply carries, if it carries one."""
    if reply.status < 300:
        return None
    try:
        error = parse_reply(call, reply).get("Error", {})
    except Exception:  # a backend that broke answers HTML, which no parser takes
        error = {}
    code, message = str(error.get("Code") or "InternalError"), str(error.get("Message") or "")
    if message.lstrip().startswith("<"):
        code, message = "InternalError", "An internal error has occurred"
    return AwsFault(code, message or "An internal error has occurred", reply.status)


def write_result(call: Call, result: Mapping[str, Any]) -> Reply:
    """Writes a result of the operation, given with the names boto3 uses."""
    from moto.core.serialize import SerializationContext, get_serializer_class

    serializer = get_serializer_class(call.service, protocol(call.service))
    model = service_model(call.service).operation_model(call.operation)
    written = serializer(model, context=SerializationContext(call.request_id)).serialize(dict(result))
    body = written["body"]
    raw = body.encode() if isinstance(body, str) else body
    headers = {**{k: str(v) for k, v in written["headers"].items()}, "x-amzn-requestid": call.request_id}
    return Reply(int(written["status_code"]), headers, raw, dict(result))


def write_error(call: Call | None, fault: AwsFault) -> Reply:
    """Writes an error in the form of the call's protocol."""
    request_id = call.request_id if call else str(uuid.uuid4())
    headers = {"x-amzn-requestid": request_id}
    kind = protocol(call.service) if call else "query"
    if kind == "json":
        headers["Content-Type"] = "application/x-amz-json-1.1"
        headers["x-amzn-errortype"] = fault.code
        body = json.dumps({"__type": fault.code, "message": fault.message})
        return Reply(fault.status, headers, body.encode())
    headers["Content-Type"] = "text/xml"
    error = f"<Code>{escape(fault.code)}</Code><Message>{escape(fault.message)}</Message>"
    if kind == "ec2":
        body = (
            f"<Response><Errors><Error>{error}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
        )
    else:
        side = "Sender" if fault.status < 500 else "Receiver"
        inner = f"<Error><Type>{side}</Type>{error}</Error><RequestId>{request_id}</RequestId>"
        body = f"<ErrorResponse>{inner}</ErrorResponse>"
    return Reply(fault.status, headers, body.encode())


def stamp(call: Call, reply: Reply) -> Reply:
    """Puts the call's own request id on a reply of the backend, which uses the same one every time."""
    tagged = rb"<\1>" + call.request_id.encode() + rb"</\1>"
    headers = {
        key: value
        for key, value in reply.headers.items()
        if key.lower() in ("content-type", "x-amzn-errortype", "x-amzn-query-error")
    }
    headers["x-amzn-requestid"] = call.request_id
    return Reply(reply.status, headers, _REQUEST_ID.sub(tagged, reply.body), reply.result)
