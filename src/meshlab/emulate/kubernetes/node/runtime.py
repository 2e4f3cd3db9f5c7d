"""What a kubelet stand-in runs pods with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Protocol

from meshlab.emulate.kubernetes.objects.status import Object


class RunState(Protocol):
    """What a pod's containers do; ``started_at`` is Unix seconds."""

    @property
    def phase(self) -> str: ...

    @property
    def ready(self) -> bool: ...

    @property
    def restarts(self) -> int: ...

    @property
    def message(self) -> str: ...

    @property
    def started_at(self) -> float | None: ...


class PodRuntime(Protocol):
    """Runs the containers of pods, with their probes and restarts."""

    async def start(
        self,
        machine: str,
        pod: Object,
        volumes: Mapping[str, Path],
        config: Mapping[str, Mapping[str, bytes]],
    ) -> None: ...

    async def stop(self, machine: str, pod_key: str, grace_s: float) -> None: ...

    def state(self, pod_key: str) -> RunState: ...

    def logs(
        self, pod_key: str, container: str | None, tail: int | None, follow: bool
    ) -> AsyncIterator[bytes]: ...

    def address(self, pod_key: str) -> str: ...
