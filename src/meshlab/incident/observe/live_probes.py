"""The probes of a live cluster: thin, each one question with a time-out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from meshlab.incident.observe.api_door import ApiDoor, Reply
from meshlab.incident.observe.probes import NoPath, Refused, Silent

if TYPE_CHECKING:
    from meshlab.live.talos.client import TalosClient

BOOT_EVERY = 4
"""The boot id is read with every fourth answer, and with the first after a silence."""


class TalosLine:
    """One machine's Talos client, made anew after a silence (a new connection sooner finds a machine that is back)."""

    def __init__(self, make: Callable[[], TalosClient]) -> None:
        self._make = make
        self._client: TalosClient | None = None

    def ask(self, question: Callable[[TalosClient], Any]) -> Any:
        """Puts a question.

        Raises
        ------
        Silent
            Nothing came back in time.
        Refused
            The machine answered with an error.
        """
        from meshlab.live.talos.errors import TalosError

        try:
            if self._client is None:
                self._client = self._make()
            return question(self._client)
        except TalosError as error:
            if error.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"):
                self.drop()
                raise Silent(f"{error.code}: {error.message}"[:200]) from None
            raise Refused(f"{error.code}: {error.message}"[:200]) from None
        except OSError as error:
            self.drop()
            raise Silent(type(error).__name__) from None

    def drop(self) -> None:
        """Ends the connection; the next question makes another."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):  # it is given up: how it ends is of no interest
                client.close()


class MachineProbe:
    """Stage and readiness of a machine, by its own MachineStatus."""

    kind = "machine"

    def __init__(self, machine: str, line: TalosLine) -> None:
        self.component = machine
        self._line = line
        self._asked = 0

    def ask(self) -> Mapping[str, Any]:
        try:
            status = self._line.ask(lambda client: client.get("MachineStatuses", "machine").data)
            answer: dict[str, Any] = {
                "stage": str(status.get("stage", "")),
                "ready": bool((status.get("status") or {}).get("ready")),
                "unmet": [
                    str(c.get("name")) for c in (status.get("status") or {}).get("unmetConditions") or ()
                ],
            }
            if self._asked % BOOT_EVERY == 0:
                answer["boot_id"] = self._line.ask(lambda client: client.boot_id())
            self._asked += 1
            return answer
        except (Silent, Refused):
            self._asked = 0
            raise


class EtcdProbe:
    """What one member of etcd says of its group, through its machine."""

    kind = "etcd"

    def __init__(self, machine: str, line: TalosLine) -> None:
        self.component = machine
        self._line = line

    def ask(self) -> Mapping[str, Any]:
        status = self._line.ask(lambda client: client.etcd_status())
        return {
            "member_id": f"{status.member_id:x}",
            "leader": f"{status.leader:x}",
            "term": int(status.raft_term),
            "index": int(status.raft_index),
            "applied": int(status.raft_applied_index),
            "learner": bool(status.is_learner),
            "errors": [str(error) for error in status.errors],
        }


class MeshProbe:
    """What one machine says of its KubeSpan peers."""

    kind = "mesh"

    def __init__(self, machine: str, line: TalosLine) -> None:
        self.component = machine
        self._line = line

    def ask(self) -> Mapping[str, Any]:
        found = self._line.ask(lambda client: client.list("KubeSpanPeerStatuses"))
        peers = {}
        for resource in found:
            data = resource.data
            peers[str(data.get("label"))] = str(data.get("state", "unknown"))
        return {"peers": peers}


class WriteProbe:
    """A small write through the Kubernetes API: a Lease of the observer's own, in a namespace of its own."""

    kind = "kubernetes-api"
    component = "kubernetes-api"
    namespace = "meshlab-observer"

    def __init__(self, door: ApiDoor) -> None:
        self._door = door
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases"

    def ask(self) -> Mapping[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        patch = {"spec": {"renewTime": now, "holderIdentity": "meshlab"}}
        reply = self._door.ask("PATCH", f"{self._path}/observer", patch, kind="application/merge-patch+json")
        if reply.status == 404:
            self._make(now)
            reply = self._door.ask(
                "PATCH", f"{self._path}/observer", patch, kind="application/merge-patch+json"
            )
        if reply.status >= 300:
            raise Refused(
                f"{reply.endpoint}: {reply.message}", {"endpoint": reply.endpoint, "code": reply.status}
            )
        return {"endpoint": reply.endpoint}

    def _make(self, now: str) -> None:
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": "observer", "namespace": self.namespace},
            "spec": {"holderIdentity": "meshlab", "renewTime": now},
        }
        for path, body in (("/api/v1/namespaces", space), (self._path, lease)):
            reply = self._door.ask("POST", path, body)
            if reply.status not in (200, 201, 409):
                raise Refused(f"{reply.endpoint}: {reply.message}", {"code": reply.status})


