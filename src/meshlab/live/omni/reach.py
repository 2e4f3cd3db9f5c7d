"""Whether Omni answers on a target: the one cheap call by which management is watched."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from meshlab.live.omni.signature import ServiceAccount
from meshlab.live.secret import Secret
from meshlab.model.reading import read_text

if TYPE_CHECKING:
    from meshlab.live.target import Target

KEY_FILE = "omni-service-account"
"""In the directory of an embedded target: its service account, in the form of OMNI_SERVICE_ACCOUNT_KEY."""
VARIABLE = "OMNI_SERVICE_ACCOUNT_KEY"


def account_of(target: Target) -> ServiceAccount | None:
    """Gives the service account for a target: of the embedded Omni its own, else that of the environment."""
    path = target.directory / KEY_FILE
    if not target.real and path.exists():
        return ServiceAccount.from_environment_value(Secret(read_text(path), name=VARIABLE))
    given = os.environ.get(VARIABLE)
    return ServiceAccount.from_environment_value(Secret(given, name=VARIABLE)) if given else None


def management_call(target: Target) -> Callable[[], object] | None:
    """Gives a call that asks Omni for its machines; None where the target has no Omni or no account for it."""
    account = account_of(target) if target.omni_endpoint else None
    if account is None:
        return None

    def ask() -> object:
        from meshlab.live.omni.client import OmniClient

        with OmniClient(target.omni_endpoint, account, timeout_s=3.0) as client:
            return client.machines()

    return ask
