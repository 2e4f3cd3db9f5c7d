"""One cell of the validation grid: measured, simulated, compared, and written down as one JSON document.

The document holds the real samples and the measured inputs, so that the simulated side can be computed again whenever
the model changes (:func:`with_simulation`), without running the processes again.
"""

from __future__ import annotations

import datetime
import math
import os
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from meshlab.validation.api import trials as api_trials
from meshlab.validation.api.model import ApiModel
from meshlab.validation.etcd import commit
from meshlab.validation.etcd import trials as etcd_trials
from meshlab.validation.etcd.machine import Machine, ProcessorUse, description, measured
from meshlab.validation.etcd.model import SIMULATED, EtcdModel
from meshlab.validation.mesh import trials as mesh_trials
from meshlab.validation.mesh.model import MeshModel
from meshlab.validation.mesh.wireguard_binary import wireguard_version
from meshlab.validation.setting import Setting
from meshlab.validation.statistics import compare, quantiles, share
from meshlab.validation.vault import trials as vault_trials
from meshlab.validation.vault.model import VaultModel

SCHEMA = 1
NOTHING = Machine([], [], [])
KEPT = 200
"""So many quantiles of each measured input are kept in the document, and the model draws from them."""

SAMPLES = {
    "leader_after_ms": "leader_after",
    "serving_after_ms": "serving_after",
    "stepped_down_ms": "stepped_down_after",
    "outage_ms": "outages",
    "latency_ms": "latencies",
    "read_outage_ms": "read_outages",
    "back_ms": "back_after",
    "black_hole_ms": "black_hole",
    "carried_on_ms": "carried_on",
    "marked_down_ms": "marked_down",
    "key_age_ms": "key_age",
    "noticed_ms": "noticed",
    "renewal_ms": "renewals",
}
"""Samples of a document, and the field of a trial that each comes from."""

ALWAYS = ("leader_after_ms", "serving_after_ms", "stepped_down_ms", "outage_ms", "latency_ms")
"""Samples that a document holds even when they are empty."""

Document = dict[str, Any]


async def real_side(setting: Setting, *, progress: bool = True) -> Document:
    """Measures the machine, then the real group; gives the document without the simulated side.

    Raises
    ------
    CannotValidate, MissingBinary
        The fault cannot be made here, or a program is missing.
    """
    if setting.system == "etcd":
        etcd_trials.refuse_what_cannot_be(setting)
    with tempfile.TemporaryDirectory(prefix="meshlab-validate-") as temporary:
        folder = Path(temporary)
        load_before = os.getloadavg()[0]
        if setting.measure == "commit":
            machine, latencies = await commit.real(setting, folder)
            seen: list[Any] = [latencies]
        else:
            machine = NOTHING if setting.system == "mesh" else await measured(setting, folder)
            seen = [trial async for trial in _real(setting, folder, progress)]
    machine = kept(machine)
    return {
        "schema": SCHEMA,
        "setting": setting.as_json(),
        "when": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "versions": versions(setting),
        "machine": description() | {"load": [round(load_before, 1), round(os.getloadavg()[0], 1)]},
        "inputs": {k: [round(v * 1000, 3) for v in vs] for k, vs in machine.samples().items()},
        "use": asdict(machine.use) if machine.use is not None else {},
        "real": _seen(seen),
    }


def _real(setting: Setting, folder: Path, progress: bool) -> AsyncIterator[Any]:
    """The trials on real processes."""
    if setting.system == "mesh":
        return mesh_trials.trials(setting, folder, progress=progress)
    trials = {"api": api_trials.trials, "vault": vault_trials.trials, "etcd": etcd_trials.trials}
    return _shown(trials[setting.system](setting, folder), setting, progress)


def _model(setting: Setting, machine: Machine, count: int, programs: dict[str, str]) -> Iterator[Any]:
    """The same faults in the simulator."""
    if setting.measure == "commit":
        return iter([commit.simulated(setting, machine, count, programs["etcd"])])
    if setting.system == "vault":
        return VaultModel(setting, machine).draws(count)
    if setting.system == "mesh":
        return MeshModel(setting).draws(count)
    if setting.system == "api":
        return ApiModel(setting, machine).draws(count)
    return EtcdModel(setting, machine).draws(count)


async def _shown(stream: AsyncIterator[Any], setting: Setting, progress: bool) -> AsyncIterator[Any]:
    from tqdm import tqdm

    with tqdm(total=setting.repeats, desc=setting.slug, unit="fault", disable=not progress) as bar:
        async for trial in stream:
            bar.update()
            yield trial


