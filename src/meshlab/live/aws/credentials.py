"""Access keys: those given by hand, and the one of an embedded cloud, which lies beside its target."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from meshlab.live import private_file
from meshlab.live.secret import Secret
from meshlab.live.target import Target
from meshlab.model.errors import LiveError

KEY_FILE = "aws-access-key"
"""In the directory of an embedded target: the access key of its cloud."""


@dataclass(frozen=True)
class Credentials:
    """Access keys given by hand. Without them boto3's own chain is used (profile, environment, instance)."""

    access_key: str
    secret_key: Secret[str]
    token: Secret[str] | None = None

    def save(self, folder: Path) -> None:
        """Writes them where the sessions for an embedded target look for them, for its owner only."""
        pair = {"access_key": self.access_key, "secret_key": self.secret_key.reveal()}
        private_file.write(folder / KEY_FILE, json.dumps(pair))

    @classmethod
    def of(cls, target: Target) -> Credentials | None:
        """Gives the access key that an embedded target's cloud takes; None where none was written.

        Raises
        ------
        LiveError
            What was written is no access key.
        """
        path = target.directory / KEY_FILE
        try:
            pair = json.loads(path.read_text())
            return cls(str(pair["access_key"]), Secret(str(pair["secret_key"]), name="AWS secret key"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LiveError(f"{path} holds no access key of the embedded cloud: {error}") from None


NOBODY = Credentials("meshlab-embedded", Secret("not-a-secret", name="AWS secret key"))
"""Keys that are nobody's, for an endpoint that asks for none."""
