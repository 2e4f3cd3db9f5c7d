"""The live clients of one cluster, made when first asked for and closed together."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING

from meshlab.live.target import Target
from meshlab.provision.strongbox import Strongbox

if TYPE_CHECKING:
    from meshlab.model import Topology


class Connections:
    """Gives the clients of AWS, Talos, Kubernetes and Vault for one cluster on one target."""

    def __init__(self, target: Target, cluster: str, strongbox: Strongbox) -> None:
        self.target = target
        self.cluster = cluster
        self.strongbox = strongbox
        self._lock = threading.RLock()

    def __enter__(self) -> Connections:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes what was opened."""

    def machines_down(self, topology: Topology) -> Iterable[str]:
        """Gives the machines that do not answer now."""
        return ()
