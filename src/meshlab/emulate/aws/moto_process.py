"""The child process: moto's server on a free loopback port, which it writes to a file."""

from __future__ import annotations

import sys
from pathlib import Path


def main(port_file: Path) -> None:
    """Serves until it is ended; the port is in ``port_file`` once it listens."""
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
    fresh = port_file.with_suffix(".new")
    fresh.write_text(str(server.server_port))
    fresh.replace(port_file)
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
