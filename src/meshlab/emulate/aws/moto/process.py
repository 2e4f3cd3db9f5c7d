"""The child process: moto's server behind a unix socket, which nobody but its user can reach."""

from __future__ import annotations

import sys
from pathlib import Path


def main(socket: Path, ready: Path) -> None:
    """Serves until it is ended; ``ready`` is there once it listens."""
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    application = DomainDispatcherApplication(create_backend_app)
    address = f"unix://{socket}"
    server = make_server(address, 0, application, threaded=True, request_handler=MotoRequestHandler)
    ready.touch()
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
