"""moto's server as a child process behind a unix socket in a private folder, and calls to it."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshlab.emulate.aws import wire
from meshlab.emulate.aws.images import catalogue
from meshlab.emulate.network.hidden import SocketFolder

if TYPE_CHECKING:
    import aiohttp

    from meshlab.emulate.processes.processes import ProcessTable

_HOST = "http://moto"
_START_DEADLINE_S = 60.0
_HOP_HEADERS = ("host", "content-length", "transfer-encoding", "connection", "expect", "accept-encoding")


class MotoBackend:
    """One moto server. Many layers may stand before one backend, one after the other (tests do).

    Parameters
    ----------
    region
        The region whose Talos images the catalogue offers.
    talos_versions
        Talos releases of which images exist, for amd64 and arm64.
    processes
        The table that starts, registers and ends child processes; None makes one in a temporary directory.
    state_dir
        Where the image catalogue, the socket and the log are kept; None makes a temporary directory.

    Attributes
    ----------
    socket
        The unix socket at which it answers, once started.
    """

    def __init__(
        self,
        *,
        region: str = "us-east-1",
        talos_versions: Sequence[str] = ("v1.13.9",),
        processes: ProcessTable | None = None,
        state_dir: Path | None = None,
    ) -> None:
        self.region = region
        self._talos_versions = tuple(talos_versions)
        self._given_processes = processes
        self._given_dir = state_dir
        self._processes: ProcessTable | None = None
        self._dir: Path | None = None
        self._http: aiohttp.ClientSession | None = None
        self._name = "aws-moto"
        self._folder: SocketFolder | None = None
        self.socket = Path()

    async def start(self) -> None:
        """Starts the server and returns when it listens.

        Raises
        ------
        RuntimeError
            It ended, or does not listen within 60 s; the last lines of its log are in the message.
        """
        import aiohttp

        from meshlab.emulate.processes.processes import ProcessTable

        self._dir = self._given_dir or Path(tempfile.mkdtemp(prefix="meshlab-aws-"))
        self._dir.mkdir(parents=True, exist_ok=True)
        self._processes = self._given_processes or ProcessTable(self._dir)
        images, log = self._dir / "images.json", self._dir / "moto.log"
        images.write_text(catalogue(self.region, self._talos_versions))
        self._folder = SocketFolder(self._dir)
        self.socket, ready = self._folder.path("moto"), self._folder.path("ready")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MOTO_"))}
        environment["MOTO_AMIS_PATH"] = str(images)
        environment["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "false"
        environment["MOTO_DISABLE_GLOBAL_CORS"] = "true"
        argv = [sys.executable, "-P", "-m", "meshlab.emulate.aws.moto.process", str(self.socket), str(ready)]
        child = await self._processes.spawn(self._name, argv, env=environment, log=log)
        deadline = asyncio.get_running_loop().time() + _START_DEADLINE_S
        while not ready.exists():
            if not child.running or asyncio.get_running_loop().time() > deadline:
                tail = log.read_text(errors="replace")[-2000:]
                await self.stop()
                raise RuntimeError(
                    f"moto's server did not start; install moto[server]. Its log ends:\n{tail}"
                )
            await asyncio.sleep(0.02)
        self._http = aiohttp.ClientSession(
            _HOST,
            connector=aiohttp.UnixConnector(str(self.socket)),
            timeout=aiohttp.ClientTimeout(total=120),
        )
        # The first call of a service loads its model and its data; better now than inside a client's
        # time-out.
        await self.ask("ec2", "DescribeVpcs")

    async def stop(self) -> None:
        """Ends the server and removes what it left on disk."""
        if self._http is not None:
            await self._http.close()
            self._http = None
        if self._processes is not None:
            await self._processes.terminate(self._name, grace_s=2.0)
            if self._given_processes is None:
                await self._processes.close()
            self._processes = None
        if self._folder is not None:
            self._folder.remove()
            self._folder = None
        if self._dir is not None:
            if self._given_dir is None:
                shutil.rmtree(self._dir, ignore_errors=True)
            else:
                (self._dir / "images.json").unlink(missing_ok=True)
            self._dir = None

    async def reset(self) -> None:
        """Forgets everything that was created."""
        assert self._http is not None
        async with self._http.post("/moto-api/reset") as answer:
            answer.raise_for_status()

    async def send(self, call: wire.Call) -> wire.Reply:
        """Passes a call on as it came (or as it was amended) and gives the reply, unstamped."""
        assert self._http is not None
        if call.amended:
            fresh = wire.write_call(call.service, call.operation, call.params, call.region)
            body, path, method = fresh.body, fresh.path, fresh.method
            headers: Mapping[str, str] = fresh.headers
        else:
            body, path, method, headers = call.body, call.path, call.method, call.headers
        kept = {k: v for k, v in headers.items() if k.lower() not in _HOP_HEADERS}
        async with self._http.request(method, path, data=body, headers=kept) as answer:
            return wire.Reply(answer.status, dict(answer.headers), await answer.read())

    async def ask(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        """Makes a call of the layer's own and gives its result.

        Raises
        ------
        AwsFault
            moto answered with an error.
        """
        call = wire.write_call(service, operation, params, self.region)
        reply = await self.send(call)
        fault = wire.error_of(call, reply)
        if fault is not None:
            raise fault
        return wire.parse_reply(call, reply)
