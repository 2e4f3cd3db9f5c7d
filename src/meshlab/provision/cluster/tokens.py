"""Client tokens: the same for every attempt at one thing, so that a repeated call finds the first one's result."""

from __future__ import annotations

import base64
import hashlib


def client_token(run: str, logical_id: str, generation: int) -> str:
    """Gives a token of at most 64 ASCII characters from (run, logical id, generation).

    EC2 binds a token to the first call's parameters for at least 24 h after the thing is gone; another
    attempt with other parameters needs another generation (facts: live-bringup 1.2).
    """
    digest = hashlib.sha256(f"{run}\0{logical_id}\0{generation}".encode()).digest()
    return "meshlab-" + base64.b32encode(digest).decode().rstrip("=").lower()