def versions(setting: Setting) -> dict[str, str]:
    """The versions of meshlab and of the programs that were run."""
    from importlib.metadata import version

    from meshlab.emulate.processes import binaries

    found = {"meshlab": version("meshlab")}
    if setting.system == "mesh":
        return found | {"wireguard-go": wireguard_version()}
    if setting.system == "api":
        from meshlab.emulate.kubernetes.real.server import available, described

        found["API server"] = described(available() if setting.server == "kube-apiserver" else None)
    name = "bao" if setting.system == "vault" else "etcd"
    return found | {name: ".".join(map(str, binaries.version(binaries.find(name))))}


def kept(machine: Machine) -> Machine:
    """The machine with each sample reduced to evenly spaced quantiles, rounded to a microsecond."""
    import numpy as np

    grid = (np.arange(KEPT) + 0.5) / KEPT
    if not machine.ask:
        return machine
    samples = {name: np.quantile(sample, grid) for name, sample in machine.samples().items() if sample}
    rounded = {name: [round(float(v), 6) for v in sample] for name, sample in samples.items()}
    return Machine(**rounded, use=machine.use)


def _ms(value: Any, digits: int | None) -> list[float]:
    """A field of a trial as rounded milliseconds; what never came is left out."""
    values = value if isinstance(value, list) else [value]
    return [round(1000 * v, digits) for v in values if v is not None and math.isfinite(v)]


def _seen(found: Iterable[Any]) -> Document:
    """Samples of either side, rounded to a millisecond."""
    trials = list(found)
    side: Document = {"n": len(trials), "terms": [t.terms for t in trials if hasattr(t, "terms")]}
    for name, attribute in SAMPLES.items():
        digits = 2 if name == "latency_ms" else None
        found_of = [v for t in trials for v in _ms(getattr(t, attribute, None), digits)]
        if found_of or name in ALWAYS:
            side[name] = found_of
    return side


def simulated_side(document: Document, simulate: int = SIMULATED) -> Document:
    """Gives the samples of the simulated side, computed now from the document's setting and inputs."""
    setting = Setting(**document["setting"])
    use = ProcessorUse(**document["use"]) if document.get("use") else None
    machine = Machine(**{k: [v / 1000 for v in vs] for k, vs in document["inputs"].items()}, use=use)
    return _seen(_model(setting, machine, simulate, document["versions"]))


def with_simulation(document: Document, simulate: int = SIMULATED) -> Document:
    """Gives the document with the simulated side and the comparison computed anew from its inputs."""
    setting = Setting(**document["setting"])
    side = simulated_side(document, simulate)
    return document | {
        "simulated": _summary(side),
        "comparison": _comparison(setting, document["real"], side),
    }


def _summary(side: Document) -> Document:
    """The simulated side is computed again at will: its quantiles are enough."""
    return {"n": side["n"]} | {
        name: [asdict(q) for q in quantiles(side[name])] for name in SAMPLES if side.get(name)
    }


def _comparison(setting: Setting, real: Document, simulated: Document) -> Document:
    found: Document = {}
    for name in SAMPLES:
        if real.get(name) and simulated.get(name):
            found[name] = compare(real[name], simulated[name]).as_json()
    if setting.measure == "commit" or setting.system == "api":
        return found
    if setting.system == "mesh":
        return found | _of_the_mesh(setting, real, simulated)
    if setting.fault == "kill-follower":
        found["leader_changed"] = _shares(real["terms"], simulated["terms"], 1)
        return found
    if real["terms"]:
        found["split_vote"] = _shares(real["terms"], simulated["terms"], 2)
    served = "leader_after_ms" if setting.system == "etcd" else "serving_after_ms"
    lost = [side["n"] - len(side[served]) for side in (real, simulated)]
    found["no_leader"] = _share_of(lost[0], real["n"], lost[1] / simulated["n"])
    return found


def _of_the_mesh(setting: Setting, real: Document, simulated: Document) -> Document:
    """How many pairs did not come back, and how many Talos had called down by then."""
    sides = real, simulated
    lost = [side["n"] - len(side.get("back_ms", [])) for side in sides]
    found = {"not_back": _share_of(lost[0], real["n"], lost[1] / simulated["n"])}
    if setting.fault != "restart":
        down = [len(side.get("marked_down_ms", [])) for side in sides]
        found["marked_down"] = _share_of(down[0], real["n"], down[1] / simulated["n"])
    return found


def _shares(real: list[int], simulated: list[int], least: int) -> Document:
    ours = sum(terms >= least for terms in simulated) / len(simulated)
    return _share_of(sum(terms >= least for terms in real), len(real), ours)


def _share_of(count: int, of: int, simulated: float) -> Document:
    theirs = share(count, of)
    return {"real": asdict(theirs), "simulated": simulated, "inside": theirs.holds(simulated)}
