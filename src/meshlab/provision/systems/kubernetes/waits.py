"""Waits: for the API, the nodes, the pods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshlab.provision.systems.context import Context
from meshlab.provision.systems.interface import Waiting
from meshlab.provision.systems.kubernetes.calls import is_true, kubernetes_errors
from meshlab.provision.systems.outcome import Absent, Found, Probe


class ApiReady(Waiting):
    """The API answers ready on every control plane."""

    name = "kubernetes.api"
    patience = "kubernetes_api"

    def look(self, context: Context) -> Probe:
        late = [a for a in self.settings["control_plane"] if not context.connections.kubernetes.ready(a)]
        return Absent(f"/readyz does not say ok on {', '.join(late)}") if late else Found()


class NodesReady(Waiting):
    """Every machine is a node that reports Ready."""

    name = "kubernetes.nodes"
    patience = "nodes_ready"

    def look(self, context: Context) -> Probe:
        with kubernetes_errors(self.step.title):
            nodes = {n["metadata"]["name"]: n for n in context.connections.kubernetes.list("v1", "Node")}
        missing = [name for name in self.settings["machines"] if name not in nodes]
        if missing:
            return Absent(f"not registered yet: {', '.join(missing)}")
        late = [name for name in self.settings["machines"] if not is_true(nodes[name], "Ready")]
        return Absent(f"not ready yet: {', '.join(late)}") if late else Found({"nodes": sorted(nodes)})


class PodsRunning(Waiting):
    """The pods of a StatefulSet run, each on the machine that it belongs on."""

    name = "kubernetes.pods"
    patience = "pods_running"

    def look(self, context: Context) -> Probe:
        wanted: dict[str, str] = dict(self.settings["pods"])
        namespace = str(self.settings["namespace"])
        with kubernetes_errors(self.step.title):
            pods = {
                p["metadata"]["name"]: p for p in context.connections.kubernetes.list("v1", "Pod", namespace)
            }
        late = [name for name in wanted if _phase(pods.get(name)) != "Running"]
        if late:
            return Absent(
                "; ".join(f"{name} is {_phase(pods.get(name))}{_why(pods.get(name))}" for name in late)
            )
        if self.settings.get("ready"):
            unready = [name for name in wanted if not is_true(pods[name], "Ready")]
            if unready:
                return Absent(f"not ready yet: {', '.join(unready)}")
        places = {name: str(pods[name]["spec"].get("nodeName", "")) for name in wanted}
        if self.settings.get("anywhere"):
            if len(set(places.values())) < len(places):
                return Absent(f"two pods share a machine: {places}")
            return Found({"places": places})
        wrong = [
            f"{name} is on {places[name]}, not {machine}"
            for name, machine in wanted.items()
            if places[name] != machine
        ]
        return Absent("; ".join(wrong)) if wrong else Found({"places": places})


def _phase(pod: Mapping[str, Any] | None) -> str:
    return "not there" if pod is None else str(pod.get("status", {}).get("phase", "Pending"))


def _why(pod: Mapping[str, Any] | None) -> str:
    if pod is None:
        return ""
    for condition in pod.get("status", {}).get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f" ({condition.get('message', '')})"
    return ""


OPERATIONS = (
    ApiReady,
    NodesReady,
    PodsRunning,
)
