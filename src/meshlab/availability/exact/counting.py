"""Exact where diagrams are too large: weighted model counting, by Ganak in a process of its own.

A diagram follows one order of the variables from top to bottom. A model counter takes another next variable on every
path, along a tree decomposition of the formula, and answers parts that share nothing separately, each once. It gives
one number, the top's probability: no cut sets and no importance.

References
----------
Sharma, Roy, Soos and Meel, GANAK: a scalable probabilistic exact model counter, IJCAI 2019.
Tseitin, On the complexity of derivation in propositional calculus, 1968.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from meshlab.availability.diagrams.bdd import TooManyNodes
from meshlab.availability.diagrams.compiled import Limits, Split, module_diagram
from meshlab.availability.exact.evaluate import probability
from meshlab.availability.trees.circuit import Circuit
from meshlab.model.errors import MeshlabError

_EASY_NODES = 500_000
_LOOK_EVERY_S = 0.1
_WIDE = 20
"""Arguments of a gate in one clause: a row of 500 pairs takes Ganak 16 s with this, more than a minute without."""
WORKER = "meshlab.availability.exact.counter_process"
INSTALL = "pip install 'meshlab[counting]' adds a model counter, which may answer exactly, given time"


class CounterFailed(MeshlabError):
    """The model counter ended without an answer."""

    exit_code = 1


def installed() -> bool:
    """Whether there is a model counter (pyganak)."""
    return importlib.util.find_spec("pyganak") is not None


def counted(circuit: Circuit, down: Mapping[str, float], limits: Limits) -> float:
    """Gives the top's probability: modules whose diagrams are small by those, the others by counting.

    Raises
    ------
    Stopped
        The deadline passed; the counter's process is gone.
    CounterFailed
        It ended without an answer, for example for want of memory.
    """
    split = Split(circuit)
    if split.constant is not None:
        return float(split.constant)
    easy = Limits(min(_EASY_NODES, limits.most_nodes), limits.deadline, limits.stop)
    likely: dict[int, float] = {}
    for root in split.roots:
        core = split.core(root)
        leaves = [int(name) for name in core.events]
        q = [likely[n] if n in likely else down.get(circuit.events[n - 2], 0.0) for n in leaves]
        try:
            diagram, order = module_diagram(core, easy)
            likely[root] = probability(diagram, np.array([[q[node - 2]] for node in order]))
        except TooManyNodes:
            likely[root] = _counted(core, q, limits)
    top = likely[split.roots[-1]]
    return 1.0 - top if split.negated else top


@dataclass
class Formula:
    """A circuit's top in conjunctive normal form: variables 1 to n are its events, those after them its gates'.

    Each assignment of the events has one of the others that satisfies it, where the top holds, and none where not.
    """

    variables: int
    clauses: list[list[int]] = field(default_factory=list)

    def both(self, literals: Sequence[int]) -> int:
        """Gives a literal that holds when all of these do; many are taken a few at a time, so that no clause is wide.

        All of a clause's variables meet in one bag of the counter's tree decomposition.
        """
        while len(literals) > _WIDE:
            literals = [self.both(literals[:_WIDE]), *literals[_WIDE:]]
        if len(literals) == 1:
            return literals[0]
        self.variables += 1
        new = self.variables
        self.clauses += [[-new, literal] for literal in literals]
        self.clauses.append([new, *(-literal for literal in literals)])
        return new

    def either(self, literals: Sequence[int]) -> int:
        return -self.both([-literal for literal in literals])

    def at_least(self, k: int, literals: Sequence[int]) -> int:
        # reached[j]: so far j of them hold; None: that is not possible yet
        reached: list[int | None] = [None] * (k + 1)
        for i, literal in enumerate(literals):
            for j in range(min(k, i + 1), 0, -1):
                before, now = reached[j - 1], reached[j]
                step = literal if j == 1 else self.both([literal, before]) if before is not None else None
                if step is not None:
                    reached[j] = step if now is None else self.either([now, step])
        held = reached[k]
        assert held is not None, "k is at most the number of arguments"
        return held


def formula(core: Circuit) -> Formula:
    """Gives the formula of a circuit without constants."""
    made = Formula(len(core.events))
    literal = {node: node - 1 for node in range(2, core.first_gate)}

    def of(arg: int) -> int:
        return literal[arg] if arg > 0 else -literal[-arg]

    for i, gate in enumerate(core.gates):
        args = [of(arg) for arg in gate.args]
        match gate.op:
            case "and":
                held = made.both(args)
            case "xor":
                a, b = args
                held = made.either([made.both([a, -b]), made.both([-a, b])])
            case "atleast":
                held = made.at_least(gate.k, args)
        literal[core.first_gate + i] = held
    made.clauses.append([of(core.top)])
    return made


def _counted(core: Circuit, q: list[float], limits: Limits) -> float:
    made = formula(core)
    start = time.monotonic()
    worker = [sys.executable, "-P", "-m", WORKER]
    # A file, not a pipe: what does not fit into that before the time-out is lost.
    with tempfile.TemporaryFile("w+") as question:
        json.dump({"variables": made.variables, "clauses": made.clauses, "q": q}, question)
        question.seek(0)
        with subprocess.Popen(
            worker, stdin=question, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                while True:
                    limits.check()
                    try:
                        out, told = process.communicate(timeout=_LOOK_EVERY_S)
                        break
                    except subprocess.TimeoutExpired:
                        if limits.progress:
                            limits.progress(f"counting worlds for {time.monotonic() - start:.0f} s", 0)
            finally:
                process.kill()
    if process.returncode != 0:
        why = told.strip().splitlines()[-1:] or [f"exit code {process.returncode}"]
        raise CounterFailed(f"the model counter ended without an answer: {why[0]}")
    return float(out.strip().splitlines()[-1])
