"""Straight to each machine's Talos API, at its cluster address or where the target says that this is dialled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshlab.live.target import Target

if TYPE_CHECKING:
    from meshlab.live.talos.client import TalosClient
    from meshlab.live.talos.talosconfig import Talosconfig


class Direct:
    """Reaches the machines by their own addresses."""

    def __init__(self, target: Target) -> None:
        self._dial = target.dial

    def talos(self, address: str, credentials: Talosconfig | None, *, timeout_s: float) -> TalosClient:
        """Gives a client of one machine."""
        from meshlab.live.talos.client import TalosClient

        return TalosClient(address, credentials, timeout_s=timeout_s, dial=self._dial)
