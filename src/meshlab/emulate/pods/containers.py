"""One container of a pod as a real process: started, restarted with back-off, probed, stopped."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import meshlab
from meshlab.emulate.network.addresses import free_port
from meshlab.emulate.pods import vault_limits
from meshlab.emulate.pods.pod_spec import (
    RPC_PORTS,
    Kind,
    Spec,
    declared_ports,
    kind_of,
    local_path,
    local_paths,
    mounts,
)
from meshlab.emulate.pods.probes import Timing, Verdict, ask
from meshlab.emulate.pods.vault import local_config, localise
from meshlab.emulate.processes import binaries
from meshlab.emulate.processes.processes import ProcessTable
from meshlab.emulate.processes.tasks import end
from meshlab.live import private_file

_SOURCES = Path(meshlab.__file__).parents[1]
_NOWHERE = Path("/")
"""Where a process runs that needs no folder: nothing of a pod's is there."""
_CHAINS = {Kind.SOLANA: "solana", Kind.ETHEREUM: "ethereum", Kind.BEACON: "ethereum", Kind.TRON: "tron"}


@dataclass(frozen=True)
class Backoff:
    """The kubelet's wait before a container that ended is started again, seconds.

    The first restart is immediate; then ``initial_s``, doubled each time up to ``limit_s``; a container that ran
    for ``reset_s`` starts over.
    """

    initial_s: float = 10.0
    limit_s: float = 300.0
    reset_s: float = 600.0


@dataclass(frozen=True)
class Surroundings:
    """What a container finds around it: its pod, machine, directories, variables and neighbours.

    Parameters
    ----------
    folders
        Directory of this machine for each volume.
    scratch
        Private directory for what is made for the container; also its log.
    address_of
        Cluster address of a pod by "namespace/name".
    expose
        Serves ports of the pod at hidden ports: {pod port: hidden port}.
    """

    namespace: str
    pod_name: str
    machine: str
    folders: Mapping[str, Path]
    scratch: Path
    variables: Mapping[str, str]
    address_of: Callable[[str], str]
    expose: Callable[[dict[int, int]], Awaitable[None]]
    chain_speed: float


@dataclass(frozen=True)
class _Launch:
    argv: list[str]
    env: dict[str, str]
    ports: dict[int, int]
    cwd: Path


