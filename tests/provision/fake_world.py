"""A live side made of files: it outlives every runner, counts each effect, and is the oracle of the crash tests."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from meshlab.live.secret import Secret
from meshlab.live.target import Patience, Target
from meshlab.model import Distribution, State
from meshlab.provision.plan.plan import Plan
from meshlab.provision.plan.step import Effect, Step
from meshlab.provision.systems.context import Context
from meshlab.provision.systems.interface import Operation
from meshlab.provision.systems.operations import OPERATIONS
from meshlab.provision.systems.outcome import Absent, Found, Probe, Result, StepFailed

CANARY = "canary-7f3a91-must-never-be-seen"
LAG_S = 0.4


class World:
    """Things by name; creating is an append to a log that is synced, so a kill loses nothing of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(exist_ok=True)

    def create(self, name: str, token: str = "") -> str:
        """Makes a thing; the same token finds the first one instead."""
        if token:
            for row in self.log():
                if row["token"] == token:
                    return str(row["id"])
        row = {
            "op": "create",
            "name": name,
            "token": token,
            "id": f"{name}-{len(self.log())}",
            "time": time.time(),
        }
        self._append(row)
        return str(row["id"])

    def delete(self, name: str) -> None:
        self._append({"op": "delete", "name": name, "token": "", "id": "", "time": time.time()})

    def find(self, name: str, lag: float = 0.0) -> str | None:
        found = None
        for row in self.log():
            if row["name"] == name and row["time"] + lag <= time.time():
                found = str(row["id"]) if row["op"] == "create" else None
        return found

    def created(self, name: str) -> int:
        return sum(row["op"] == "create" and row["name"] == name for row in self.log())

    def log(self) -> list[dict[str, object]]:
        try:
            return [json.loads(line) for line in (self.path / "log").read_text().splitlines()]
        except FileNotFoundError:
            return []

    def _append(self, row: dict[str, object]) -> None:
        descriptor = os.open(self.path / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, (json.dumps(row) + "\n").encode())
        os.fsync(descriptor)
        os.close(descriptor)


class _Fake(Operation):
    @property
    def world(self) -> World:
        return World(Path(self.settings["world"]))

    def probe(self, context: Context) -> Probe:
        found = self.world.find(self.step.id)
        return Found({"id": found}) if found else Absent()

    def undo(self, context: Context) -> Result:
        self.world.delete(self.step.id)
        return {}


def operation(name: str) -> Callable[[type[Operation]], type[Operation]]:
    """Enters a class among the operations that a plan may name."""

    def enter(cls: type[Operation]) -> type[Operation]:
        cls.name = name
        OPERATIONS[name] = cls
        return cls

    return enter


@operation("fake.named")
class Named(_Fake):
    """Created without a token; found again by its name."""

    def perform(self, context: Context) -> Result:
        made = self.world.create(self.step.id)
        kill_inside(self.step.id)
        return {"id": made}


@operation("fake.lagging")
class Lagging(_Fake):
    """Like `named`, but a look just after the creation does not see it."""

    lags = True

    def probe(self, context: Context) -> Probe:
        found = self.world.find(self.step.id, LAG_S)
        return Found({"id": found}) if found else Absent("reads lag")

    def perform(self, context: Context) -> Result:
        made = self.world.create(self.step.id)
        kill_inside(self.step.id)
        return {"id": made}


@operation("fake.token")
class Token(_Fake):
    """Created with a client token: a repeated call gives the first result. Never found by looking."""

    repeatable = True

    def probe(self, context: Context) -> Probe:
        return Absent()

    def perform(self, context: Context) -> Result:
        made = self.world.create(self.step.id, context.token)
        kill_inside(self.step.id)
        return {"id": made}


@operation("fake.once")
class Once(_Fake):
    """Irreversible; a look proves whether it happened."""

    def perform(self, context: Context) -> Result:
        made = self.world.create(self.step.id)
        kill_inside(self.step.id)
        return {"id": made}

    def never_happened(self, context: Context) -> bool:
        return self.world.created(self.step.id) == 0


