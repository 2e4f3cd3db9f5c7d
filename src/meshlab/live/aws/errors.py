"""AWS errors sorted by what a caller does next. The table is ``facts/live-bringup`` §1.3."""

from __future__ import annotations

import re
from enum import StrEnum

from meshlab.model.errors import LiveError


class ErrorKind(StrEnum):
    """What an error means for the caller. One kind for each reaction."""

    THROTTLED = "throttled"
    """Refused for its rate; nothing was done. Back off, keep the token."""
    UNKNOWN_OUTCOME = "unknown_outcome"
    """It may have been done. Same token again, or probe."""
    UNREACHABLE = "unreachable"
    """It never arrived, or it was a read. Nothing was done."""
    EXISTS = "exists"
    """Something with this natural key is there: read it, compare, adopt or stop."""
    NOT_FOUND = "not_found"
    """There is no such object."""
    LAGGING = "lagging"
    """It was made a moment ago and cannot be seen yet. Wait, never create again."""
    NOT_READY = "not_ready"
    """It is in a state that does not allow this. Wait for the state, then repeat."""
    DENIED = "denied"
    """The credentials may not. Stop; the run stays resumable."""
    QUOTA = "quota"
    """An account limit. Stop and show it."""
    CAPACITY = "capacity"
    """The zone has none of this type now. Another type needs another token."""
    DEPENDENCY = "dependency"
    """Something still uses it."""
    PROTECTED = "protected"
    """Protection against termination or stop is set."""
    TOKEN_SPENT = "token_spent"
    """The token belongs to other parameters or to a terminated instance: a new attempt needs a new generation."""
    INVALID = "invalid"
    """The request is wrong as it stands."""


class AwsError(LiveError):
    """A call to AWS that did not succeed.

    Attributes
    ----------
    kind
        What to do next.
    code, message
        As AWS gave them (boto3's exception name where nothing was answered). Never holds parameters.
    request_id
        AWS's id of the request, to find it in CloudTrail; empty when nothing was answered.
    operation
        The API operation, ``ec2.run_instances``.
    """

    def __init__(
        self, kind: ErrorKind, code: str, message: str, *, request_id: str = "", operation: str = ""
    ) -> None:
        self.kind, self.code, self.message = kind, code, message
        self.request_id, self.operation = request_id, operation
        place = f"{operation}: " if operation else ""
        trailer = f" (request {request_id})" if request_id else ""
        super().__init__(f"{place}{code}: {message}{trailer} [{kind}]")

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuilt, (self.kind, self.code, self.message, self.request_id, self.operation))


def _rebuilt(kind: ErrorKind, code: str, message: str, request_id: str, operation: str) -> AwsError:
    return AwsError(kind, code, message, request_id=request_id, operation=operation)


_BY_CODE: dict[str, ErrorKind] = {
    code: kind
    for kind, codes in {
        ErrorKind.THROTTLED: "RequestLimitExceeded Throttling ThrottlingException TooManyRequestsException "
        "RequestThrottled SlowDown EC2ThrottledException",
        ErrorKind.UNKNOWN_OUTCOME: "InternalError InternalFailure Unavailable ServiceUnavailable "
        "ServiceUnavailableException KMSInternalException RequestTimeout",
        ErrorKind.EXISTS: "InvalidGroup.Duplicate InvalidPermission.Duplicate InvalidSubnet.Conflict "
        "RouteAlreadyExists Resource.AlreadyAssociated InvalidLaunchTemplateName.AlreadyExistsException "
        "EntityAlreadyExists AlreadyExistsException DuplicateLoadBalancerName DuplicateTargetGroupName "
        "InvalidIPAddress.InUse",
        ErrorKind.NOT_FOUND: "NoSuchEntity NotFoundException ResourceNotFoundException NatGatewayNotFound "
        "InvalidRoute.NotFound InvalidAssociationID.NotFound Gateway.NotAttached LoadBalancerNotFound",
        ErrorKind.NOT_READY: "IncorrectState IncorrectInstanceState InvalidInstanceID "
        "KMSInvalidStateException ResourceInUse DependencyTimeoutException",
        ErrorKind.DENIED: "UnauthorizedOperation AccessDenied AccessDeniedException ExpiredToken "
        "ExpiredTokenException AuthFailure InvalidClientTokenId SignatureDoesNotMatch OptInRequired "
        "MissingAuthenticationToken RequestExpired UnrecognizedClientException InvalidSignatureException",
        ErrorKind.QUOTA: "InstanceLimitExceeded VcpuLimitExceeded AddressLimitExceeded VpcLimitExceeded "
        "LimitExceeded LimitExceededException SubnetLimitExceeded InternetGatewayLimitExceeded "
        "SecurityGroupLimitExceeded VolumeLimitExceeded ResourceLimitExceeded",
        ErrorKind.CAPACITY: "InsufficientInstanceCapacity InsufficientHostCapacity InsufficientAddressCapacity "
        "InsufficientCapacity",
        ErrorKind.DEPENDENCY: "DependencyViolation DeleteConflict VolumeInUse InvalidNetworkInterface.InUse "
        "CannotDelete",
        ErrorKind.PROTECTED: "OperationNotPermitted",
        ErrorKind.TOKEN_SPENT: "IdempotentParameterMismatch IdempotentInstanceTerminated "
        "IdempotencyParameterMismatch",
    }.items()
    for code in codes.split()
}
_PROFILE_UNKNOWN = re.compile(r"Invalid IAM Instance Profile name|has no associated IAM Roles")


def classify(code: str, message: str, status: int) -> ErrorKind:
    """The kind of an error that AWS answered.

    A NotFound is NOT_FOUND here; the session makes it LAGGING when it knows that the object was just made.
    """
    if code in _BY_CODE:
        return _BY_CODE[code]
    if "NotFound" in code:
        return ErrorKind.NOT_FOUND
    if code == "InvalidParameterValue" and _PROFILE_UNKNOWN.search(message):
        return ErrorKind.LAGGING  # IAM spreads in seconds to about two minutes
    if status >= 500:
        return ErrorKind.UNKNOWN_OUTCOME
    return ErrorKind.INVALID
