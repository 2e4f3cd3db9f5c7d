"""Reading a scenario file: YAML, then its shape, then its sense against a topology; all problems at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshlab.model.errors import InputError, Problem
from meshlab.model.near import near_names
from meshlab.model.reading import YAML, parse_yaml, read_text
from meshlab.model.units import UnitError, duration, parse
from meshlab.simulate.scenario.checks import Finding, faults_findings, initial_findings
from meshlab.simulate.scenario.kinds.table import KINDS
from meshlab.simulate.scenario.scenario import FOREVER, Fault, Scenario

if TYPE_CHECKING:
    from meshlab.model.spec.places import Places
    from meshlab.model.topology import Topology

_KEYS = ("name", "horizon", "faults", "leaders")
_FAULT_KEYS = {name: ("at", name, *kind.keys) for name, kind in KINDS.items()}
_ALL_FAULT_KEYS = sorted({key for keys in _FAULT_KEYS.values() for key in keys})


def load_scenario(path: str | Path, topology: Topology) -> Scenario:
    """Gives the Scenario of a file, checked against the topology it is meant for.

    Raises
    ------
    InputError
        The file cannot be read or is no sound scenario: every problem with file, line and what to do.
    """
    return parse_scenario(read_text(path, YAML), topology, str(path))


def parse_scenario(text: str, topology: Topology, file: str = "<scenario>") -> Scenario:
    """Gives the Scenario written in a text; `file` is what problems are reported against."""
    from meshlab.model.spec.places import Places

    root = parse_yaml(text, file)
    if not isinstance(root, dict):
        raise InputError.single(
            file, "a scenario is a map of keys", "start it with `name:` and `horizon:`", line=1
        )
    return _Reader(Places(file, root), file, topology).scenario(root)


class _Reader:
    """Reads one document, gathering problems as it goes."""

    def __init__(self, places: Places, file: str, topology: Topology) -> None:
        self.places = places
        self.file = file
        self.topology = topology
        self.problems: list[Problem] = []

    def scenario(self, root: dict[str, Any]) -> Scenario:
        self._unknown_keys(root, _KEYS, ())
        horizon = self.duration(root, "horizon", ()) if "horizon" in root else 0.0
        if "horizon" not in root:
            self.problem((), "'horizon' is missing in the scenario", "add it, for example horizon: 30m")
        elif horizon == 0.0 and not self.problems:
            self.problem(("horizon",), "the horizon is empty", "give it a length, for example 30m")
        faults: list[Fault] = []
        places: list[tuple[str | int, ...]] = []
        listed = root.get("faults") or []
        if not isinstance(listed, list):
            self.problem(("faults",), "'faults' is a list", "write each fault as - {at: 5m, fail: master-1}")
            listed = []
        for index, item in enumerate(listed):
            fault = self._fault(item, ("faults", index))
            if fault:
                faults.append(fault)
                places.append(("faults", index))
        leaders = self._leaders(root.get("leaders") or {})
        scenario = Scenario(str(root.get("name", Path(self.file).stem)), horizon, tuple(faults), leaders)
        if horizon > 0:
            for finding in faults_findings(scenario, self.topology):
                self._found(finding, places[finding.index] if finding.index >= 0 else ())
        for finding in initial_findings(scenario, self.topology):
            self._found(finding, ("leaders",))
        if self.problems:
            raise InputError(self.problems)
        return scenario

    def _leaders(self, given: Any) -> dict[str, str]:
        if not isinstance(given, dict):
            self.problem(("leaders",), "'leaders' is a map", "for example leaders: {etcd: master-1}")
            return {}
        return {str(group): str(machine) for group, machine in given.items()}

    def _fault(self, item: Any, path: tuple[str | int, ...]) -> Fault | None:
        if not isinstance(item, dict):
            self.problem(path, "a fault is a map", "for example {at: 5m, fail: master-1, for: 10m}")
            return None
        before = len(self.problems)
        kinds = [kind for kind in _FAULT_KEYS if kind in item]
        if len(kinds) != 1:
            self._unknown_keys(item, _ALL_FAULT_KEYS, path)
            known = ", ".join(_FAULT_KEYS)
            said = " and ".join(kinds) if kinds else "no kind"
            self.problem(path, f"a fault has exactly one kind, here {said}", f"one of: {known}")
            return None
        kind = kinds[0]
        self._unknown_keys(item, _FAULT_KEYS[kind], path)
        if "at" not in item:
            self.problem(path, "'at' is missing in the fault", "say when, for example at: 5m")
        at = self.duration(item, "at", path) if "at" in item else 0.0
        lasts = self.duration(item, "for", path) if "for" in item else FOREVER
        if "for" in item and lasts == 0 and len(self.problems) == before:
            self.problem((*path, "for"), "the fault lasts no time", "give `for` a length or leave it out")
        fields = KINDS[kind].read(_Item(item, path, self))
        if fields is None or len(self.problems) > before:
            return None
        return Fault(**{"kind": kind, "at": at, "lasts": lasts, **fields})

    def duration(self, item: dict[str, Any], key: str, path: tuple[str | int, ...]) -> float:
        value = item[key]
        try:
            seconds = parse(value if isinstance(value, (int, float)) else str(value).lstrip("+ "), "duration")
        except UnitError as error:
            self.problem((*path, key), f"{key}: {error}", "")
            return 0.0
        if seconds < 0:
            self.problem(
                (*path, key), f"{key} is negative: {value!r}", f"write for example {duration(-seconds)}"
            )
            return 0.0
        return seconds

    def share(self, item: dict[str, Any], key: str, path: tuple[str | int, ...]) -> float:
        value = item[key]
        try:
            share = parse(value if isinstance(value, (int, float)) else str(value), "share")
        except UnitError as error:
            self.problem((*path, key), f"{key}: {error}", "")
            return 0.0
        if not 0 <= share <= 1:
            self.problem((*path, key), f"{key} is a share between 0 and 1: {value!r}", "write for example 2%")
            return 0.0
        return share

    def _unknown_keys(self, item: dict[str, Any], known: Any, path: tuple[str | int, ...]) -> None:
        for key in item:
            if key not in known:
                near = near_names(str(key), known)
                hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
                self.problem((*path, key), f"unknown key {str(key)[:60]!r}", hint)

    def problem(self, path: tuple[str | int, ...], message: str, hint: str) -> None:
        line, column = self.places.of(path)
        self.problems.append(Problem(self.file, line, column, message, hint))

    def _found(self, finding: Finding, path: tuple[str | int, ...]) -> None:
        key: Iterator[str] = iter((finding.key,)) if finding.key else iter(())
        self.problem((*path, *key), finding.message, finding.hint)


class _Item:
    """One fault of the document, as its kind reads it."""

    def __init__(self, values: dict[str, Any], path: tuple[str | int, ...], reader: _Reader) -> None:
        self.values = values
        self._path = path
        self._reader = reader

    def duration(self, key: str) -> float:
        return self._reader.duration(self.values, key, self._path)

    def share(self, key: str) -> float:
        return self._reader.share(self.values, key, self._path)

    def problem(self, key: str, message: str, hint: str = "") -> None:
        self._reader.problem((*self._path, key) if key else self._path, message, hint)
