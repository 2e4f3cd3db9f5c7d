"""The status a kubelet reports of a pod, from what its runtime says."""

from __future__ import annotations

import datetime
import hashlib

from meshlab.emulate.kubernetes.node.runtime import RunState
from meshlab.emulate.kubernetes.objects import meta
from meshlab.emulate.kubernetes.objects.status import Object


def stamp(seconds: float) -> str:
    """Unix seconds as a Kubernetes time."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _condition(pod: Object, kind: str, good: bool, reason: str, message: str) -> Object:
    value = "True" if good else "False"
    old = meta.condition(pod, kind)
    changed = old is None or old["status"] != value
    entry: Object = {
        "type": kind,
        "status": value,
        "lastProbeTime": None,
        "lastTransitionTime": meta.now() if changed or old is None else old.get("lastTransitionTime"),
    }
    if not good and reason:
        entry |= {"reason": reason, "message": message}
    return {k: v for k, v in entry.items() if v is not None}


def _waiting_reason(message: str) -> str:
    head = message.partition(":")[0].strip()
    return head if head.isidentifier() else "ContainerCreating"


def _containers(pod: Object, state: RunState | None, waiting: str, base: int) -> list[Object]:
    found = []
    for position, container in enumerate(pod["spec"]["containers"]):
        restarts = (state.restarts if state is not None and position == 0 else 0) + base
        digest = hashlib.sha256(
            f"{pod['metadata']['uid']}/{container['name']}/{restarts}".encode()
        ).hexdigest()
        running = state is not None and state.phase == "Running" and state.started_at is not None
        entry: Object = {
            "name": container["name"],
            "image": container["image"],
            "imageID": "",
            "ready": bool(running and state is not None and state.ready),
            "restartCount": restarts,
            "started": bool(running),
        }
        if running and state is not None and state.started_at is not None:
            entry["state"] = {"running": {"startedAt": stamp(state.started_at)}}
            entry["containerID"] = f"containerd://{digest}"
            entry["imageID"] = (
                f"{container['image']}@sha256:{hashlib.sha256(container['image'].encode()).hexdigest()}"
            )
        elif state is not None and state.phase in ("Succeeded", "Failed"):
            good = state.phase == "Succeeded"
            entry["state"] = {
                "terminated": {"exitCode": 0 if good else 1, "reason": "Completed" if good else "Error"}
            }
        else:
            message = waiting or (state.message if state is not None else "")
            reason: Object = {"reason": _waiting_reason(message)}
            if message:
                reason["message"] = message
            entry["state"] = {"waiting": reason}
        found.append(entry)
    return found


def pod_status(
    pod: Object,
    state: RunState | None,
    *,
    host: str,
    address: str,
    started: str,
    waiting: str = "",
    base: int = 0,
) -> Object:
    """The whole status.

    Parameters
    ----------
    state
        What the runtime says; None while the pod is not started.
    waiting
        Why it is not started.
    base
        Restarts before this start of the pod (of an earlier life of the machine).
    """
    phase = state.phase if state is not None else "Pending"
    ready = state is not None and phase == "Running" and state.ready
    names = [c["name"] for c in pod["spec"]["containers"]]
    unready = f"containers with unready status: [{' '.join(names)}]"
    reason = "PodCompleted" if phase == "Succeeded" else "ContainersNotReady"
    conditions = [
        _condition(pod, "PodReadyToStartContainers", state is not None, "", ""),
        _condition(pod, "Initialized", True, "", ""),
        _condition(pod, "Ready", ready, reason, unready),
        _condition(pod, "ContainersReady", ready, reason, unready),
        _condition(pod, "PodScheduled", True, "", ""),
    ]
    own = {c["type"] for c in conditions}
    conditions += [c for c in pod.get("status", {}).get("conditions") or () if c["type"] not in own]
    found: Object = {
        "phase": phase,
        "conditions": conditions,
        "hostIP": host,
        "hostIPs": [{"ip": host}],
        "startTime": started,
        "qosClass": pod.get("status", {}).get("qosClass", "BestEffort"),
        "containerStatuses": _containers(pod, state, waiting, base),
    }
    if state is not None and address:
        found |= {"podIP": address, "podIPs": [{"ip": address}]}
    return found