class PodLine:
    """The way to a pod through the API's proxy."""

    def __init__(self, door: ApiDoor, namespace: str, pod: str, port: int, scheme: str = "http") -> None:
        name = f"https:{pod}:{port}" if scheme == "https" else f"{pod}:{port}"
        self._door = door
        self._base = f"/api/v1/namespaces/{namespace}/pods/{name}/proxy"

    def ask(self, method: str, path: str, body: object = None) -> Reply:
        """Gives the pod's own answer, whatever its status.

        Raises
        ------
        Silent
            The API answers, the pod does not.
        NoPath
            The API itself is away, so nothing is known of the pod.
        """
        try:
            reply = self._door.ask(method, self._base + path, body, patience_s=3.0)
        except Silent as error:
            if self._api_answers():
                raise Silent("the pod does not answer in time") from None
            raise NoPath(f"the API is away: {error}") from None
        if not reply.of_api:
            return reply
        text = reply.message
        if reply.status == 404:
            raise Refused(f"there is no such pod: {text}")
        if "refused" in text:
            raise Refused(f"nothing listens in the pod: {text}")
        if reply.status in (502, 503, 504) and not text.startswith("etcdserver"):
            raise Silent(text)
        raise NoPath(f"the API answers {reply.status}: {text}")

    def _api_answers(self) -> bool:
        try:
            return self._door.ask("GET", "/livez", patience_s=1.0).status == 200
        except Silent:
            return False


class VaultProbe:
    """Health of one Vault pod; the component is the machine that it runs on."""

    kind = "vault"

    def __init__(self, machine: str, line: PodLine, pod: str = "") -> None:
        self.component = machine
        self.pod = pod
        self._line = line

    def ask(self) -> Mapping[str, Any]:
        reply = self._line.ask("GET", "/v1/sys/health")
        data = reply.data
        if "sealed" not in data:
            raise Refused(f"no health in the answer (HTTP {reply.status})")
        return {
            "pod": self.pod,
            "initialized": bool(data.get("initialized")),
            "sealed": bool(data.get("sealed")),
            "standby": bool(data.get("standby")),
        }


class ChainProbe:
    """Health of a chain node by its chain's own call (facts: live-bringup 2.4)."""

    kind = "chain"

    def __init__(self, workload: str, role: str, line: PodLine) -> None:
        self.component = workload
        self._line = line
        self._ask = {"solana": self._solana, "ethereum": self._ethereum, "tron": self._tron}[role]

    def ask(self) -> Mapping[str, Any]:
        return self._ask()

    def _call(self, method: str) -> dict[str, Any]:
        reply = self._line.ask("POST", "/", {"jsonrpc": "2.0", "id": 1, "method": method, "params": []})
        if not reply.data:
            raise Refused(f"HTTP {reply.status} without a JSON-RPC answer")
        return reply.data

    def _solana(self) -> Mapping[str, Any]:
        data = self._call("getHealth")
        if data.get("result") == "ok":
            return {"healthy": True, "syncing": False, "lag": 0.0}
        behind = ((data.get("error") or {}).get("data") or {}).get("numSlotsBehind")
        return {"healthy": False, "syncing": True, "lag": None if behind is None else float(behind)}

    def _ethereum(self) -> Mapping[str, Any]:
        data = self._call("eth_syncing")
        if "error" in data:
            raise Refused(json.dumps(data["error"])[:200])
        result = data.get("result")
        if not isinstance(result, dict):
            return {"healthy": True, "syncing": False, "lag": 0.0}
        lag = int(str(result.get("highestBlock", "0x0")), 16) - int(
            str(result.get("currentBlock", "0x0")), 16
        )
        return {"healthy": False, "syncing": True, "lag": float(lag)}

    def _tron(self) -> Mapping[str, Any]:
        reply = self._line.ask("GET", "/wallet/getnowblock")
        raw = (reply.data.get("block_header") or {}).get("raw_data") or {}
        if "timestamp" not in raw:
            raise Refused(f"HTTP {reply.status} without a block")
        lag = max(0.0, (time.time() - float(raw["timestamp"]) / 1000) / TRON_BLOCK_S)
        return {"healthy": lag <= TRON_BEHIND, "syncing": lag > TRON_BEHIND, "lag": round(lag, 1)}


TRON_BLOCK_S = 3.0
TRON_BEHIND = 20
"""Blocks behind which a Tron node counts as syncing: about the distance to the solid block (parameters.md H)."""


class ManagementProbe:
    """Whether Omni is reached; `ping` is one cheap call to it."""

    kind = "management"
    component = "management"

    def __init__(self, ping: Callable[[], object]) -> None:
        self._ping = ping

    def ask(self) -> Mapping[str, Any]:
        try:
            self._ping()
        except Exception as error:  # whatever it is, Omni was not reached
            raise Silent(f"{type(error).__name__}: {error}"[:200]) from None
        return {"reachable": True}
