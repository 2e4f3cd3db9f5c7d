"""The embedded API server in a process of its own, on one member of a real etcd group.

    python -m meshlab.validation.api.server '{"etcd": "http://127.0.0.1:2379", "port": 6443, "folder": "..."}'

Certificates and keys are read from the folder. The process ends with its parent.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from meshlab.emulate.kubernetes.server.apiserver import ApiServer, ServingTls


@dataclass(frozen=True)
class Orders:
    """Where the etcd member answers, which port of 127.0.0.1 to serve, and the folder of the certificates."""

    etcd: str
    port: int
    folder: str


def command(orders: Orders) -> list[str]:
    """The command line of a process that does it."""
    return [sys.executable, "-P", "-m", "meshlab.validation.api.server", json.dumps(asdict(orders))]


def keep(tls: ServingTls, folder: Path) -> None:
    """Writes what the process reads, for this user only."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    parts = {
        "serving.crt": tls.certificate,
        "serving.key": tls.key,
        "clients.crt": tls.client_ca,
        "accounts.key": tls.service_account_key,
    }
    for name, content in parts.items():
        path = folder / name
        path.touch(mode=0o600)
        path.write_bytes(content)


def _read(folder: Path) -> ServingTls:
    names = ("serving.crt", "serving.key", "clients.crt", "accounts.key")
    return ServingTls(*((folder / name).read_bytes() for name in names))


async def _serve(orders: Orders) -> None:
    from meshlab.emulate.etcd.client import EtcdClient
    from meshlab.emulate.kubernetes.storage.etcd_store import EtcdStorage

    server = ApiServer(EtcdStorage(EtcdClient(orders.etcd)), _read(Path(orders.folder)), port=orders.port)
    await server.start()
    await asyncio.Event().wait()


def main() -> None:
    """Serves what the first argument describes until it is killed."""
    asyncio.run(_serve(Orders(**json.loads(sys.argv[1]))))


if __name__ == "__main__":
    main()
