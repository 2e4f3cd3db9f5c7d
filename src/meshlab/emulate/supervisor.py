"""The process that is the embedded cluster: ``python -m meshlab.emulate.supervisor STATE SPEC``.

It serves a control port on loopback; whoever may read its state directory may command it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshlab.emulate.control import Control
from meshlab.emulate.network.fabric import PortTaken
from meshlab.emulate.network.sockets import listening
from meshlab.emulate.processes import binaries
from meshlab.emulate.processes.binaries import MissingBinary
from meshlab.emulate.world import World
from meshlab.emulate.world_faults import Faults
from meshlab.live.target import hold
from meshlab.model import MeshlabError
from meshlab.model.spec import load

if TYPE_CHECKING:
    from aiohttp import web


class Supervisor:
    """A world, its faults, and the control port."""

    def __init__(self, state: Path, spec: Path) -> None:
        self.state = state
        self.world = World(load(spec), state)
        self.faults = Faults(self.world)
        self._ending = asyncio.Event()
        self._token = secrets.token_urlsafe(24)

    async def run(self) -> None:
        """Brings the world up, serves until it is told to end, and ends everything."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._ending.set)
        loop.add_signal_handler(signal.SIGUSR1, _say_what_waits)
        runner = None
        try:
            hold(self.state)
            await self.world.start(self._progress)
            runner = await self._serve()
            self.world.target().save(self.state / "target.json")
            await self._ending.wait()
        finally:
            await self.world.stop()
            if runner is not None:
                await runner.cleanup()

    def _progress(self, text: str) -> None:
        print(text, flush=True)
        (self.state / "progress").write_text(text)

    async def _serve(self) -> web.AppRunner:
        from aiohttp import web

        application = web.Application(middlewares=[self._guarded()])
        application.router.add_get("/status", self._status)
        application.router.add_post("/fault", self._fault)
        application.router.add_post("/down", self._down)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=2.0)
        await runner.setup()
        site = web.SockSite(runner, listening("127.0.0.1", 0))
        await site.start()
        Control(f"http://127.0.0.1:{runner.addresses[0][1]}", self._token).save(self.state)
        return runner

    def _guarded(self) -> Any:
        from aiohttp import web

        @web.middleware
        async def guard(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            given = request.headers.get("Authorization", "")
            if not secrets.compare_digest(given, f"Bearer {self._token}"):
                raise web.HTTPForbidden(text="the token in control.json is needed")
            try:
                return await handler(request)
            except MeshlabError as error:
                raise web.HTTPBadRequest(text=str(error)) from None

        return guard

    async def _status(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        programs = await asyncio.to_thread(binaries.in_use)
        said = [program.as_document() for program in programs]
        return web.json_response({**self.world.status(), "faults": self.faults.status(), "programs": said})

    async def _fault(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        try:
            asked = await request.json()
        except ValueError:
            raise MeshlabError("a fault is asked for by a JSON document") from None
        if not isinstance(asked, dict):
            raise MeshlabError("a fault is asked for by a JSON object")
        text = await self.faults.inject(asked)
        return web.json_response({"text": text, "faults": self.faults.status()})

    async def _down(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        self._ending.set()
        return web.json_response({"text": "going down"})


def _say_what_waits() -> None:
    """Writes to the log where every task stands (``kill -USR1``), for when something hangs."""
    for task in asyncio.all_tasks():
        try:
            task.print_stack(limit=6, file=sys.stderr)
        except Exception as error:  # some generators have no frame to show
            print(f"{task.get_name()}: {error}", file=sys.stderr)


def main() -> None:
    """Runs the supervisor of the state directory and the spec named on the command line."""
    state, spec = Path(sys.argv[1]), Path(sys.argv[2])
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")

    async def supervise() -> None:
        await Supervisor(state, spec).run()

    try:
        asyncio.run(supervise())
    except (MeshlabError, MissingBinary, PortTaken, TimeoutError) as error:
        print(error, file=sys.stderr)
        sys.exit(getattr(error, "exit_code", 3))


if __name__ == "__main__":
    main()
