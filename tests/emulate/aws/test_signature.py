"""Who may call the cloud, held against botocore's own signer; what others are answered; web pages get nothing."""

from __future__ import annotations

import http.client
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from awslab import Lab, client, refused
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from meshlab.emulate.aws import signature, wire
from meshlab.live.aws.credentials import Credentials
from meshlab.live.secret import Secret

KEY = Credentials("AKIAEXAMPLEEXAMPLEEX", Secret("a secret of forty characters, more or less"))
NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def signed(
    monkeypatch: pytest.MonkeyPatch,
    *,
    service: str = "ec2",
    body: bytes = b"Action=DescribeVpcs&Version=2016-11-15",
    query: str = "",
    credentials: Credentials = KEY,
    **headers: str,
) -> wire.Call:
    """A request signed by botocore, as a server reads it."""
    import botocore.auth

    monkeypatch.setattr(
        botocore.auth, "get_current_datetime", lambda *_: NOW.replace(tzinfo=None), raising=False
    )
    url = "http://127.0.0.1:5000/" + (f"?{query}" if query else "")
    request = AWSRequest("POST", url, headers={"Host": "127.0.0.1:5000", **headers}, data=body)
    pair = BotoCredentials(credentials.access_key, credentials.secret_key.reveal())
    SigV4Auth(pair, service, "us-east-1").add_auth(request)
    return wire.addressed("POST", "/" + (f"?{query}" if query else ""), dict(request.headers), body)