class Container:
    """One container; ``Kind.PLACEHOLDER`` ones simply run."""

    def __init__(
        self,
        spec: Spec,
        around: Surroundings,
        processes: ProcessTable,
        *,
        policy: str,
        backoff: Backoff,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.name = str(spec["name"])
        self.kind = kind_of(str(spec.get("image", "")))
        self.log = around.scratch / f"{self.name}.log"
        self.restarts = 0
        self.started_at: float | None = None
        self.running = False
        self.exit_code: int | None = None
        self.message = ""
        self._spec = spec
        self._around = around
        self._processes = processes
        self._policy = policy
        self._backoff = backoff
        self._sleep = sleep
        self._ready: Verdict | None = None
        self._ports: dict[int, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._launching = asyncio.Lock()

    @property
    def process_name(self) -> str:
        """Name of the process in the process table."""
        return f"pod-{self._around.namespace}-{self._around.pod_name}-{self.name}"

    @property
    def ready(self) -> bool:
        """Whether it runs and its readiness probe, if any, passes."""
        return self.running and (self._ready is None or self._ready.passing)

    @property
    def finished(self) -> bool:
        """Whether it ended and will not be started again."""
        return self.exit_code is not None

    async def start(self) -> None:
        """Starts it and what watches over it."""
        self._around.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.kind is Kind.PLACEHOLDER:
            self.log.write_text(f"{self._spec.get('image', 'no image')}: a stand-in that runs nothing\n")
            self.running, self.started_at = True, time.time()
            return
        self._tasks.append(asyncio.create_task(self._keep_running(), name=f"{self.process_name} restarts"))

    async def _keep_running(self) -> None:
        wait_s = 0.0
        while True:
            began = time.monotonic()
            code = await self._run_once()
            self.running = False
            if code is not None and not self._restarts_after(code):
                self.exit_code = code
                self.message = f"ended with status {code}"
                return
            if time.monotonic() - began > self._backoff.reset_s:
                wait_s = 0.0
            if wait_s:
                self.message = (
                    f"CrashLoopBackOff: back-off {wait_s:g}s restarting failed container={self.name} "
                    f"pod={self._around.pod_name}; {self.message}"
                )
                await self._sleep(wait_s)
            wait_s = min(max(2 * wait_s, self._backoff.initial_s), self._backoff.limit_s)
            self.restarts += 1

    def _restarts_after(self, code: int) -> bool:
        return self._policy == "Always" or (self._policy == "OnFailure" and code != 0)

    async def _run_once(self) -> int | None:
        """Runs the process to its end and gives its status; None when it could not be started."""
        try:
            async with self._launching:
                launch = self._launch()
                self._ports = launch.ports
                child = await self._processes.spawn(
                    self.process_name,
                    launch.argv,
                    env=launch.env,
                    log=self.log,
                    machine=self._around.machine,
                    cwd=launch.cwd,
                )
                await self._around.expose(launch.ports)
        except (OSError, ValueError, binaries.MissingBinary) as error:
            self.message = f"CreateContainerError: {error}"
            return None
        readiness = self._spec.get("readinessProbe")
        self._ready = Verdict(Timing.of(readiness)) if readiness else None  # before it counts as running
        self.running, self.started_at, self.message = True, time.time(), ""
        probing = asyncio.create_task(self._probe(), name=f"{self.process_name} probes")
        try:
            code = await child.wait()
        finally:
            await end(probing)
        self.message = f"ended by signal {-code}" if code < 0 else f"ended with status {code}"
        return code

    def _launch(self) -> _Launch:
        env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self._around.scratch)}
        if self.kind is Kind.VAULT:
            return self._vault(env)
        if _SOURCES.name not in ("site-packages", "dist-packages"):  # there Python finds us by itself
            env["PYTHONPATH"] = str(_SOURCES)
        data = self._data_folder() / _CHAINS[self.kind]
        hidden = free_port()
        declared = [port for _, port in declared_ports(self._spec)] or [RPC_PORTS[self.kind]]
        # -P: nothing of where it runs is imported, only what this process itself was made of.
        argv = [sys.executable, "-P", "-s", "-m", "meshlab.emulate.pods.chains"]
        argv += [f"--chain={_CHAINS[self.kind]}", f"--data={data}", f"--listen=127.0.0.1:{hidden}"]
        argv += [f"--speed={self._around.chain_speed}"]
        return _Launch(argv, env, dict.fromkeys(declared, hidden), _NOWHERE)

    def _data_folder(self) -> Path:
        """Directory of the first mounted volume, else one that goes with the pod."""
        for mount in self._spec.get("volumeMounts", []):
            if mount["name"] in self._around.folders and not mount.get("readOnly", False):
                return self._around.folders[mount["name"]]
        return self._around.scratch / "data"

    def _vault(self, env: dict[str, str]) -> _Launch:
        around = self._around
        program = binaries.find_vault()
        mounted = mounts(self._spec, around.folders)
        source = self._vault_config(mounted)
        config = local_config(
            local_paths(source.read_text(), mounted),
            pod_name=around.pod_name,
            namespace=around.namespace,
            environment=around.variables,
            address_of=around.address_of,
            hidden_port=free_port,
            openbao=program.stem == "bao",
        )
        vault_limits.insist(config.text, [around.scratch, *(folder for _, folder in mounted)])
        local = around.scratch / "config.hcl"
        private_file.write(local, config.text)
        for name, value in vault_limits.variables(around.variables).items():
            env[name] = localise(
                local_paths(value, mounted),
                pod_name=around.pod_name,
                namespace=around.namespace,
                address_of=around.address_of,
            )
        argv = [str(program), "server", f"-config={local}"]
        return _Launch(argv, env, {p.port: p.hidden for p in config.ports}, around.scratch)

    def _vault_config(self, mounted: list[tuple[str, Path]]) -> Path:
        """The configuration file: the one named in the arguments, else the first mounted HCL file.

        Raises
        ------
        ValueError
            There is none.
        """
        words = " ".join([*self._spec.get("command", []), *self._spec.get("args", [])]).split()
        for word in words:
            if word.startswith(("-config=", "--config=")):
                named = local_path(word.partition("=")[2], mounted)
                found = _hcl(named) if named is not None else None
                if found is not None:
                    return found
        for _, folder in sorted(mounted):
            found = _hcl(folder)
            if found is not None:
                return found
        raise ValueError(
            f"container {self.name} of {self._around.pod_name} mounts no HCL file to configure Vault"
        )

    async def _probe(self) -> None:
        readiness, liveness = self._spec.get("readinessProbe"), self._spec.get("livenessProbe")
        startup = self._spec.get("startupProbe")
        if startup and not await self._passes(startup):
            await self._end_unhealthy("startup")
            return
        async with asyncio.TaskGroup() as group:
            if readiness and self._ready is not None:
                group.create_task(self._watch(readiness, self._ready, None))
            if liveness:
                group.create_task(self._watch(liveness, Verdict(Timing.of(liveness)), "liveness"))

    async def _passes(self, startup: Spec) -> bool:
        """Asks the startup probe until it decides."""
        verdict = Verdict(Timing.of(startup))
        await asyncio.sleep(verdict.timing.initial_delay_s)
        while not verdict.take(await self._ask(startup)):  # noqa: ASYNC110 (what is asked is another process)
            await asyncio.sleep(verdict.timing.period_s)
        return verdict.passing

    async def _watch(self, probe: Spec, verdict: Verdict, kill_for: str | None) -> None:
        await asyncio.sleep(verdict.timing.initial_delay_s)
        while True:
            if verdict.take(await self._ask(probe)) and kill_for and not verdict.passing:
                await self._end_unhealthy(kill_for)
                return
            await asyncio.sleep(verdict.timing.period_s)

    async def _ask(self, probe: Spec) -> bool:
        return await ask(probe, self.kind, dict(declared_ports(self._spec)), self._ports)

    async def _end_unhealthy(self, probe: str) -> None:
        """Ends a container whose probe failed; it is then started again like one that ended by itself."""
        self.message = f"{probe} probe failed"
        child = self._processes.get(self.process_name)
        if child is not None and child.running:
            ending = asyncio.create_task(self._processes.terminate(self.process_name, 30.0))
            self._tasks.append(ending)

    async def stop(self, grace_s: float) -> None:
        """Stops it in order: SIGTERM, after ``grace_s`` seconds SIGKILL (at once for 0)."""
        async with self._launching:  # never between the start of a process and its entry in the table
            tasks, self._tasks = self._tasks, []
            for task in tasks:
                task.cancel()
        if grace_s > 0:
            await self._processes.terminate(self.process_name, grace_s)
        else:
            await self._processes.kill(self.process_name)
        await asyncio.gather(*tasks, return_exceptions=True)
        self.running = False


def _hcl(place: Path) -> Path | None:
    """The file itself, or the first HCL file of a directory."""
    if place.is_file():
        return place if place.suffix in (".hcl", ".json") else None
    found = sorted(place.glob("*.hcl")) if place.is_dir() else []
    return found[0] if found else None
