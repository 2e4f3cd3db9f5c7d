"""What a kubelet of the embedded cluster runs its pods with: real processes behind the fabric."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from meshlab.emulate.network.addresses import loopback
from meshlab.emulate.network.fabric import Fabric
from meshlab.emulate.pods.containers import Backoff, Container, Surroundings
from meshlab.emulate.pods.pod_spec import PodAddresses, Spec, below, environment, pod_key
from meshlab.emulate.processes.processes import ProcessTable

_LOG_POLL_S = 0.1


@dataclass(frozen=True)
class PodState:
    """What a pod is doing; ``message`` says why it is not running, ``started_at`` is Unix seconds."""

    phase: str
    ready: bool
    restarts: int
    message: str
    started_at: float | None


@dataclass
class _Pod:
    machine: str
    address: str
    served_at: str | None
    folder: Path
    containers: list[Container] = field(default_factory=list)
    ports: set[int] = field(default_factory=set)
    message: str = ""


class Pods:
    """All pods of the embedded cluster, on whatever machine.

    Parameters
    ----------
    machines
        Cluster address (10.x) of each machine.
    state_dir
        What is made for pods (their configuration, logs, empty volumes) lives below it, until they are stopped.
    network
        The pod network; each pod name has its own address in it.
    chain_speed
        Chain nodes start and catch up so many times faster than real.
    """

    def __init__(
        self,
        fabric: Fabric,
        processes: ProcessTable,
        state_dir: Path,
        machines: Mapping[str, str],
        *,
        network: str = "10.244.0.0/16",
        chain_speed: float = 60.0,
        backoff: Backoff | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._fabric = fabric
        self._processes = processes
        self._folder = state_dir / "pods"
        self._machines = dict(machines)
        self._addresses = PodAddresses(network)
        self._chain_speed = chain_speed
        self._backoff = backoff if backoff is not None else Backoff()
        self._sleep = sleep
        self._pods: dict[str, _Pod] = {}

    async def start(
        self,
        machine: str,
        pod: Spec,
        volumes: Mapping[str, Path],
        config: Mapping[str, Mapping[str, bytes]],
    ) -> None:
        """Starts a pod's containers; it returns before they are ready.

        Parameters
        ----------
        volumes
            Directory of each volume with data of its own, by volume name.
        config
            Files of each mounted ConfigMap and Secret, by volume name (a variable's reference is looked up in it by
            the object's name too).

        Raises
        ------
        RuntimeError
            A pod of that name runs already.
        """
        key = pod_key(pod)
        if key in self._pods:
            raise RuntimeError(f"pod {key} already runs on {self._pods[key].machine}")
        folder = self._folder / key.replace("/", "_")
        host = self._machines[machine]
        own_network = not pod["spec"].get("hostNetwork", False)
        address = self._addresses.of(key) if own_network else host
        entry = _Pod(machine, address, loopback(address) if own_network else None, folder)
        self._pods[key] = entry
        try:
            folders = self._materialise(pod, folder, volumes, config)
            for spec in pod["spec"].get("containers", []):
                variables = environment(pod, spec, address=address, host_address=host, config=config)
                around = self._surroundings(pod, entry, folders, below(folder / "c", spec["name"]), variables)
                policy = str(pod["spec"].get("restartPolicy", "Always"))
                container = Container(
                    spec, around, self._processes, policy=policy, backoff=self._backoff, sleep=self._sleep
                )
                entry.containers.append(container)
                await container.start()
        except (OSError, ValueError) as error:
            entry.message = f"CreateContainerConfigError: {error}"

    def _surroundings(
        self, pod: Spec, entry: _Pod, folders: Mapping[str, Path], scratch: Path, variables: Mapping[str, str]
    ) -> Surroundings:
        async def expose(ports: dict[int, int]) -> None:
            for port, hidden in ports.items():
                await self._fabric.expose(entry.machine, port, ("127.0.0.1", hidden), address=entry.served_at)
                entry.ports.add(port)

        return Surroundings(
            namespace=pod["metadata"].get("namespace", "default"),
            pod_name=pod["metadata"]["name"],
            machine=entry.machine,
            folders=folders,
            scratch=scratch,
            variables=variables,
            address_of=self._addresses.of,
            expose=expose,
            chain_speed=self._chain_speed,
        )

    @staticmethod
    def _materialise(
        pod: Spec, folder: Path, volumes: Mapping[str, Path], config: Mapping[str, Mapping[str, bytes]]
    ) -> dict[str, Path]:
        """Writes mounted ConfigMaps and Secrets (readable by this user only) and makes empty volumes.

        They lie apart from the containers' own folders: a volume's name must not make its files those of a process.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folders = dict(volumes)
        for volume in pod["spec"].get("volumes", []):
            name = volume["name"]
            if name in folders:
                continue
            place = folders[name] = below(folder / "v", name)
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
            for file, content in config.get(name, {}).items():
                target = below(place, file)
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                target.touch(mode=0o600)
                target.write_bytes(content)
        return folders

    async def stop(self, machine: str, pod_key: str, grace_s: float = 30.0) -> None:
        """Stops a pod in order and forgets it; its volumes stay. Nothing happens when it does not run there."""
        entry = self._pods.get(pod_key)
        if entry is None or entry.machine != machine:
            return
        await asyncio.gather(*(container.stop(grace_s) for container in entry.containers))
        for port in entry.ports:
            await self._fabric.withdraw(machine, port, address=entry.served_at)
        shutil.rmtree(entry.folder, ignore_errors=True)
        self._pods.pop(pod_key, None)

    async def lose_power(self, machine: str) -> None:
        """Ends every pod of a machine at once and forgets them, as a power loss does; their volumes stay.

        Take the machine's power away in the fabric first, so that nobody hears them end.
        """
        keys = [key for key, entry in self._pods.items() if entry.machine == machine]
        await asyncio.gather(*(self.stop(machine, key, 0.0) for key in keys))

    def running(self, machine: str | None = None) -> list[str]:
        """Keys of the pods (of one machine)."""
        return sorted(key for key, entry in self._pods.items() if machine in (None, entry.machine))

    def state(self, pod_key: str) -> PodState:
        """What a pod is doing.

        Raises
        ------
        KeyError
            No pod of that name has been started here.
        """
        entry = self._pods[pod_key]
        containers = entry.containers
        restarts = sum(container.restarts for container in containers)
        message = entry.message or "; ".join(c.message for c in containers if c.message)
        started = [c.started_at for c in containers if c.started_at is not None]
        ready = bool(containers) and not entry.message and all(c.ready for c in containers)
        return PodState(self._phase(entry), ready, restarts, message, min(started) if started else None)

    @staticmethod
    def _phase(entry: _Pod) -> str:
        containers = entry.containers
        if entry.message or not containers or any(c.started_at is None for c in containers):
            return "Pending"
        if all(c.finished for c in containers):
            return "Succeeded" if all(c.exit_code == 0 for c in containers) else "Failed"
        return "Running"

    def address(self, pod_key: str) -> str:
        """The pod's cluster address (10.x); it has one before it is started."""
        entry = self._pods.get(pod_key)
        return entry.address if entry is not None else self._addresses.of(pod_key)

    async def logs(
        self, pod_key: str, container: str | None = None, tail: int | None = None, follow: bool = False
    ) -> AsyncGenerator[bytes, None]:
        """The output of a container (the first one if not named), as chunks of whole bytes.

        Parameters
        ----------
        tail
            Begin at the last so many lines; None for all.
        follow
            Go on with what is written later, until the pod is stopped.

        Raises
        ------
        KeyError
            There is no such pod or container; the message names it.
        """
        entry = self._pods.get(pod_key)
        if entry is None:
            raise KeyError(f"no pod {pod_key} runs here")
        log = _log_of(entry, pod_key, container)
        content = log.read_bytes() if log.exists() else b""
        position = len(content)
        if tail is not None:
            content = b"".join(content.splitlines(keepends=True)[-tail:]) if tail > 0 else b""
        if content:
            yield content
        while follow and self._pods.get(pod_key) is entry:
            await asyncio.sleep(_LOG_POLL_S)
            fresh = _read_from(log, position)
            position += len(fresh)
            if fresh:
                yield fresh

    async def close(self, grace_s: float = 5.0) -> None:
        """Stops every pod."""
        pods = [(entry.machine, key) for key, entry in self._pods.items()]
        await asyncio.gather(*(self.stop(machine, key, grace_s) for machine, key in pods))
        shutil.rmtree(self._folder, ignore_errors=True)


def _log_of(entry: _Pod, pod_key: str, container: str | None) -> Path:
    for candidate in entry.containers:
        if container in (None, candidate.name):
            return candidate.log
    names = ", ".join(candidate.name for candidate in entry.containers)
    raise KeyError(f"pod {pod_key} has no container {container!r}; it has: {names}")


def _read_from(log: Path, position: int) -> bytes:
    try:
        with log.open("rb") as file:
            file.seek(position)
            return file.read()
    except FileNotFoundError:
        return b""
