"""Readable traces: a short story of what is done to a group or a cluster, dashes, and all that follows.

``REWRITE_TRACES=1 pytest tests/traces`` writes them anew; read the difference line by line before it is kept.

Directives of a raft story: ``members N``, ``engine etcd|hashicorp``, ``seed S``, ``until T``, ``prevote off``,
``kill M at T [back T]``, ``stop M at T [back T]`` (in order), ``cut A B from T to T``, ``cut A>B from T to T``
(one way), ``pause M from T to T``. Of a cluster story: ``scenario NAME``, ``seed S``, ``replicate R``.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from meshlab.model.spec import data_file, reference
from meshlab.simulate import load_scenario, simulate
from meshlab.simulate.groups.etcd import EtcdGroup
from meshlab.simulate.groups.hashicorp import HashicorpGroup
from meshlab.simulate.raft.timed.world import World
from meshlab.simulate.tracks import Track

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*.txt"))


@dataclass
class Story:
    """What the lines above the dashes say."""

    engine: str = "etcd"
    members: int = 3
    seed: int = 1
    until: float = 60.0
    prevote: bool = True
    scenario: str = ""
    replicate: int = 0
    deeds: list[list[str]] = field(default_factory=list)


def read(text: str) -> Story:
    story = Story()
    for line in text.splitlines():
        words = line.split("#")[0].split()
        match words:
            case []:
                pass
            case ["engine", name]:
                story.engine = name
            case ["members", number]:
                story.members = int(number)
            case ["seed", number]:
                story.seed = int(number)
            case ["until", time]:
                story.until = float(time)
            case ["prevote", switch]:
                story.prevote = switch == "on"
            case ["scenario", name]:
                story.scenario = name
            case ["replicate", number]:
                story.replicate = int(number)
            case ["kill" | "stop" | "cut" | "pause", *_]:
                story.deeds.append(words)
            case _:
                raise ValueError(f"not a directive: {line}")
    return story


def world_of(story: Story) -> World:
    names = tuple(f"m{i}" for i in range(story.members))
    running = {m: Track(True) for m in names}
    frozen = {m: Track(False) for m in names}
    flows = {(a, b): Track(True) for a in names for b in names if a != b}
    leaving: dict[str, set[float]] = {}
    for deed in story.deeds:
        match deed:
            case ["kill" | "stop" as how, member, "at", at, *back]:
                running[member].set(float(at), False, how)
                if how == "stop":
                    leaving.setdefault(member, set()).add(float(at))
                if back:
                    running[member].set(float(back[1]), True, "back")
            case ["cut", way, "from", start, "to", end]:
                a, b = way.split(">")
                flows[a, b].set(float(start), False, "cut")
                flows[a, b].set(float(end), True, "healed")
            case ["cut", a, b, "from", start, "to", end]:
                for pair in ((a, b), (b, a)):
                    flows[pair].set(float(start), False, "cut")
                    flows[pair].set(float(end), True, "healed")
            case ["pause", member, "from", start, "to", end]:
                frozen[member].set(float(start), True, "paused")
                frozen[member].set(float(end), False, "resumed")
            case _:
                raise ValueError(f"not a deed: {' '.join(deed)}")
    return World(names, running, frozen, flows, lambda a, b, t: 0.0005, lambda m: 0.001, leaving=leaving)


def tell(story: Story) -> str:
    return _tell_cluster(story) if story.scenario else _tell_raft(story)


def _tell_raft(story: Story) -> str:
    rng = np.random.default_rng(story.seed)
    world = world_of(story)
    engine: EtcdGroup | HashicorpGroup
    if story.engine == "etcd":
        engine = EtcdGroup(world, heartbeat=0.1, election=1.0, rng=rng, leader="m0", prevote=story.prevote)
    else:
        engine = HashicorpGroup(
            world, heartbeat=5.0, election=5.0, lease=2.5, rng=rng, leader="m0", prevote=story.prevote
        )
    reigns, log = engine.run(story.until)
    lines = [f"{e.time:9.4f}  {e.kind:18}{e.text}" for e in log]
    lines.append("reigns")
    for reign in sorted(reigns, key=lambda r: r.elected):
        end = "the end" if math.isinf(reign.end) else f"{reign.end:.4f}"
        lines.append(f"  term {reign.term}: {reign.leader} elected {reign.elected:.4f}, serving "
                     f"{reign.serving:.4f}, until {end}")  # fmt: skip
    return "\n".join(lines) + "\n"


def _tell_cluster(story: Story) -> str:
    cluster = reference()
    scenario = load_scenario(data_file(f"scenarios/{story.scenario}.yaml"), cluster)
    timeline = simulate(cluster, scenario, replicates=story.replicate + 1, seed=story.seed).timelines[-1]
    lines = []
    for component in timeline.components:
        for interval in timeline.of(component):
            if len(timeline.of(component)) == 1:
                continue
            lines.append(
                f"{component:16}{interval.state:12}{interval.start:10.2f}{interval.end:10.2f}"
                f"  {interval.cause}".rstrip()
            )
    quiet = [name for name in timeline.components if len(timeline.of(name)) == 1]
    lines.append(f"up throughout: {', '.join(quiet)}")
    lines += [f"{e.time:10.2f}  {e.component:20}{e.kind:14}{e.text}" for e in timeline.events]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_a_story_goes_as_it_went(file: Path) -> None:
    told, _, expected = file.read_text(encoding="utf-8").partition("----\n")
    found = tell(read(told))
    if os.environ.get("REWRITE_TRACES"):
        file.write_text(f"{told}----\n{found}", encoding="utf-8")
        return
    assert found == expected, f"{file.name} goes differently; REWRITE_TRACES=1 writes it anew"


def test_there_are_stories() -> None:
    assert len(FILES) >= 10