def moment(call: wire.Call) -> datetime:
    return datetime.strptime(call.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def code(call: wire.Call, *, query: str = "", late: timedelta = timedelta(0), key: Credentials = KEY) -> str:
    """The code with which a call is refused; "passes" if it is not."""
    try:
        signature.check(call, query, key, moment(call) + late)
    except wire.AwsFault as fault:
        return fault.code
    return "passes"


@pytest.mark.parametrize("query", ["", "b=2&a=1", "a=x%20y&a=%2F~&c=", "z=%C3%A9"])
@pytest.mark.parametrize("body", [b"", b"Action=DescribeVpcs", "é".encode()])
def test_what_botocore_signs_passes(monkeypatch: pytest.MonkeyPatch, query: str, body: bytes) -> None:
    assert code(signed(monkeypatch, query=query, body=body), query=query) == "passes"


@pytest.mark.parametrize("header", ["X-Amz-Target", "X-Amz-Security-Token"])
def test_a_header_that_was_signed_counts(monkeypatch: pytest.MonkeyPatch, header: str) -> None:
    call = signed(monkeypatch, **{header: "one   two "})
    assert code(call) == "passes"
    call.headers = {**call.headers, header: "another"}
    assert code(call) == "AuthFailure"


def test_a_header_of_amazons_that_was_not_signed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    call = signed(monkeypatch)
    call.headers = {**call.headers, "X-Amz-Target": "TrentService.CreateKey"}
    assert code(call) == "AuthFailure"


def test_a_body_is_counted_whatever_a_header_says_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    call = signed(monkeypatch)
    call.body = b"Action=DeleteVpc&VpcId=vpc-1"
    assert code(call) == "AuthFailure"


def test_a_query_and_a_path_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    call = signed(monkeypatch, query="a=1")
    assert code(call, query="a=2") == "AuthFailure"
    call.path = "/moto-api/reset"
    assert code(call, query="a=1") == "AuthFailure"


@pytest.mark.parametrize(
    ("late", "answer"), [(14, "passes"), (16, "RequestExpired"), (-16, "RequestExpired")]
)
def test_a_signature_is_good_for_a_quarter_of_an_hour(
    monkeypatch: pytest.MonkeyPatch, late: int, answer: str
) -> None:
    assert code(signed(monkeypatch), late=timedelta(minutes=late)) == answer


@pytest.mark.parametrize(
    ("service", "unknown_key", "wrong_secret"),
    [
        ("ec2", "AuthFailure", "AuthFailure"),
        ("sts", "InvalidClientTokenId", "SignatureDoesNotMatch"),
        ("kms", "UnrecognizedClientException", "InvalidSignatureException"),
    ],
)
def test_each_service_refuses_in_its_own_words(
    monkeypatch: pytest.MonkeyPatch, service: str, unknown_key: str, wrong_secret: str
) -> None:
    call = signed(monkeypatch, service=service)
    assert code(call, key=Credentials("AKIAANOTHERANOTHERAN", KEY.secret_key)) == unknown_key
    assert code(call, key=Credentials(KEY.access_key, Secret("another"))) == wrong_secret


def test_every_world_has_a_key_of_its_own() -> None:
    one, other = signature.new_credentials(), signature.new_credentials()
    assert one.access_key != other.access_key
    assert one.secret_key.reveal() != other.secret_key.reveal()
    assert len(one.secret_key.reveal()) == 40


@pytest.mark.parametrize(
    ("service", "operation", "unknown_key", "wrong_secret"),
    [
        ("ec2", "describe_vpcs", "AuthFailure", "AuthFailure"),
        ("iam", "list_roles", "InvalidClientTokenId", "SignatureDoesNotMatch"),
        ("elbv2", "describe_load_balancers", "InvalidClientTokenId", "SignatureDoesNotMatch"),
        ("kms", "list_keys", "UnrecognizedClientException", "InvalidSignatureException"),
    ],
)
def test_boto3_with_another_key_or_secret_is_refused(
    lab: Lab, service: str, operation: str, unknown_key: str, wrong_secret: str
) -> None:
    own = lab.cloud.credentials
    for credentials, expected in (
        (Credentials("AKIAANOTHERANOTHERAN", own.secret_key), unknown_key),
        (Credentials(own.access_key, Secret("guessed")), wrong_secret),
    ):
        caller = client(lab.cloud.endpoint, service, credentials=credentials)
        assert refused(getattr(caller, operation)) == expected
        caller.close()
    assert len(lab.cloud.log) == 0  # nothing of it came as far as the account


def test_a_service_that_the_account_has_not_is_not_passed_on(lab: Lab) -> None:
    caller = client(lab.cloud.endpoint, "batch", credentials=lab.cloud.credentials)
    with pytest.raises(Exception, match=r"403|OptInRequired"):
        caller.register_job_definition(jobDefinitionName="x", type="container")
    caller.close()


def raw(
    lab: Lab, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    host, _, port = lab.cloud.endpoint.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    try:
        connection.request(
            method, path, body, {name.replace("_", "-"): value for name, value in headers.items()}
        )
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize(
    "path", ["/", "/moto-api/data.json", "/moto-api/reset", "/moto-api/", "/latest/meta-data/"]
)
def test_a_web_page_of_another_origin_gets_nothing(lab: Lab, method: str, path: str) -> None:
    status, headers, body = raw(lab, method, path, Origin="http://evil.example")
    assert status == 403
    assert not [name for name in headers if name.lower().startswith("access-control")]
    assert b"moto" not in body


@pytest.mark.parametrize("host", ["rebind.evil.example", "rebind.evil.example:80", "127.0.0.1:1", ""])
def test_a_name_that_leads_here_is_no_endpoint(lab: Lab, host: str) -> None:
    assert raw(lab, "POST", "/", b"Action=DescribeVpcs", Host=host)[0] in (400, 403)


@pytest.mark.parametrize(
    "path", ["/moto-api/data.json", "/moto-api/reset", "/moto-api/", "/v1/registerjobdefinition"]
)
def test_motos_own_pages_are_not_to_be_had_at_all(lab: Lab, path: str) -> None:
    assert raw(lab, "GET", path)[0] == 403
    assert raw(lab, "POST", path)[0] == 403


def test_an_unsigned_request_is_answered_as_aws_answers_it(lab: Lab) -> None:
    status, _, body = raw(lab, "POST", "/", b"Action=DescribeVpcs&Version=2016-11-15")
    assert (status, b"MissingAuthenticationToken" in body) == (403, True)


def test_a_signature_made_for_another_body_does_not_pass_the_endpoint(lab: Lab, monkeypatch: Any) -> None:
    own = lab.cloud.credentials
    host = lab.cloud.endpoint.removeprefix("http://")
    request = AWSRequest(
        "POST", lab.cloud.endpoint + "/", headers={"Host": host}, data=b"Action=DescribeVpcs"
    )
    SigV4Auth(BotoCredentials(own.access_key, own.secret_key.reveal()), "ec2", "us-east-1").add_auth(request)
    headers = {name.replace("-", "_"): value for name, value in request.headers.items()}
    status, _, body = raw(lab, "POST", "/", b"Action=DeleteVpc&VpcId=vpc-1", **headers)
    assert (status, b"AuthFailure" in body) == (401, True)
