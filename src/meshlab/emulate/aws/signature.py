"""Who may call the emulated cloud: one access key per world, and requests signed with it (AWS signature, version 4).

What is refused is refused in the words of the service that was asked. Sources: "Create a signed AWS API request" (IAM
user guide); "Common errors" of the EC2, IAM and KMS API references.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote

from meshlab.emulate.aws.wire import AwsFault, Call, protocol
from meshlab.live.aws.credentials import Credentials
from meshlab.live.secret import Secret

_SKEW = timedelta(minutes=15)
_HEADER = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/,\s]+)/(?P<scope>[^,\s]+),\s*"
    r"SignedHeaders=(?P<headers>[^,\s]+),\s*Signature=(?P<signature>[0-9a-f]{64})\s*"
)


def new_credentials() -> Credentials:
    """Gives an access key that nobody else has, in the form of AWS's own."""
    letters = string.ascii_uppercase + "234567"
    key = "AKIA" + "".join(secrets.choice(letters) for _ in range(16))
    return Credentials(key, Secret(secrets.token_urlsafe(30), name="AWS secret key"))


@dataclass(frozen=True)
class Refusal:
    """What a service answers, per wire protocol: its code and the HTTP status."""

    ec2: tuple[str, int]
    query: tuple[str, int]
    json: tuple[str, int]
    message: str

    def fault(self, call: Call) -> AwsFault:
        """Gives it as the service that was called answers it."""
        code, status = {"ec2": self.ec2, "json": self.json}.get(protocol(call.service), self.query)
        message = "AWS was not able to validate the provided access credentials"
        return AwsFault(code, message if code == "AuthFailure" else self.message, status)


UNSIGNED = Refusal(
    ("MissingAuthenticationToken", 403),
    ("MissingAuthenticationToken", 403),
    ("MissingAuthenticationTokenException", 403),
    "Request is missing Authentication Token",
)
UNKNOWN_KEY = Refusal(
    ("AuthFailure", 401),
    ("InvalidClientTokenId", 403),
    ("UnrecognizedClientException", 400),
    "The security token included in the request is invalid.",
)
WRONG_SIGNATURE = Refusal(
    ("AuthFailure", 401),
    ("SignatureDoesNotMatch", 403),
    ("InvalidSignatureException", 400),
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details.",
)
EXPIRED = Refusal(
    ("RequestExpired", 400),
    ("SignatureDoesNotMatch", 403),
    ("InvalidSignatureException", 400),
    "Signature expired: the request is more than 15 minutes away from the time of this cloud.",
)


def check(call: Call, query: str, credentials: Credentials, now: datetime) -> None:
    """Lets a call pass that was signed with the account's key, as it is, within a quarter of an hour.

    Parameters
    ----------
    query
        The raw query string of its URL.

    Raises
    ------
    AwsFault
        It was not; the code is that of the service.
    """
    headers = {name.lower(): " ".join(value.split()) for name, value in call.headers.items()}
    given = _HEADER.fullmatch(headers.get("authorization", ""))
    stamp = headers.get("x-amz-date", "")
    if given is None or not stamp:
        raise UNSIGNED.fault(call)
    if not hmac.compare_digest(given["key"].encode(), credentials.access_key.encode()):
        raise UNKNOWN_KEY.fault(call)
    signed = given["headers"].split(";")
    must = {"host", *(name for name in headers if name.startswith("x-amz-"))}
    if not must <= set(signed) or not given["scope"].startswith(f"{stamp[:8]}/"):
        raise WRONG_SIGNATURE.fault(call)
    canonical = _canonical(call, query, headers, signed)
    wanted = _signature(credentials.secret_key, stamp, given["scope"], canonical)
    if not hmac.compare_digest(wanted, given["signature"]):
        raise WRONG_SIGNATURE.fault(call)
    if abs(now - _moment(stamp, call)) > _SKEW:
        raise EXPIRED.fault(call)


def _canonical(call: Call, query: str, headers: Mapping[str, str], signed: list[str]) -> str:
    """The request in the one form that both sides sign; the body counts by its real digest, whatever a header says."""
    pairs = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in parse_qsl(query, keep_blank_values=True)
    )
    return "\n".join(
        [
            call.method,
            quote(call.path.partition("?")[0], safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{headers.get(name, '')}" for name in signed),
            "",
            ";".join(signed),
            hashlib.sha256(call.body).hexdigest(),
        ]
    )


def _signature(secret: Secret[str], stamp: str, scope: str, canonical: str) -> str:
    key = f"AWS4{secret.reveal()}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
    return hmac.digest(key, text.encode(), "sha256").hex()


def _moment(stamp: str, call: Call) -> datetime:
    try:
        return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise WRONG_SIGNATURE.fault(call) from None
