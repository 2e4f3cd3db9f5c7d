"""The live clients of one cluster, made when first asked for and closed together."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING

from meshlab.live.reach.table import REACHES
from meshlab.live.target import Target
from meshlab.provision.cluster.strongbox import Strongbox

if TYPE_CHECKING:
    import ssl

    from meshlab.live.aws.session import AwsSession, Exchange
    from meshlab.live.kubernetes import KubernetesApi
    from meshlab.live.secret import Secret
    from meshlab.live.talos.client import TalosClient
    from meshlab.live.talos.talosconfig import Talosconfig
    from meshlab.live.vault import VaultClient
    from meshlab.model import Topology

TALOS_SECRETS = "talos secrets"
TALOSCONFIG = "talosconfig"
KUBECONFIG = "kubeconfig"
"""Names in the strongbox."""


class Connections:
    """Gives the clients of AWS, Talos, Kubernetes and Vault for one cluster on one target."""

    def __init__(self, target: Target, cluster: str, strongbox: Strongbox) -> None:
        self.target = target
        self.cluster = cluster
        self.strongbox = strongbox
        self.reach = REACHES["direct"](target)
        self._lock = threading.RLock()
        self._open = ExitStack()
        self._aws: AwsSession | None = None
        self._kubernetes: KubernetesApi | None = None
        self._proxy_tls: ssl.SSLContext | None = None
        self._heard = threading.local()

    def __enter__(self) -> Connections:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes what was opened."""
        self._open.close()

    # -- AWS

    @property
    def aws(self) -> AwsSession:
        """The one session to AWS."""
        from meshlab.live.aws.session import AwsSession

        with self._lock:
            if self._aws is None:
                self._aws = AwsSession.to(self.target, self._hear)
            return self._aws

    def _hear(self, exchange: Exchange) -> None:
        if exchange.request_id and not exchange.operation.partition(".")[2].startswith(("describe", "get")):
            heard = getattr(self._heard, "ids", [])
            self._heard.ids = [*heard, exchange.request_id][-20:]

    def request_ids(self) -> str:
        """Gives the ids of this thread's changing requests since it last asked; CloudTrail finds them by these."""
        ids = getattr(self._heard, "ids", [])
        self._heard.ids = []
        return " ".join(ids)

    # -- Talos

    @property
    def talosconfig(self) -> Talosconfig | None:
        """The credentials for the machines; None before they were made."""
        from meshlab.live.secret import Secret
        from meshlab.live.talos.talosconfig import Talosconfig

        kept = self.strongbox.get(TALOSCONFIG)
        return None if kept is None else Talosconfig.from_yaml(Secret(kept.reveal_text(), name="talosconfig"))

    def talos(
        self, address: str, *, maintenance: bool = False, timeout_s: float | None = None
    ) -> TalosClient:
        """Gives a client of one machine, to be used in a `with` block.

        Parameters
        ----------
        address
            The machine's cluster address; the target says where that is dialled.
        maintenance
            Without credentials, as a machine without a configuration is spoken to.
        """
        config = None if maintenance else self.talosconfig
        timeout = self.target.patience.call if timeout_s is None else timeout_s
        return self.reach.talos(address, config, timeout_s=timeout)

    # -- Kubernetes, and Vault through it

    @property
    def kubernetes(self) -> KubernetesApi:
        """The Kubernetes API over all control planes.

        Raises
        ------
        StrongboxError
            There is no kubeconfig yet.
        """
        from meshlab.live.kubernetes import Timeouts, connect

        with self._lock:
            if self._kubernetes is None:
                config = self.talosconfig
                masters = config.endpoints if config else ()
                answer = self.target.patience.call
                self._kubernetes = self._open.enter_context(
                    connect(
                        self.strongbox.need(KUBECONFIG),
                        dial=self.target.dial,
                        timeouts=Timeouts(connect_s=min(3.0, answer), answer_s=answer),
                        endpoints=[f"https://{address}:6443" for address in masters],
                    )
                )
            return self._kubernetes

    def vault(self, pod: str, token: Secret[str] | None = None) -> VaultClient:
        """Gives a client of one Vault pod through the Kubernetes API's pod proxy, for a `with` block."""
        from meshlab.live.vault import VaultClient
        from meshlab.provision.manifests.vault import NAMESPACE, PORT

        api = self.kubernetes
        # The API server in use answers now, or this moves on to one that does: hvac knows only one URL.
        api.text("GET", "/version")
        url = api.pod_proxy_url(NAMESPACE, pod, PORT, "https")
        return VaultClient(url, name=pod, token=token, tls=self._tls(), timeout_s=self.target.patience.call)

    def _tls(self) -> ssl.SSLContext:
        import ssl

        with self._lock:
            if self._proxy_tls is None:
                files = self.kubernetes.files
                self._proxy_tls = ssl.create_default_context(cafile=files.authority)
                if files.certificate:
                    self._proxy_tls.load_cert_chain(files.certificate, files.key)
            return self._proxy_tls

    def machines_down(self, topology: Topology) -> Iterable[str]:
        """Gives the machines that do not answer on the Talos API now."""
        from concurrent.futures import ThreadPoolExecutor

        from meshlab.live.talos.errors import TalosError

        def down(name: str, address: str) -> str:
            try:
                with self.talos(address, timeout_s=3.0) as client:
                    client.version()
            except TalosError:
                return name
            return ""

        machines = [(m.name, m.address) for m in topology.machines]
        with ThreadPoolExecutor(len(machines) or 1) as pool:
            return [name for name in pool.map(lambda m: down(*m), machines) if name]
