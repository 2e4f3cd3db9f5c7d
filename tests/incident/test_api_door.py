"""Questions to the API over several endpoints: silence of one must not look like an outage of all."""

from __future__ import annotations

import base64
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from meshlab.incident.observe.api_door import ApiDoor
from meshlab.incident.observe.live_probes import ChainProbe, PodLine, VaultProbe, WriteProbe
from meshlab.incident.observe.probes import NoPath, Refused, Silent
from meshlab.live.secret import Secret
from meshlab.model import InputError
from own_addresses import dialled, network
from own_time import PATIENCE_S

Answer = Callable[[str, str, bytes], "tuple[int, bytes] | None"]
GOOD, OTHER = f"{dialled(network(4))}.0.1", f"{dialled(network(4))}.0.2"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test API")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(a)) for a in (GOOD, OTHER)]),
            False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM).decode()
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_text(
        pem
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
    )
    return path, pem


def kubeconfig(pem: str) -> Secret[str]:
    data = base64.b64encode(pem.encode()).decode()
    return Secret(
        json.dumps(
            {
                "clusters": [
                    {"name": "c", "cluster": {"server": "https://x:6443", "certificate-authority-data": data}}
                ],
                "users": [{"name": "u", "user": {"token": "observer-token"}}],
            }
        ),
        name="kubeconfig",
    )


@contextmanager
def serving(
    certificate: tuple[Path, str], answers: dict[str, Answer], patience_s: float = PATIENCE_S
) -> Iterator[ApiDoor]:
    """API servers on the loopback addresses given; one whose answer is None keeps its client waiting."""
    release = threading.Event()
    servers: list[ThreadingHTTPServer] = []
    port = 0
    for address, answer in answers.items():

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            says = staticmethod(answer)

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                found = self.says(self.command, self.path, body)
                if found is None:
                    release.wait(PATIENCE_S)
                    self.close_connection = True
                    return
                self.send_response(found[0])
                self.send_header("Content-Length", str(len(found[1])))
                self.end_headers()
                self.wfile.write(found[1])

            do_GET = do_POST = do_PATCH = _serve

            def log_message(self, *_: object) -> None: ...

        server = ThreadingHTTPServer((address, port), Handler)
        server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate[0])
        server.socket = context.wrap_socket(server.socket, server_side=True)
        port = server.server_address[1]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        servers.append(server)
    door = ApiDoor({a: a for a in answers}, kubeconfig(certificate[1]), port=port, patience_s=patience_s)
    try:
        yield door
    finally:
        release.set()
        door.close()
        for server in servers:
            server.shutdown()
            server.server_close()


def json_answer(status: int, data: object) -> tuple[int, bytes]:
    return status, json.dumps(data).encode()


def status(code: int, message: str) -> tuple[int, bytes]:
    return json_answer(code, {"kind": "Status", "apiVersion": "v1", "code": code, "message": message})


def silent(*_: object) -> None:
    return None


def test_a_silent_endpoint_costs_less_than_a_clients_patience(certificate, monkeypatch):
    with serving(certificate, {OTHER: silent, GOOD: lambda *_: json_answer(200, {})}) as door:
        assert door.ask("GET", "/livez").endpoint == GOOD
        monkeypatch.setattr(
            "meshlab.incident.observe.api_door.HEDGE_S", PATIENCE_S
        )  # one is asked, no second
        assert door.ask("GET", "/livez", patience_s=60.0).endpoint == GOOD


def test_when_every_endpoint_is_silent_so_is_the_api(certificate):
    with serving(certificate, {GOOD: silent}, patience_s=0.5) as door, pytest.raises(Silent):
        door.ask("GET", "/livez")


