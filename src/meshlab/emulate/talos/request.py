"""What a machine can be told that ends its present boot."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Request:
    """Something a machine was told to do that ends its present boot."""

    kind: Literal["reboot", "shutdown", "reset", "configured"]
    actor_id: str = ""
    graceful: bool = True
    then: Literal["reboot", "halt"] = "reboot"
    wipe: frozenset[str] = field(default_factory=frozenset)
