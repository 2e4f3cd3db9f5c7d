"""Disruption budgets: how many pods may go now."""

from __future__ import annotations

import math
import time

from meshlab.emulate.kubernetes.client.informer import Informers
from meshlab.emulate.kubernetes.controllers.base import Controller, set_condition
from meshlab.emulate.kubernetes.objects import meta, selectors
from meshlab.emulate.kubernetes.objects.resources import BY_PATH
from meshlab.emulate.kubernetes.objects.status import Object

BUDGETS = BY_PATH[("policy", "v1", "poddisruptionbudgets")]
_FORGET_S = 120.0


def _amount(value: int | str, total: int) -> int:
    if isinstance(value, int):
        return value
    return math.ceil(int(value.rstrip("%")) * total / 100)


class Disruption(Controller):
    """Keeps the status of PodDisruptionBudgets."""

    name = "disruption-controller"

    def __init__(self, informers: Informers) -> None:
        super().__init__(informers)
        self._budgets = self.uses("poddisruptionbudgets", "policy")
        self._pods = self.uses("pods")
        self._owners = {
            "StatefulSet": self.uses("statefulsets", "apps"),
            "ReplicaSet": self.uses("replicasets", "apps"),
        }

    async def sync(self) -> None:
        for budget in list(self._budgets.items.values()):
            await self.attempt([self._one(budget)])

    def _expected(self, pods: list[Object]) -> int:
        owners: dict[str, int] = {}
        single = 0
        for pod in pods:
            reference = meta.controller_of(pod)
            informer = self._owners.get(reference["kind"]) if reference else None
            owner = (
                informer.get(meta.namespace_of(pod), reference["name"]) if informer and reference else None
            )
            if owner is None:
                single += 1
            else:
                owners[owner["metadata"]["uid"]] = owner["spec"].get("replicas", 1)
        return sum(owners.values()) + single

    async def _one(self, budget: Object) -> None:
        spec = budget["spec"]
        pods = [
            p
            for p in self._pods.items.values()
            if meta.namespace_of(p) == meta.namespace_of(budget)
            and selectors.matches(spec.get("selector"), selectors.labels_of(p))
            and not meta.is_finished(p)
        ]
        if spec.get("maxUnavailable") is not None:
            expected = self._expected(pods)
            wanted = max(0, expected - _amount(spec["maxUnavailable"], expected))
        elif isinstance(spec.get("minAvailable"), str):
            expected = self._expected(pods)
            wanted = _amount(spec["minAvailable"], expected)
        else:
            expected = len(pods)
            wanted = spec.get("minAvailable", 1)
        old = budget.get("status", {})
        present = {meta.name_of(p) for p in pods if not p["metadata"].get("deletionTimestamp")}
        disrupted = {
            name: stamp
            for name, stamp in (old.get("disruptedPods") or {}).items()
            if name in present and time.time() - meta.parse_time(stamp) < _FORGET_S
        }
        healthy = sum(
            meta.is_ready(p)
            and not p["metadata"].get("deletionTimestamp")
            and meta.name_of(p) not in disrupted
            for p in pods
        )
        allowed = max(0, healthy - wanted) if expected else 0
        conditions = [dict(c) for c in old.get("conditions") or ()]
        set_condition(
            conditions,
            {
                "type": "DisruptionAllowed",
                "status": "True" if allowed else "False",
                "reason": "SufficientPods" if allowed else "InsufficientPods",
                "message": "",
                "observedGeneration": budget["metadata"].get("generation", 1),
            },
        )
        state: Object = {
            "currentHealthy": healthy,
            "desiredHealthy": wanted,
            "disruptionsAllowed": allowed,
            "expectedPods": expected,
            "observedGeneration": budget["metadata"].get("generation", 1),
            "conditions": conditions,
        }
        if disrupted:
            state["disruptedPods"] = disrupted
        if state != old:
            self._budgets.put(await self.client.update(BUDGETS, {**budget, "status": state}, "status"))