def test_a_write_makes_its_lease_once_and_then_renews_it(certificate):
    made: set[str] = set()
    asked: list[str] = []

    def api(method: str, path: str, body: bytes) -> tuple[int, bytes]:
        asked.append(method)
        if method == "POST":
            made.add(json.loads(body)["kind"])
            return json_answer(201, {})
        return json_answer(200, {}) if "Lease" in made else status(404, "not found")

    with serving(certificate, {GOOD: api}) as door:
        probe = WriteProbe(door)
        assert probe.ask() == {"endpoint": GOOD}
        assert probe.ask() == {"endpoint": GOOD}
    assert made == {"Namespace", "Lease"}
    assert asked == ["PATCH", "POST", "POST", "PATCH", "PATCH"]


def test_an_api_without_its_etcd_refuses_the_write_in_its_own_words(certificate):
    with serving(certificate, {GOOD: lambda *_: status(500, "etcdserver: request timed out")}) as door:
        with pytest.raises(Refused, match="request timed out"):
            WriteProbe(door).ask()
        with pytest.raises(NoPath, match="request timed out"):
            PodLine(door, "vault", "vault-0", 8200, "https").ask("GET", "/v1/sys/health")


def test_a_pod_that_does_not_answer_is_silent_while_the_api_does(certificate):
    def api(method: str, path: str, body: bytes) -> tuple[int, bytes] | None:
        return json_answer(200, {}) if path == "/livez" else None

    with (
        serving(certificate, {GOOD: api}, patience_s=3.0) as door,
        pytest.raises(Silent, match="the pod"),
    ):
        PodLine(door, "vault", "vault-0", 8200, "https").ask("GET", "/v1/sys/health")


@pytest.mark.parametrize(
    ("code", "message", "error"),
    [
        (503, "error trying to reach service: dial tcp 10.244.0.7:8200: i/o timeout", Silent),
        (
            503,
            "error trying to reach service: dial tcp 10.244.0.7:8200: connect: connection refused",
            Refused,
        ),
        (404, 'pods "vault-0" not found', Refused),
    ],
)
def test_the_proxys_errors_tell_pod_from_api(certificate, code, message, error):
    with serving(certificate, {GOOD: lambda *_: status(code, message)}) as door, pytest.raises(error):
        PodLine(door, "vault", "vault-0", 8200, "https").ask("GET", "/x")


def test_a_sealed_vault_answers_503_and_is_sealed_not_silent(certificate):
    body = {"initialized": True, "sealed": True, "standby": True}
    paths: list[str] = []

    def api(method: str, path: str, _: bytes) -> tuple[int, bytes]:
        paths.append(path)
        return json_answer(503, body)

    with serving(certificate, {GOOD: api}) as door:
        answer = VaultProbe("master-2", PodLine(door, "vault", "vault-1", 8200, "https"), "vault-1").ask()
    assert answer == {"pod": "vault-1", **body}
    assert paths == ["/api/v1/namespaces/vault/pods/https:vault-1:8200/proxy/v1/sys/health"]


@pytest.mark.parametrize(
    ("role", "reply", "syncing", "lag"),
    [
        ("solana", {"result": "ok"}, False, 0.0),
        ("solana", {"error": {"code": -32005, "data": {"numSlotsBehind": 140}}}, True, 140.0),
        ("ethereum", {"result": False}, False, 0.0),
        ("ethereum", {"result": {"currentBlock": "0x10", "highestBlock": "0x20"}}, True, 16.0),
        ("tron", {"block_header": {"raw_data": {"timestamp": 0}}}, True, None),
    ],
)
def test_each_chain_is_asked_in_its_own_words(certificate, role, reply, syncing, lag):
    with serving(certificate, {GOOD: lambda *_: json_answer(200, reply)}) as door:
        answer = ChainProbe(role, role, PodLine(door, "chains", f"{role}-0", 8899)).ask()
    assert answer["syncing"] is syncing
    assert lag is None or answer["lag"] == lag


def test_a_kubeconfig_that_cannot_be_used_is_said_without_showing_it():
    with pytest.raises(InputError, match="kubeconfig") as caught:
        ApiDoor({"a": GOOD}, Secret('{"clusters": [], "users": [], "hidden": "sesame"}'))
    assert "sesame" not in str(caught.value)
