"""What a way to reach the machines offers: a client of one machine's Talos API, with whose credentials and how far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from meshlab.live.target import Target

if TYPE_CHECKING:
    from meshlab.live.talos.client import TalosClient
    from meshlab.live.talos.talosconfig import Talosconfig


class Reach(Protocol):
    """One way to reach the machines of a target."""

    def __init__(self, target: Target) -> None: ...

    def talos(self, address: str, credentials: Talosconfig | None, *, timeout_s: float) -> TalosClient:
        """Gives a client of one machine, to be used in a `with` block.

        Parameters
        ----------
        address
            The machine's cluster address.
        credentials
            None: without any, as a machine without a configuration is spoken to.
        """
