"""A group of real OpenBao (or Vault) processes with raft storage on loopback addresses."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshlab.emulate.network.addresses import loopback
from meshlab.emulate.processes import binaries
from meshlab.emulate.processes.processes import ProcessTable
from meshlab.model.errors import LiveError
from meshlab.validation.etcd.group import NETWORK, free_block
from meshlab.validation.setting import Setting

if TYPE_CHECKING:
    import aiohttp

API, CLUSTER = 8200, 8201
ACTIVE, STANDBY = 200, 429
_LED = re.compile(r"^(\S+) .*entering leader state")

_CONFIG = """
disable_mlock = true
api_addr = "http://{host}:{api}"
cluster_addr = "http://{host}:{cluster}"
listener "tcp" {{
  address = "{host}:{api}"
  cluster_address = "{host}:{cluster}"
  tls_disable = true
}}
storage "raft" {{
  path = "{data}"
  node_id = "{name}"
  performance_multiplier = {multiplier}
{joins}
}}
{seal}
"""


class VaultProcesses:
    """The pods of one group, by number from 0; unsealed by themselves with a key on disk (OpenBao's static seal)."""

    def __init__(self, setting: Setting, folder: Path, *, auto_unseal: bool = True) -> None:
        self.setting = setting
        self.folder = folder
        self.auto_unseal = auto_unseal
        folder.mkdir(parents=True, exist_ok=True)
        block = free_block(API)
        self.names = [f"v{i}" for i in range(setting.members)]
        self.hosts = [loopback(f"{NETWORK}.{block}.{i + 1}") for i in range(setting.members)]
        self.table = ProcessTable(folder)
        self.program = binaries.find("bao")
        self.token = ""
        self.keys: list[str] = []
        self._session: aiohttp.ClientSession | None = None
        (folder / "seal.key").write_bytes(secrets.token_bytes(32))
        (folder / "seal.key").chmod(0o600)

    # --- processes

    async def start(self, *, promoted: bool = True) -> None:
        """Starts and initialises the group; waits until all are unsealed and, if asked, all vote."""
        await asyncio.gather(*(self.start_member(i) for i in range(len(self.names))))
        await self._until(self._initialised, 30, "the first pod cannot be initialised")
        await self._until(self._joined, 60, "the other pods did not join")
        if promoted:
            await self._until(self._all_vote, 90, "the other pods were not promoted to voters")

    async def start_member(self, i: int) -> None:
        host, name = self.hosts[i], self.names[i]
        data = self.folder / name
        data.mkdir(exist_ok=True)
        joins = "\n".join(
            f'  retry_join {{ leader_api_addr = "http://{other}:{API}" }}'
            for other in self.hosts
            if other != host
        )
        seal = ""
        if self.auto_unseal:
            key = self.folder / "seal.key"
            seal = f'seal "static" {{\n  current_key_id = "k1"\n  current_key = "file://{key}"\n}}\n'
        config = self.folder / f"{name}.hcl"
        config.write_text(
            _CONFIG.format(
                host=host,
                api=API,
                cluster=CLUSTER,
                data=data,
                name=name,
                multiplier=round(self.setting.heartbeat),
                joins=joins,
                seal=seal,
            )
        )
        argv = [str(self.program), "server", f"-config={config}", "-log-level=info"]
        environment = {"GOMAXPROCS": "2", "HOME": str(self.folder)}
        await self.table.spawn(name, argv, env=environment, log=self.log(i))

    def log(self, i: int) -> Path:
        return self.folder / f"{self.names[i]}.log"

    def strike(self, members: Iterable[int]) -> float:
        """Kills members at once; gives the instant (monotonic)."""
        wanted = {self.names[i] for i in members}
        pids = [child.pid for child in self.table.running() if child.name in wanted]
        at = time.monotonic()
        for pid in pids:
            os.killpg(pid, signal.SIGKILL)
        return at

    async def close(self) -> None:
        """Ends every process."""
        if self._session is not None:
            await self._session.close()
        await self.table.close(0.0)

    # --- asking

    async def call(
        self, i: int, method: str, path: str, body: Any = None, timeout_s: float = 1.0
    ) -> tuple[int, Any]:
        """One HTTP call to a pod: status and document; status 0 when there is no answer."""
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(
                trust_env=False, connector=aiohttp.TCPConnector(force_close=True, limit=0)
            )
        headers = {"X-Vault-Token": self.token} if self.token else {}
        url = f"http://{self.hosts[i]}:{API}/v1/{path}"
        limit = aiohttp.ClientTimeout(total=timeout_s)
        try:
            async with self._session.request(method, url, json=body, headers=headers, timeout=limit) as reply:
                text = await reply.text()
                return reply.status, _document(text)
        except (aiohttp.ClientError, OSError, TimeoutError):
            return 0, None

    async def health(self, i: int) -> int:
        """The status of the health call: 200 active, 429 standby, 503 sealed, 0 silent."""
        return (await self.call(i, "GET", "sys/health", timeout_s=0.5))[0]

    async def healthy(self) -> int | None:
        """The active pod, when there is one and all others stand by."""
        told = await asyncio.gather(*(self.health(i) for i in range(len(self.names))))
        if sorted(told) == [ACTIVE] + [STANDBY] * (len(told) - 1):
            return told.index(ACTIVE)
        return None

    async def settled(self, deadline_s: float = 90.0) -> int:
        """Waits until one pod is active and the others stand by; gives the active one."""
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            active = await self.healthy()
            if active is not None:
                return active
            await asyncio.sleep(0.2)
        raise LiveError(f"the pods did not settle within {deadline_s:g} s; {self._last_line(0)}")

    async def first_active(self, among: Iterable[int], deadline: float) -> tuple[int, float] | None:
        """Polls pods until one answers as active: (pod, when); None at the deadline."""
        members = list(among)
        while time.monotonic() < deadline:
            start = time.monotonic()
            told = await asyncio.gather(*(self.health(i) for i in members))
            now = time.monotonic()
            if ACTIVE in told:
                return members[told.index(ACTIVE)], now
            await asyncio.sleep(max(0.0, start + self.setting.poll - now))
        return None

    def led_since(self, among: Iterable[int], wall: float) -> float | None:
        """When the first of some pods entered raft's leader state after an instant (Unix seconds), from its log."""
        found = []
        for i in among:
            for line in self.log(i).read_text(errors="replace").splitlines():
                match = _LED.match(line)
                if match is not None:
                    at = datetime.fromisoformat(match[1]).timestamp()
                    if at > wall:
                        found.append(at)
        return min(found, default=None)

    async def unseal(self, i: int) -> bool:
        """Gives the key to a pod; whether it is then unsealed."""
        status, told = await self.call(i, "PUT", "sys/unseal", {"key": self.keys[0]}, 5)
        return status == ACTIVE and told is not None and not told["sealed"]

    async def unsealed(self, i: int) -> None:
        """Gives the key to a pod until it has taken it."""
        await self._until(lambda: self.unseal(i), 30, f"{self.names[i]} does not take its key")

    # --- bringing up

    async def _initialised(self) -> bool:
        if self.token:
            return True
        shares = "recovery" if self.auto_unseal else "secret"
        status, told = await self.call(
            0, "PUT", "sys/init", {f"{shares}_shares": 1, f"{shares}_threshold": 1}, 20
        )
        if status != ACTIVE:
            return False
        self.token, self.keys = told["root_token"], told["keys"] or told.get("recovery_keys", [])
        return True

    async def _joined(self) -> bool:
        if not self.auto_unseal:
            for i in range(len(self.names)):
                await self.unseal(i)
        return await self.healthy() is not None and len(await self._servers()) == len(self.names)

    async def _servers(self) -> list[dict[str, Any]]:
        status, told = await self.call(0, "GET", "sys/storage/raft/configuration", timeout_s=3)
        return list(told["data"]["config"]["servers"]) if status == ACTIVE else []

    async def _all_vote(self) -> bool:
        servers = await self._servers()
        return len(servers) == len(self.names) and all(server["voter"] for server in servers)

    async def _until(self, asked: Callable[[], Awaitable[bool]], deadline_s: float, otherwise: str) -> None:
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            if await asked():
                return
            await asyncio.sleep(0.1)
        raise LiveError(f"{otherwise} within {deadline_s:g} s; {self._last_line(0)}")

    def _last_line(self, i: int) -> str:
        lines = self.log(i).read_text(errors="replace").splitlines() if self.log(i).exists() else []
        return f"{self.names[i]}: {lines[-1] if lines else '(nothing)'}"


def _document(text: str) -> Any:
    import json

    try:
        return json.loads(text)
    except ValueError:
        return None
