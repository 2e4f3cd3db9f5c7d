"""A small real chain node: a process with a data directory, a head that follows its network, and the usual
calls.

``python -m meshlab.emulate.pods.chains --chain solana --data DIR --listen 127.0.0.1:8899``
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from meshlab.emulate.network.sockets import listening
from meshlab.emulate.pods.chain_calls import answer
from meshlab.emulate.pods.chain_head import CHAINS, Head

_SAVE_S = 0.5
"""How often the head is written to disk, seconds."""
_LARGEST_BODY = 1 << 20


class _Node(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, listen: tuple[str, int], head: Head) -> None:
        super().__init__(listen, _Requests, bind_and_activate=False)
        self.socket.close()
        self.socket = listening(*listen, backlog=self.request_queue_size)
        self.server_name, self.server_port = self.socket.getsockname()
        self.head = head
        self.lock = threading.Lock()

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        accepted, peer = self.socket.accept()
        accepted.setblocking(True)  # some systems hand the listening socket's own way of waiting on
        return accepted, peer


class _Requests(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Node

    def do_GET(self) -> None:
        self._serve("GET", b"")

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        if size > _LARGEST_BODY:
            self.close_connection = True
            self._reply(413, "text/plain", b"request too large")
            return
        self._serve("POST", self.rfile.read(size))

    def _serve(self, method: str, body: bytes) -> None:
        with self.server.lock:
            view = self.server.head.view()
        self._reply(*answer(view, method, self.path, body))

    def _reply(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged: probes would fill the log."""


def _say(text: str) -> None:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    print(f"{stamp} {text}", flush=True)


def run(chain: str, data: Path, listen: tuple[str, int], speed: float = 1.0) -> None:
    """Runs a node until SIGTERM or SIGINT, then writes its head and ends in order."""
    head = Head(CHAINS[chain], data, speed=speed)
    node = _Node(listen, head)
    stop = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop.set())
    threading.Thread(target=node.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    start = head.view()
    _say(f"{chain} node: head {start.head}, {start.behind} behind, listens on {listen[0]}:{node.server_port}")
    was = ""
    while not stop.wait(_SAVE_S):
        with node.lock:
            view = head.view()
            head.save(clean=False)
        state = "healthy" if view.healthy else "catching up" if view.following else "starting"
        if state != was:
            _say(f"{state}: head {view.head}, tip {view.tip}, {view.behind} behind")
            was = state
    node.shutdown()
    with node.lock:
        head.save(clean=True)
    _say(f"stopped in order at {head.view().head}")


def main(argv: list[str] | None = None) -> int:
    """The command line of a node."""
    parser = argparse.ArgumentParser(prog="python -m meshlab.emulate.pods.chains", description=__doc__)
    parser.add_argument("--chain", choices=sorted(CHAINS), required=True)
    parser.add_argument("--data", type=Path, required=True, help="data directory; made if absent")
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT")
    parser.add_argument("--speed", type=float, default=1.0, help="start and catch up so many times faster")
    given = parser.parse_args(argv)
    host, _, port = given.listen.rpartition(":")
    if not host or not port.isdecimal():
        parser.error(f"--listen wants HOST:PORT, not {given.listen!r}")
    if given.speed <= 0:
        parser.error("--speed is above 0")
    try:
        run(given.chain, given.data, (host, int(port)), given.speed)
    except (OSError, ValueError) as error:
        print(f"{given.chain} node cannot run: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
