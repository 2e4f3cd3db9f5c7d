"""The gate between a panel and the cells below it: they need what a person does in the panel first."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from meshlab.model import MeshlabError

if TYPE_CHECKING:
    from meshlab.live.target import Target

BEFOREHAND = "MESHLAB_APPROVE"
"""The environment variable by which whoever runs a notebook without a browser approves what it does."""


class NotYet(MeshlabError):
    """The cells below wait for a person; the text says what to do in the panel. A notebook stops here, calmly."""

    def _render_traceback_(self) -> list[str]:
        return [f"○ {self}"]


def approved_beforehand(target: Target) -> bool:
    """Whether the changes were approved from outside: only ever for an embedded cluster, by naming it."""
    return not target.real and os.environ.get(BEFOREHAND) == target.name
