"""Faults in the embedded world: power lost, ways cut or slowed, providers away, disks wiped; and their healing."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass, replace
from typing import Any

from meshlab.emulate.network.fabric import LinkPolicy
from meshlab.emulate.talos.request import Request
from meshlab.emulate.world import World
from meshlab.model import Discovery, MeshlabError, Orchestrator


@dataclass(frozen=True)
class InForce:
    """One fault that is in force: what it was asked to be, and since when (Unix time)."""

    fault: str
    components: tuple[str, ...]
    text: str
    since: float
    direction: str = "both"
    latency: float = 0.0
    loss: float = 0.0


class Faults:
    """The faults of one world. What was injected and when is written to ``truth.jsonl``, for whoever checks."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.in_force: list[InForce] = []

    async def inject(self, body: dict[str, Any]) -> str:
        """Does what was asked; gives it in words.

        Raises
        ------
        MeshlabError
            There is no such component or fault, or it cannot fail in this way.
        """
        match body.get("fault"):
            case "fail":
                return await self._fail(_named(body, "component"))
            case "restart":
                return await self._restart(_named(body, "component"))
            case "lose-disk":
                return await self._lose_disk(_named(body, "component"))
            case "partition":
                return self._link_fault("partition", body)
            case "degrade":
                return self._link_fault("degrade", body)
            case "heal":
                return await self._heal(body.get("component"))
            case other:
                raise MeshlabError(
                    f"there is no fault {other!r}; known: fail, restart, lose-disk, partition, degrade, heal"
                )

    async def _fail(self, name: str) -> str:
        component = self.world.topology[name]
        if isinstance(component, Orchestrator):
            await self.world.omni_down()
            return self._enter("fail", (name,), f"{name} is unreachable")
        if isinstance(component, Discovery):
            self.world.discovery.stop()
            return self._enter("fail", (name,), f"{name} is unreachable")
        machines = [m.name for m in self.world.topology.machines_in(name)]
        if not machines:
            raise MeshlabError(
                f"{name} is a {component.kind}; take down a machine, zone, site, omni or discovery"
            )
        said = self._enter(
            "fail", (name,), f"{name} lost power" + (f": {', '.join(machines)}" if machines != [name] else "")
        )
        for machine in machines:
            await self._power_off(machine)
        return said

    async def _power_off(self, name: str) -> None:
        self.world.fabric.power(name, False)
        machine = self.world.site.machines.get(name)
        if machine is not None:
            await machine.power_off()

    async def _power_on(self, name: str) -> None:
        self.world.fabric.power(name, True)
        machine = self.world.site.machines.get(name)
        if machine is not None:
            await machine.power_on()

    async def _restart(self, name: str) -> str:
        machine = self._machine(name)
        machine.request(Request("reboot"))
        return self._enter("restart", (name,), f"{name} restarts", keep=False)

    async def _lose_disk(self, name: str) -> str:
        machine = self._machine(name)
        said = self._enter("lose-disk", (name,), f"{name} lost the data of its pods", keep=False)
        await self._power_off(name)
        for volume in machine.directory.glob("u-*"):
            _empty(volume)
        await self._power_on(name)
        return said

    def _machine(self, name: str) -> Any:
        self.world.topology.machine(name)
        machine = self.world.site.machines.get(name)
        if machine is None or not machine.powered:
            raise MeshlabError(f"{name} has no power; `meshlab emulate heal {name}` gives it back")
        return machine

    def _link_fault(self, fault: str, body: dict[str, Any]) -> str:
        a, b = _named(body, "a"), _named(body, "b")
        direction = str(body.get("direction", "both"))
        if direction not in ("both", "forward"):
            raise MeshlabError(f"{direction!r} is not a direction; say both or forward")
        if not self._pairs(a, b, direction):
            raise MeshlabError(f"no two different machines are in {a} and {b}")
        latency, loss = _latency(body.get("latency", 0.0)), _probability(body.get("loss", 0.0))
        way = f"between {a} and {b}" if direction == "both" else f"from {a} to {b}"
        what = "cut" if fault == "partition" else f"slower by {latency * 1000:g} ms with {loss:.1%} loss"
        entry = InForce(fault, (a, b), f"the way {way} is {what}", time.time(), direction, latency, loss)
        self._apply_links([*self.in_force, entry])
        self.in_force.append(entry)
        self._note(entry)
        return entry.text

    def _pairs(self, a: str, b: str, direction: str) -> set[tuple[str, str]]:
        forward = {
            (x.name, y.name)
            for x in self.world.topology.machines_in(a)
            for y in self.world.topology.machines_in(b)
            if x.name != y.name
        }
        return forward | ({(y, x) for x, y in forward} if direction == "both" else set())

    def _apply_links(self, in_force: list[InForce]) -> None:
        """Gives every directed pair its policy anew: the spec's link, and all that is in force upon it."""
        changes: dict[tuple[str, str], LinkPolicy] = {}
        for a in self.world.topology.machines:
            for b in self.world.topology.machines:
                if a.name != b.name:
                    changes[a.name, b.name] = self.world.base_policy(a.name, b.name)
        for entry in in_force:
            if entry.fault in ("partition", "degrade"):
                for pair in self._pairs(entry.components[0], entry.components[1], entry.direction):
                    policy = changes[pair]
                    changes[pair] = replace(
                        policy,
                        cut=policy.cut or entry.fault == "partition",
                        delay_s=policy.delay_s + entry.latency,
                        loss=1 - (1 - policy.loss) * (1 - entry.loss),
                    )
        for (source, target), policy in changes.items():
            if self.world.fabric.link(source, target) != policy:
                self.world.fabric.set_link(source, target, policy)

    async def _heal(self, name: str | None) -> str:
        if name is not None:
            self.world.topology[name]
        healed = [f for f in self.in_force if name is None or name in f.components]
        self.in_force = [f for f in self.in_force if f not in healed]
        self._apply_links(self.in_force)
        still_off = {
            m.name for f in self.in_force if f.fault == "fail" for m in self._powered_by(f.components[0])
        }
        for entry in healed:
            if entry.fault == "fail":
                await self._bring_back(entry.components[0], still_off)
        said = "healed: " + ("; ".join(f.text for f in healed) or "nothing was broken")
        self._note(InForce("heal", (name,) if name else (), said, time.time()))
        return said

    async def _bring_back(self, name: str, still_off: set[str]) -> None:
        component = self.world.topology[name]
        if isinstance(component, Orchestrator):
            await self.world.omni_up()
        elif isinstance(component, Discovery):
            self.world.discovery.start()
        for machine in self._powered_by(name):
            if machine.name not in still_off:
                await self._power_on(machine.name)

    def _powered_by(self, name: str) -> tuple[Any, ...]:
        component = self.world.topology[name]
        return (
            () if isinstance(component, (Orchestrator, Discovery)) else self.world.topology.machines_in(name)
        )

    def _enter(self, fault: str, components: tuple[str, ...], text: str, *, keep: bool = True) -> str:
        entry = InForce(fault, components, text, time.time())
        if keep and not any(f.fault == fault and f.components == components for f in self.in_force):
            self.in_force.append(entry)
        self._note(entry)
        return text

    def _note(self, entry: InForce) -> None:
        with (self.world.state / "truth.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(entry)) + "\n")

    def status(self) -> list[dict[str, Any]]:
        """Gives the faults in force."""
        return [asdict(entry) for entry in self.in_force]


_LONGEST_S = 3600.0


def _named(body: dict[str, Any], key: str) -> str:
    found = body.get(key)
    if not isinstance(found, str):
        raise MeshlabError(f"the fault {body.get('fault')} needs a name as its {key}")
    return found


def _latency(value: Any) -> float:
    """Gives the latency of a fault.

    Raises
    ------
    MeshlabError
        It is none that a link can have.
    """
    found = _number(value, "latency")
    if not 0 <= found <= _LONGEST_S:
        raise MeshlabError(f"a latency of {found * 1000:g} ms cannot be added: say one from 0 to 1 h")
    return found


def _probability(value: Any) -> float:
    """Gives the loss of a fault.

    Raises
    ------
    MeshlabError
        It is no probability below 1.
    """
    found = _number(value, "loss")
    if not 0 <= found < 1:
        raise MeshlabError(
            f"a loss of {found:.0%} cannot be: say one from 0% to below 100%, for example 2%; partition cuts the way"
        )
    return found


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise MeshlabError(f"the {name} of a fault is a number, not {value!r}")
    return float(value)


def _empty(folder: Any) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
