"""Vault or OpenBao through hvac: health, init, unseal, raft and autopilot, with secrets that stay masked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from meshlab.live.secret import Secret
from meshlab.model import LiveError

if TYPE_CHECKING:
    import ssl

    import requests

Kind = Literal[
    "unreachable", "unknown-outcome", "sealed", "not-initialised", "denied", "invalid", "not-found", "failed"
]


class VaultError(LiveError):
    """Vault did not do what was asked; `kind` says how to react. Its text holds no token and no key.

    ``unreachable``: nothing was done; ``unknown-outcome``: it may have been done (the answer was lost).
    """

    def __init__(self, kind: Kind, message: str, server: str = "") -> None:
        super().__init__(f"{server}: {message}" if server else message)
        self.kind: Kind = kind
        self.server = server


@dataclass(frozen=True)
class Health:
    """What ``sys/health`` says of one server. Codes: 200 active, 429 standby, 501 not initialised, 503 sealed."""

    code: int
    initialized: bool
    sealed: bool
    standby: bool
    version: str = ""
    cluster: str = ""

    @property
    def active(self) -> bool:
        return self.initialized and not self.sealed and not self.standby


@dataclass(frozen=True)
class RaftPeer:
    """One member of Vault's raft group, as its leader lists it."""

    node: str
    address: str
    leader: bool
    voter: bool


@dataclass(frozen=True)
class AutopilotServer:
    """What autopilot knows of one server: `status` is ``leader``, ``voter`` or ``non-voter``."""

    node: str
    status: str
    healthy: bool


@dataclass(frozen=True)
class Autopilot:
    """Autopilot's view of the raft group. `failure_tolerance`: how many servers may be lost now."""

    healthy: bool
    failure_tolerance: int
    leader: str
    voters: tuple[str, ...]
    servers: tuple[AutopilotServer, ...]


