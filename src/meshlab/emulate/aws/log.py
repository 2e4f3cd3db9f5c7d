"""Which requests came in: for tests, for incidents, and as the trail that CloudTrail would hold."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from meshlab.emulate.aws.wire import AwsFault, Call

ACCOUNT = "123456789012"
_REMOVED = "<sensitiveDataRemoved>"
_SENSITIVE = {"UserData", "Plaintext", "SecretString", "Password"}
_ENDPOINT = {
    "elbv2": "elasticloadbalancing",
    "service-quotas": "servicequotas",
    "resourcegroupstaggingapi": "tagging",
}
_PAGE = 50


@dataclass(frozen=True)
class Entry:
    """One request, without its body.

    ``code`` is "ok", the error code, or "lost-reply"; ``params`` hold no secrets.
    """

    time: float
    service: str
    operation: str
    request_id: str
    token: str | None
    mutating: bool
    dry_run: bool
    code: str
    committed: bool
    params: dict[str, Any] = field(repr=False)
    resources: tuple[str, ...] = ()
    message: str = ""
    access_key: str = ""
    user_agent: str = ""
    region: str = ""


def without_secrets(value: Any) -> Any:
    """The parameters as CloudTrail shows them: what carries secrets is replaced, what is large is cut."""
    if isinstance(value, Mapping):
        return {k: _REMOVED if k in _SENSITIVE else without_secrets(v) for k, v in value.items()}
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    if isinstance(value, bytes):
        return _REMOVED
    if isinstance(value, datetime):
        return value.isoformat()
    return value


class RequestLog:
    """All requests of one cloud in order of completion; kept on disk too if a file is given (one JSON line each)."""

    def __init__(self, path: Path | None = None) -> None:
        self._entries: list[Entry] = []
        self._path = path

    def add(
        self, call: Call, code: str, *, message: str = "", committed: bool, resources: tuple[str, ...] = ()
    ) -> None:
        """Enters a finished request."""
        entry = Entry(
            time.time(),
            call.service,
            call.operation,
            call.request_id,
            call.token,
            call.mutating,
            call.dry_run,
            code,
            committed,
            without_secrets(call.params),
            resources,
            message,
            call.access_key,
            next((v for k, v in call.headers.items() if k.lower() == "user-agent"), ""),
            call.region,
        )
        self._entries.append(entry)
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry.__dict__, default=str) + "\n")

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries))

    def of(self, operation: str) -> list[Entry]:
        """The requests of one operation."""
        return [entry for entry in self._entries if entry.operation == operation]

    def committed(self, operation: str) -> list[Entry]:
        """The requests of one operation that changed something (whatever the client was told)."""
        return [entry for entry in self.of(operation) if entry.committed]

    def lookup_events(self, params: Mapping[str, Any], *, lag_s: float) -> dict[str, Any]:
        """What CloudTrail's LookupEvents answers: newest first, at most 50, one attribute to select by.

        Source: CloudTrail API reference, LookupEvents. Data events and the last ``lag_s`` seconds are absent.
        """
        wanted = params.get("LookupAttributes") or []
        if len(wanted) > 1:
            raise AwsFault("InvalidLookupAttributesException", "You can specify only one lookup attribute.")
        start, end = _seconds(params.get("StartTime")), _seconds(params.get("EndTime"))
        if start is not None and end is not None and start > end:
            raise AwsFault("InvalidTimeRangeException", "The start time is after the end time.")
        horizon = time.time() - lag_s
        rows = []
        for entry in reversed(self._entries):
            at = int(entry.time)
            if entry.time > horizon or (start is not None and at < start) or (end is not None and at > end):
                continue
            row = _event(entry)
            if all(_selected(entry, row, w["AttributeKey"], w["AttributeValue"]) for w in wanted):
                rows.append(row)
        size = min(int(params.get("MaxResults") or _PAGE), _PAGE)
        offset = int(params.get("NextToken") or 0)
        result: dict[str, Any] = {"Events": rows[offset : offset + size]}
        if offset + size < len(rows):
            result["NextToken"] = str(offset + size)
        return result


def _seconds(value: datetime | None) -> int | None:
    if value is None:
        return None
    return int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp())


def _selected(entry: Entry, row: Mapping[str, Any], key: str, value: str) -> bool:
    if key == "ResourceName":
        return value in entry.resources
    if key == "ResourceType":
        return any(r["ResourceType"] == value for r in row["Resources"])
    field_of = {
        "EventId": "EventId",
        "EventName": "EventName",
        "ReadOnly": "ReadOnly",
        "Username": "Username",
        "EventSource": "EventSource",
        "AccessKeyId": "AccessKeyId",
    }
    if key not in field_of:
        raise AwsFault("InvalidLookupAttributesException", f"Unknown lookup attribute {key}.")
    return bool(row[field_of[key]] == value)


_TYPES = {
    "i": "AWS::EC2::Instance",
    "vpc": "AWS::EC2::VPC",
    "subnet": "AWS::EC2::Subnet",
    "sg": "AWS::EC2::SecurityGroup",
    "igw": "AWS::EC2::InternetGateway",
    "rtb": "AWS::EC2::RouteTable",
    "eni": "AWS::EC2::NetworkInterface",
    "vol": "AWS::EC2::Volume",
    "ami": "AWS::EC2::Ami",
    "lt": "AWS::EC2::LaunchTemplate",
    "eipalloc": "AWS::EC2::EIP",
}


def _event(entry: Entry) -> dict[str, Any]:
    source = f"{_ENDPOINT.get(entry.service, entry.service)}.amazonaws.com"
    at = datetime.fromtimestamp(int(entry.time), UTC)
    failed = entry.code not in ("ok", "lost-reply")
    event_id = str(uuid.uuid5(uuid.NAMESPACE_OID, entry.request_id))
    created = (
        {"resources": list(entry.resources)} if entry.mutating and not failed and entry.resources else None
    )
    record = {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "accountId": ACCOUNT,
            "accessKeyId": entry.access_key,
            "userName": "meshlab",
        },
        "eventTime": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": source,
        "eventName": entry.operation,
        "awsRegion": entry.region,
        "sourceIPAddress": "127.0.0.1",
        "userAgent": entry.user_agent,
        "requestParameters": entry.params or None,
        "responseElements": created,
        **({"errorCode": entry.code, "errorMessage": entry.message} if failed else {}),
        "requestID": entry.request_id,
        "eventID": event_id,
        "readOnly": not entry.mutating,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
    }
    resources = [
        {"ResourceType": _TYPES.get(name.partition("-")[0], "AWS::Other"), "ResourceName": name}
        for name in entry.resources
    ]
    return {
        "EventId": event_id,
        "EventName": entry.operation,
        "ReadOnly": str(not entry.mutating).lower(),
        "AccessKeyId": entry.access_key,
        "EventTime": at,
        "EventSource": source,
        "Username": "meshlab",
        "Resources": resources,
        "CloudTrailEvent": json.dumps(record, default=str),
    }
