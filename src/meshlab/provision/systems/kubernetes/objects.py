"""Objects applied to the cluster, and where what is there differs from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meshlab.provision.systems.context import Context
from meshlab.provision.systems.interface import Operation
from meshlab.provision.systems.kubernetes.calls import kubernetes_errors
from meshlab.provision.systems.outcome import Absent, Found, Probe, Result


class Apply(Operation):
    """One object, by server-side apply: what the manifest says is so, what it does not say is left alone."""

    name = "kubernetes.apply"
    repeatable = True

    def manifest(self, context: Context) -> dict[str, Any]:
        return dict(self.settings["manifest"])

    def probe(self, context: Context) -> Probe:
        wanted = self.manifest(context)
        with kubernetes_errors(self.step.title):
            there = context.connections.kubernetes.read(wanted)
        if there is None or there.get("metadata", {}).get("deletionTimestamp"):
            return Absent()
        return Found({"name": wanted["metadata"]["name"]}, tuple(differences(wanted, there)))

    def perform(self, context: Context) -> Result:
        wanted = self.manifest(context)
        with kubernetes_errors(self.step.title):
            context.connections.kubernetes.apply(wanted)
        return {"name": wanted["metadata"]["name"]}

    def undo(self, context: Context) -> Result:
        wanted = self.manifest(context)

        def gone() -> Probe:
            with kubernetes_errors(self.step.title):
                there = context.connections.kubernetes.read(wanted)
            return Absent("it is still there") if there is not None else Found()

        with kubernetes_errors(self.step.title):
            context.connections.kubernetes.remove(wanted)
        return context.wait_until(gone, context.target.patience.deletion, self.step.title)


def differences(wanted: Any, there: Any, path: str = "") -> Iterator[str]:
    """Says where a live object does not carry what a manifest says; what the server added does not matter."""
    if isinstance(wanted, Mapping):
        if not isinstance(there, Mapping):
            yield f"{path or 'the object'} is {_shown(there)}"
            return
        for key, value in wanted.items():
            if key in ("apiVersion", "kind") and not path:
                continue
            inner = f"{path}.{key}" if path else str(key)
            if key not in there:
                # An empty value and none are the same to the server.
                if value not in (None, "", [], {}, False, 0):
                    yield f"{inner} is not set"
            else:
                yield from differences(value, there[key], inner)
    elif isinstance(wanted, (list, tuple)):
        if not isinstance(there, (list, tuple)) or len(wanted) != len(there):
            yield f"{path} has {len(there or ())} entries, not {len(wanted)}"
            return
        for number, (mine, theirs) in enumerate(zip(wanted, there, strict=True)):
            yield from differences(mine, theirs, f"{path}[{number}]")
    elif wanted != there:
        if path.startswith(("data.", "stringData.")):
            yield f"{path} is another"
        elif quantity(wanted) is None or quantity(wanted) != quantity(there):
            yield f"{path} is {_shown(there)}, not {_shown(wanted)}"


def quantity(value: object) -> float | None:
    """Gives a Kubernetes quantity as a number (``500m``, ``10Gi``); None where it is none."""
    units = {"": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
    units |= {f"{prefix}i": 1024.0**power for power, prefix in enumerate("KMGTP", start=1)}
    text = str(value)
    number = text.rstrip("mkKMGTPi")
    try:
        return float(number) * units[text[len(number) :]]
    except (ValueError, KeyError):
        return None


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


OPERATIONS = (Apply,)