@dataclass(frozen=True)
class InitKeys:
    """What init gives once and never again."""

    unseal_keys: tuple[Secret[str], ...]
    recovery_keys: tuple[Secret[str], ...]
    root_token: Secret[str]

    @classmethod
    def parse(cls, reply: Secret[bytes]) -> InitKeys:
        """Reads the bytes of an init reply.

        Raises
        ------
        VaultError
            They are no such reply; the bytes are not shown.
        """
        try:
            data = json.loads(reply.reveal())
            return cls(
                tuple(Secret(str(key), name="Vault unseal key") for key in data.get("keys_base64", ())),
                tuple(
                    Secret(str(key), name="Vault recovery key")
                    for key in data.get("recovery_keys_base64") or ()
                ),
                Secret(str(data["root_token"]), name="Vault root token"),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise VaultError("invalid", "the reply of init that was kept cannot be read") from None


INIT_TIMEOUT_S = 180.0
"""Init answers after the first raft election (5-10 s with multiplier 5); who gives up earlier loses the only keys."""


class VaultClient:
    """One Vault or OpenBao server.

    Parameters
    ----------
    url
        Its base URL: its own address, or the pod proxy of the Kubernetes API in front of it.
    name
        What errors call it (``vault-0``).
    token
        Sent where given.
    tls
        Verifies the server and may carry a client certificate (the pod proxy wants one).
    headers
        Sent with every request.
    timeout_s
        Of connecting and of each read.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = "vault",
        token: Secret[str] | Secret[bytes] | None = None,
        tls: ssl.SSLContext | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        import hvac

        self.url = url
        self.name = name
        self._tls = tls
        self._headers = dict(headers or {})
        self._timeout_s = timeout_s
        self._session = _session(tls, self._headers)
        self._client: Any = hvac.Client(
            url=url,
            token=token.reveal_text() if token is not None else "",
            session=self._session,
            timeout=timeout_s,
            # With a session of one's own, hvac overwrites nothing of it, but reads `verify` from here.
            verify=True,
        )

    def __repr__(self) -> str:
        return f"VaultClient({self.name})"

    def __enter__(self) -> VaultClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes its connections."""
        self._session.close()

    def with_token(self, token: Secret[str] | Secret[bytes]) -> VaultClient:
        """Gives a client of the same server that sends this token."""
        return VaultClient(
            self.url,
            name=self.name,
            token=token,
            tls=self._tls,
            headers=self._headers,
            timeout_s=self._timeout_s,
        )

    # -- state

    def health(self) -> Health:
        """Gives the server's state; asked with GET, because hvac's HEAD ignores every parameter (facts 3.1)."""
        with self._errors(changing=False):
            answer = self._client.sys.read_health_status(method="GET")
        if isinstance(answer, dict):
            code, data = 200, answer
        else:
            code, data = answer.status_code, _json(answer)
        if "initialized" not in data:
            raise VaultError(
                "unreachable", _status_text(data) or f"no Vault answers there (HTTP {code})", self.name
            )
        return Health(
            code,
            bool(data["initialized"]),
            bool(data["sealed"]),
            bool(data["standby"]),
            str(data.get("version", "")),
            str(data.get("cluster_id", "")),
        )

    def initialized(self) -> bool:
        """Says whether the server belongs to an initialised Vault."""
        with self._errors(changing=False):
            return bool(self._client.sys.read_init_status()["initialized"])

    # -- once in a life

    def initialize(
        self,
        keep: Callable[[Secret[bytes]], None],
        *,
        shares: int = 5,
        threshold: int = 3,
        auto_unseal: bool = False,
    ) -> InitKeys:
        """Initialises Vault. The reply is the only copy of the keys: `keep` gets its bytes before they are read.

        Raises
        ------
        VaultError
            ``unknown-outcome`` where the answer was lost: then the keys may exist and be lost.
        """
        kind = "recovery" if auto_unseal else "secret"
        body = {f"{kind}_shares": shares, f"{kind}_threshold": threshold}
        with self._errors(changing=True):
            from hvac.adapters import RawAdapter

            answer = RawAdapter.from_adapter(self._client.adapter).put(
                "/v1/sys/init", json=body, timeout=INIT_TIMEOUT_S
            )
            reply = Secret(bytes(answer.content), name="reply of Vault's init")
        keep(reply)
        return InitKeys.parse(reply)

    # -- unseal, raft

    def unseal(self, keys: Iterable[Secret[str]]) -> bool:
        """Submits unseal keys until the server is unsealed; says whether it is."""
        with self._errors(changing=True):
            for key in keys:
                if not self._client.sys.submit_unseal_key(key=key.reveal())["sealed"]:
                    return True
        return False

    def join(self, leader_url: str, *, ca_certificate: str = "") -> None:
        """Makes this server join the raft group of another (where the config's retry_join does not)."""
        with self._errors(changing=True):
            self._client.sys.join_raft_cluster(
                leader_api_addr=leader_url, retry=True, leader_ca_cert=ca_certificate or None
            )

    def raft_peers(self) -> tuple[RaftPeer, ...]:
        """Gives the members of the raft group."""
        with self._errors(changing=False):
            data = self._client.sys.read_raft_config()["data"]["config"]["servers"]
        peers = (RaftPeer(s["node_id"], s["address"], bool(s["leader"]), bool(s["voter"])) for s in data)
        return tuple(sorted(peers, key=lambda peer: peer.node))

    def autopilot(self) -> Autopilot:
        """Gives autopilot's view; asked raw, because hvac has no call for it."""
        data = self.read("sys/storage/raft/autopilot/state")
        servers = data.get("servers") or {}
        return Autopilot(
            bool(data.get("healthy")),
            int(data.get("failure_tolerance", 0)),
            str(data.get("leader", "")),
            tuple(sorted(data.get("voters") or ())),
            tuple(
                AutopilotServer(str(s.get("id", name)), str(s.get("status", "")), bool(s.get("healthy")))
                for name, s in sorted(servers.items())
            ),
        )

    def configure_autopilot(self, **settings: object) -> None:
        """Sets autopilot's configuration (``server_stabilization_time``, ``min_quorum``, …)."""
        self.write("sys/storage/raft/autopilot/configuration", settings)

    def remove_peer(self, node: str) -> None:
        """Removes a member from the raft group."""
        with self._errors(changing=True):
            self._client.sys.remove_raft_node(server_id=node)

    def step_down(self) -> None:
        """Makes the active server give up its leadership."""
        with self._errors(changing=True):
            self._client.sys.step_down()

    # -- configuration

    def audit_devices(self) -> tuple[str, ...]:
        """Gives the paths of the audit devices."""
        return self._listed(lambda: self._client.sys.list_enabled_audit_devices())

    def auth_methods(self) -> tuple[str, ...]:
        """Gives the paths of the auth methods (``kubernetes/``, ``token/``)."""
        return self._listed(lambda: self._client.sys.list_auth_methods())

    def engines(self) -> tuple[str, ...]:
        """Gives the paths of the secrets engines (``kv/``, ``sys/``)."""
        return self._listed(lambda: self._client.sys.list_mounted_secrets_engines())

    def policies(self) -> tuple[str, ...]:
        """Gives the names of the policies."""
        with self._errors(changing=False):
            data = self._client.sys.list_policies()
        return tuple(sorted(data["data"]["policies"] if "data" in data else data["policies"]))

    def write_policy(self, name: str, text: str) -> None:
        with self._errors(changing=True):
            self._client.sys.create_or_update_policy(name=name, policy=text)

    def enable_auth(self, method: str) -> None:
        with self._errors(changing=True):
            self._client.sys.enable_auth_method(method_type=method)

    def configure_kubernetes_auth(self, host: str, ca_certificate: str = "") -> None:
        """Tells the Kubernetes auth method which API server reviews its tokens."""
        body: dict[str, object] = {"kubernetes_host": host}
        if ca_certificate:
            body["kubernetes_ca_cert"] = ca_certificate
        self.write("auth/kubernetes/config", body)

    def write_kubernetes_role(
        self, name: str, *, accounts: list[str], namespaces: list[str], policies: list[str], ttl: str = "1h"
    ) -> None:
        with self._errors(changing=True):
            self._client.auth.kubernetes.create_role(
                name=name,
                bound_service_account_names=accounts,
                bound_service_account_namespaces=namespaces,
                policies=policies,
                ttl=ttl,
            )

    def enable_engine(self, engine: str, path: str, **options: str) -> None:
        with self._errors(changing=True):
            self._client.sys.enable_secrets_engine(backend_type=engine, path=path, options=options or None)

    def revoke_self(self) -> None:
        """Revokes the token that this client sends; afterwards it is denied everything."""
        with self._errors(changing=True):
            self._client.auth.token.revoke_self()

    def read(self, path: str) -> dict[str, Any]:
        """Gives the data at an API path, raw."""
        with self._errors(changing=False):
            answer = self._client.adapter.get(f"/v1/{path}")
        return dict(answer.get("data") or answer)

    def write(self, path: str, body: Mapping[str, object]) -> None:
        """Writes to an API path, raw."""
        with self._errors(changing=True):
            self._client.adapter.post(f"/v1/{path}", json=dict(body))

    def _listed(self, call: Callable[[], Any]) -> tuple[str, ...]:
        with self._errors(changing=False):
            data = call()
        return tuple(sorted(data.get("data") or data))

    @contextmanager
    def _errors(self, *, changing: bool) -> Iterator[None]:
        import requests
        from hvac import exceptions as hv

        try:
            yield
        except requests.exceptions.ConnectTimeout:
            raise VaultError("unreachable", "no connection within the time-out", self.name) from None
        except requests.exceptions.SSLError as error:
            raise VaultError("unreachable", f"TLS: {_cause(error)}", self.name) from None
        except requests.exceptions.RequestException as error:
            never_left = _refused(error) or not changing
            kind: Kind = "unreachable" if never_left else "unknown-outcome"
            raise VaultError(kind, f"no answer ({_cause(error)})", self.name) from None
        except hv.VaultError as error:
            raise VaultError(_kind(error, changing), _hvac_text(error), self.name) from None


def _kind(error: Any, changing: bool) -> Kind:
    from hvac import exceptions as hv

    text = _hvac_text(error)
    if isinstance(error, hv.VaultDown):
        if "sealed" in text.lower():
            return "sealed"
        return "unknown-outcome" if changing and "reach" not in text else "unreachable"
    if isinstance(error, hv.VaultNotInitialized):
        return "not-initialised"
    if isinstance(error, (hv.Forbidden, hv.Unauthorized)):
        return "denied"
    if isinstance(error, hv.InvalidPath):
        return "not-found"
    if isinstance(error, (hv.InvalidRequest, hv.ParamValidationError)):
        return "invalid"
    if isinstance(error, (hv.BadGateway, hv.RateLimitExceeded)):
        return "unreachable"
    if "not initialized" in text:
        return "not-initialised"
    return "failed"


def _hvac_text(error: Any) -> str:
    """Gives what the server said. hvac appends method and URL, and neither holds a secret here."""
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__


def _refused(error: BaseException) -> bool:
    return "Connection refused" in str(error) or "NewConnectionError" in str(error)


def _cause(error: BaseException) -> str:
    inner = error.args[0] if error.args else error
    reason = getattr(inner, "reason", inner)
    text = str(reason).split(": ")[-1] or type(error).__name__
    return text[:200]


def _json(answer: requests.Response) -> dict[str, Any]:
    try:
        data = answer.json()
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _status_text(data: Mapping[str, Any]) -> str:
    """Gives the message of a Kubernetes Status: the pod proxy's own answer where the pod gives none."""
    return str(data.get("message", ""))[:300] if data.get("kind") == "Status" else ""


def _session(tls: ssl.SSLContext | None, headers: Mapping[str, str]) -> requests.Session:
    import requests
    from requests.adapters import HTTPAdapter

    class _WithContext(HTTPAdapter):
        """Uses the TLS context given: requests itself takes certificates only as files."""

        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, **kwargs, ssl_context=tls)

        def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
            host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
            # Leaves the context as it is: requests would load its own bundle of authorities into it.
            for key in ("ca_certs", "ca_cert_dir", "cert_reqs", "cert_file", "key_file"):
                pool.pop(key, None)
            pool["ssl_context"] = tls
            return host, pool

        def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
            return

    session = requests.Session()
    # Proxies and certificates of the environment are for other traffic.
    session.trust_env = False
    session.headers.update(headers)
    if tls is not None:
        session.mount("https://", _WithContext())
    return session
