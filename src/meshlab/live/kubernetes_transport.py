"""The official Kubernetes client's transport over several API servers: time-outs, failover, refusals."""

from __future__ import annotations

import json
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from meshlab.live.secret import Secret
from meshlab.model.errors import InputError, LiveError
from meshlab.model.reading import YAML, read_text

Object = dict[str, Any]
"""A Kubernetes object or list as decoded JSON."""

Objects = list[Object]


class KubernetesError(LiveError):
    """The Kubernetes API refused, or no API server answered.

    Attributes
    ----------
    code
        HTTP status; 0 when no server answered.
    reason
        The API's own word (NotFound, Conflict, Forbidden, …); Unreachable when no server answered.
    """

    def __init__(self, message: str, code: int = 0, reason: str = "Unreachable") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason

    @property
    def status(self) -> int:
        """The HTTP status; the same as ``code``."""
        return self.code


@dataclass(frozen=True)
class Timeouts:
    """Seconds: to connect, for an answer, and for the silence of a watch (servers send a bookmark each minute)."""

    connect_s: float = 3.0
    answer_s: float = 10.0
    watch_silence_s: float = 90.0


@dataclass(frozen=True)
class ClientFiles:
    """Paths of the CA and the client's pair, for other clients that go through the API server (hvac)."""

    authority: str | None
    certificate: str | None
    key: str | None


def kubeconfig_content(source: Secret[str] | Secret[bytes] | Mapping[str, Any] | Path | str) -> Object:
    if isinstance(source, Mapping):
        return dict(source)
    from ruamel.yaml import YAML as Ruamel
    from ruamel.yaml.error import YAMLError

    if isinstance(source, Secret):
        text, where = source.reveal_text(), source.name or "the kubeconfig"
    else:
        where = str(source)
        try:
            text = read_text(Path(source).expanduser(), YAML)
        except InputError as error:
            raise KubernetesError(f"the kubeconfig cannot be read: {error}") from None
    try:
        found = Ruamel(typ="safe").load(text)
    except YAMLError:
        found = None
    if not isinstance(found, dict) or "clusters" not in found:
        raise KubernetesError(f"{where} is not a kubeconfig: it has no clusters")
    return found


class Transport:
    """Calls to the first of several API servers that answers."""

    def __init__(
        self,
        kubeconfig: Object,
        dial: Callable[[str], str],
        timeouts: Timeouts,
        endpoints: Sequence[str] = (),
    ) -> None:
        from kubernetes import config
        from kubernetes.client import ApiClient, Configuration

        self._timeouts = timeouts
        self._folder = tempfile.TemporaryDirectory(prefix="meshlab-kube-")
        self._cleanup = weakref.finalize(self, self._folder.cleanup)
        base = Configuration()
        try:
            load: Any = config.load_kube_config_from_dict
            load(kubeconfig, client_configuration=base, temp_file_path=self._folder.name)
        except (config.ConfigException, KeyError, TypeError, ValueError) as error:
            self.close()
            raise KubernetesError(f"the kubeconfig cannot be used: {error}") from None
        self._private(base)
        self._headers = {"User-Agent": "meshlab", "Accept": "application/json"}
        token = base.get_api_key_with_prefix("authorization")
        if token:
            self._headers["Authorization"] = token
        self.files = ClientFiles(base.ssl_ca_cert, base.cert_file, base.key_file)
        self._servers: list[tuple[str, Any]] = []
        self._hosts: list[str] = []
        for url in endpoints or (base.host,):
            parts = urlsplit(url)
            host = parts.hostname or ""
            configuration = Configuration()
            for name in ("ssl_ca_cert", "cert_file", "key_file", "verify_ssl"):
                setattr(configuration, name, getattr(base, name))
            dialled = dial(host)
            configuration.host = f"{parts.scheme}://{dialled}:{parts.port or 443}"
            if dialled != host:
                name_to_check: Any = host
                configuration.assert_hostname = name_to_check
            configuration.retries = False
            self._hosts.append(host)
            self._servers.append((configuration.host, ApiClient(configuration)))
        self._current = 0
        self._kinds: dict[str, dict[str, Object]] = {}

    def _private(self, configuration: Any) -> None:
        for name in ("cert_file", "key_file", "ssl_ca_cert"):
            path = getattr(configuration, name, None)
            if path and Path(path).parent == Path(self._folder.name):
                Path(path).chmod(0o600)

    def close(self) -> None:
        """Closes connections and removes the key files."""
        for _, client in getattr(self, "_servers", ()):
            client.rest_client.pool_manager.clear()
        self._cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.server}>"

    @property
    def server(self) -> str:
        """Base URL of the API server in use, as it is dialled."""
        return self._servers[self._current][0]

    # --- calls -------------------------------------------------------------------------------------------------

    def _open(
        self, method: str, path: str, body: bytes | None, content_type: str, answer_s: float | None
    ) -> tuple[int, Any]:
        """Sends to the first server that answers, beginning with the one in use; gives (status, response)."""
        import urllib3

        failures = []
        for _ in range(len(self._servers)):
            url, client = self._servers[self._current]
            headers = dict(self._headers)
            if body is not None:
                headers["Content-Type"] = content_type
            limit = urllib3.Timeout(
                connect=self._timeouts.connect_s, read=answer_s or self._timeouts.answer_s
            )
            try:
                response = client.rest_client.pool_manager.request(
                    method,
                    url + path,
                    body=body,
                    headers=headers,
                    timeout=limit,
                    preload_content=False,
                    retries=False,
                    redirect=False,
                )
                return int(response.status), response
            except urllib3.exceptions.HTTPError as error:
                failures.append(f"{url}: {_plain(error)}")
                self._current = (self._current + 1) % len(self._servers)
        raise KubernetesError("no Kubernetes API server answers: " + "; ".join(failures))

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Object:
        """One call with a JSON answer. Only what may safely be repeated should be sent: a silent server may have acted.

        Raises
        ------
        KubernetesError
            The API refused or no server answered.
        """
        text = self.text(method, path, query=query, body=body, content_type=content_type)
        found: Object = json.loads(text) if text.strip() else {}
        return found

    def text(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> str:
        """One call with a text answer (logs, health checks).

        Raises
        ------
        KubernetesError
            The API refused or no server answered.
        """
        import urllib3

        if query:
            path += "?" + urlencode(query)
        data = None if body is None else json.dumps(body).encode()
        for _ in range(len(self._servers)):
            status, response = self._open(method, path, data, content_type, None)
            try:
                text = response.data.decode(errors="replace")
            except urllib3.exceptions.HTTPError:
                self._current = (self._current + 1) % len(self._servers)
                continue
            finally:
                response.release_conn()
            if status >= 400:
                raise refusal(status, text)
            return str(text)
        raise KubernetesError(f"no Kubernetes API server finished its answer to {method} {path}")


def refusal(status: int, text: str) -> KubernetesError:
    try:
        body = json.loads(text)
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    message = body.get("message") or text.strip()[:300] or f"HTTP {status}"
    return KubernetesError(f"Kubernetes: {message}", status, body.get("reason", ""))


def _plain(error: Exception) -> str:
    """An urllib3 error without its chain of object representations."""
    text = str(getattr(error, "reason", None) or error)
    return text.rpartition(">: ")[2] or text