@operation("fake.blind-once")
class BlindOnce(_Fake):
    """Irreversible, and nothing shows whether it happened."""

    def probe(self, context: Context) -> Probe:
        return Absent("nothing shows it")

    def perform(self, context: Context) -> Result:
        made = self.world.create(self.step.id)
        kill_inside(self.step.id)
        return {"id": made}


@operation("fake.secret")
class SecretMaker(_Fake):
    """Makes a secret, keeps it in the strongbox, and then fails in the clumsiest way it can once."""

    def perform(self, context: Context) -> Result:
        context.strongbox.put("canary", Secret(CANARY), replace=True)
        mark = self.world.path / "failed-once"
        if not mark.exists():
            mark.touch()
            raise ValueError(f"cannot parse {CANARY}")
        return {"id": self.world.create(self.step.id)}


@operation("fake.flaky")
class Flaky(_Fake):
    """Says `retry` twice before it works."""

    def perform(self, context: Context) -> Result:
        tries = self.world.path / "tries"
        count = int(tries.read_text()) + 1 if tries.exists() else 1
        tries.write_text(str(count))
        if count < 3:
            raise StepFailed(f"throttled ({count})", "retry")
        return {"id": self.world.create(self.step.id)}


@operation("fake.claims")
class Claims(_Fake):
    """A verification that holds when a file says so."""

    def perform(self, context: Context) -> Result:
        holds = (self.world.path / "holds").exists()
        return {"holds": holds, "said": "all claims hold" if holds else "a claim does not hold"}


@operation("fake.slow")
class Slow(_Fake):
    """Works until it is let go by a file."""

    def perform(self, context: Context) -> Result:
        gate = self.world.path / "gate"
        context.wait_until(lambda: Found() if gate.exists() else Absent("the gate is shut"), 20.0, "the gate")
        return {"id": self.world.create(self.step.id)}


def kill_inside(step: str) -> None:
    """Kills this process where a server has committed and its reply is not read yet, if a test asks for that."""
    boundary("inside-effect", step)


def boundary(name: str, step: str) -> None:
    """Kills this process, once, at the boundary that the test names in the environment."""
    wanted, mark = os.environ.get("MESHLAB_TEST_KILL"), os.environ.get("MESHLAB_TEST_KILL_MARK")
    if wanted == f"{name}:{step}" and mark and not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), 9)


def step(world: Path, name: str, kind: str, *needs: str, **more: object) -> Step:
    given: dict[str, object] = {
        "id": name,
        "system": "aws",
        "title": f"Make {name}",
        "why": "A test wants it.",
        "operation": f"fake.{kind}",
        "settings": {"world": str(world)},
        "natural_key": f"name {name}",
        "needs": needs,
        "duration": Distribution.constant(1.0),
        "irreversible": kind in ("once", "blind-once"),
    }
    return Step(**{**given, **more})  # type: ignore[arg-type]


def plan_of(*steps: Step, **more: object) -> Plan:
    given: dict[str, object] = {
        "name": "a test",
        "purpose": "bring-up",
        "cluster": "hybrid",
        "target": "embedded",
        "mode": "direct",
        "steps": steps,
    }
    return Plan(**{**given, **more})  # type: ignore[arg-type]


def small_plan(world: Path) -> Plan:
    """One step of each kind; two of them side by side."""
    return plan_of(
        step(world, "vpc", "named", effects=(Effect("us-east-1", after=State.UP),)),
        step(world, "gateway", "lagging", "vpc"),
        step(world, "instance", "token", "vpc"),
        step(world, "bootstrap", "once", "gateway", "instance"),
    )


def quick_target(directory: Path) -> Target:
    return Target.for_loopback(directory, patience=Patience(poll=0.05, read_lag=1.5 * LAG_S, retries=60.0))
