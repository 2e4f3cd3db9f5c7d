"""How a command talks to the running supervisor: small JSON calls to a loopback port, with a token from its state."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshlab.live import private_file
from meshlab.model import LiveError, MeshlabError

CONTROL = "control.json"


class NotUp(MeshlabError):
    """No embedded cluster runs in that state directory."""


@dataclass(frozen=True)
class Control:
    """The supervisor's control port: where it listens and the token that its owner may read."""

    url: str
    token: str

    @classmethod
    def of(cls, state: Path) -> Control:
        """Gives the control port of the embedded cluster in a state directory.

        Raises
        ------
        NotUp
            There is none.
        """
        try:
            data = json.loads((state / CONTROL).read_text())
            return cls(data["url"], data["token"])
        except (OSError, ValueError, KeyError):
            raise NotUp("no embedded cluster is up; start one with `meshlab emulate up`") from None

    def save(self, state: Path) -> None:
        private_file.write(state / CONTROL, json.dumps({"url": self.url, "token": self.token}))

    def call(self, path: str, body: dict[str, Any] | None = None, timeout: float = 60.0) -> dict[str, Any]:
        """Gives the supervisor's answer: a GET without a body, else a POST.

        Raises
        ------
        NotUp
            Nothing listens there any more.
        MeshlabError
            The supervisor refused; the message is its own.
        """
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data=data, headers={"Authorization": f"Bearer {self.token}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            if error.code == 400:
                raise MeshlabError(text) from None
            raise LiveError(f"the embedded cluster could not do that: {text}") from None
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            reason = getattr(error, "reason", error)
            raise NotUp(
                f"the embedded cluster does not answer ({reason}); `meshlab emulate down` cleans up"
            ) from None
