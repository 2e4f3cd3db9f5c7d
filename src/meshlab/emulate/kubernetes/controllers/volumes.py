"""Static volumes: binds claims and volumes to each other, and lets go of them when they are no longer used."""

from __future__ import annotations

from meshlab.emulate.kubernetes.client.informer import Informers
from meshlab.emulate.kubernetes.controllers.base import Controller, Recorder
from meshlab.emulate.kubernetes.controllers.scheduling import claim_names, volume_fits, waits_for_consumer
from meshlab.emulate.kubernetes.objects import meta
from meshlab.emulate.kubernetes.objects.resources import BY_PATH
from meshlab.emulate.kubernetes.objects.status import Object

VOLUMES = BY_PATH[("", "v1", "persistentvolumes")]
CLAIMS = BY_PATH[("", "v1", "persistentvolumeclaims")]
_CLAIM_PROTECTION = "kubernetes.io/pvc-protection"
_VOLUME_PROTECTION = "kubernetes.io/pv-protection"


class VolumeBinder(Controller):
    """The persistent volume controller for volumes that are made by hand, and the two protection controllers."""

    name = "persistentvolume-binder"
    resync_s = 15.0

    def __init__(self, informers: Informers) -> None:
        super().__init__(informers)
        self._volumes = self.uses("persistentvolumes")
        self._claims = self.uses("persistentvolumeclaims")
        self._classes = self.uses("storageclasses", "storage.k8s.io")
        self._pods = self.uses("pods")
        self._recorder = Recorder(self.client, "persistentvolume-controller")
        self._told: set[str] = set()

    async def sync(self) -> None:
        for volume in list(self._volumes.items.values()):
            await self.attempt([self._volume(volume)])
        for claim in list(self._claims.items.values()):
            await self.attempt([self._claim(claim)])

    def _claim_of(self, volume: Object) -> Object | None:
        reference = volume["spec"].get("claimRef")
        if not reference:
            return None
        claim = self._claims.get(reference.get("namespace", ""), reference.get("name", ""))
        if claim is None or (reference.get("uid") and claim["metadata"]["uid"] != reference["uid"]):
            return None
        return claim

    async def _volume(self, volume: Object) -> None:
        metadata, reference = volume["metadata"], volume["spec"].get("claimRef")
        claim = self._claim_of(volume)
        phase = volume.get("status", {}).get("phase")
        if not reference:
            wanted = "Available"
        elif claim is not None:
            wanted = "Bound" if claim["spec"].get("volumeName") == meta.name_of(volume) else phase
        elif reference.get("uid"):
            wanted = "Released"
        else:
            wanted = "Available"
        if metadata.get("deletionTimestamp"):
            held = claim is not None and claim["spec"].get("volumeName") == meta.name_of(volume)
            if not held and _VOLUME_PROTECTION in (metadata.get("finalizers") or ()):
                await self._let_go(VOLUMES, volume, _VOLUME_PROTECTION)
            return
        if wanted == "Released" and volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
            wanted = "Failed"
        if wanted and wanted != phase:
            status = {**volume.get("status", {}), "phase": wanted, "lastPhaseTransitionTime": meta.now()}
            self._volumes.put(await self.client.update(VOLUMES, {**volume, "status": status}, "status"))

    async def _let_go(self, resource: object, item: Object, finalizer: str) -> None:
        metadata = item["metadata"]
        left = [f for f in metadata["finalizers"] if f != finalizer]
        body = {**item, "metadata": {**metadata, "finalizers": left}}
        await self.client.update(resource, body)  # type: ignore[arg-type]

    async def _claim(self, claim: Object) -> None:
        metadata, key = claim["metadata"], meta.key_of(claim)
        if metadata.get("deletionTimestamp"):
            used = any(key in claim_names(p) and not meta.is_finished(p) for p in self._pods.items.values())
            if not used and _CLAIM_PROTECTION in (metadata.get("finalizers") or ()):
                await self._let_go(CLAIMS, claim, _CLAIM_PROTECTION)
            return
        name = claim["spec"].get("volumeName")
        if name:
            await self._bound(claim, name)
            return
        promised = next(
            (v for v in self._volumes.items.values() if self._is_promised(v, claim)),
            None,
        )
        if promised is None and not waits_for_consumer(claim, self._classes.items):
            free = [
                v
                for v in self._volumes.items.values()
                if volume_fits(v, claim) and not v["spec"].get("claimRef")
            ]
            if free:
                promised = min(
                    free, key=lambda v: (meta.quantity(v["spec"]["capacity"]["storage"]), meta.name_of(v))
                )
        if promised is not None:
            await self._bind(claim, promised)
        elif key not in self._told:
            await self._tell(claim, key)

    def _is_promised(self, volume: Object, claim: Object) -> bool:
        reference = volume["spec"].get("claimRef")
        if not reference:
            return False
        same = (reference.get("namespace"), reference.get("name")) == (
            meta.namespace_of(claim),
            meta.name_of(claim),
        )
        return same and reference.get("uid", claim["metadata"]["uid"]) == claim["metadata"]["uid"]

    async def _bind(self, claim: Object, volume: Object) -> None:
        reference = {
            "kind": "PersistentVolumeClaim",
            "apiVersion": "v1",
            "namespace": meta.namespace_of(claim),
            "name": meta.name_of(claim),
            "uid": claim["metadata"]["uid"],
            "resourceVersion": claim["metadata"]["resourceVersion"],
        }
        if (volume["spec"].get("claimRef") or {}).get("uid") != reference["uid"]:
            body = {**volume, "spec": {**volume["spec"], "claimRef": reference}}
            volume = await self.client.update(VOLUMES, body)
            self._volumes.put(volume)
        annotations = {
            **(claim["metadata"].get("annotations") or {}),
            "pv.kubernetes.io/bind-completed": "yes",
            "pv.kubernetes.io/bound-by-controller": "yes",
        }
        body = {
            **claim,
            "metadata": {**claim["metadata"], "annotations": annotations},
            "spec": {**claim["spec"], "volumeName": meta.name_of(volume)},
        }
        claim = await self.client.update(CLAIMS, body)
        self._claims.put(claim)
        await self._bound(claim, meta.name_of(volume))

    async def _bound(self, claim: Object, name: str) -> None:
        volume = self._volumes.items.get(name)
        state = claim.get("status", {})
        if volume is None:
            if state.get("phase") != "Lost":
                await self._claim_status(claim, {"phase": "Lost"})
                text = "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
                await self._recorder.event(claim, "Warning", "ClaimLost", text)
            return
        if not self._is_promised(volume, claim) and not volume["spec"].get("claimRef"):
            await self._bind(claim, volume)
            return
        wanted = {
            "phase": "Bound",
            "accessModes": volume["spec"]["accessModes"],
            "capacity": {"storage": volume["spec"]["capacity"]["storage"]},
        }
        if any(state.get(k) != v for k, v in wanted.items()):
            await self._claim_status(claim, wanted)

    async def _claim_status(self, claim: Object, state: Object) -> None:
        body = {**claim, "status": {**claim.get("status", {}), **state}}
        self._claims.put(await self.client.update(CLAIMS, body, "status"))

    async def _tell(self, claim: Object, key: str) -> None:
        self._told.add(key)
        if waits_for_consumer(claim, self._classes.items):
            text = "waiting for first consumer to be created before binding"
            await self._recorder.event(claim, "Normal", "WaitForFirstConsumer", text)
        else:
            text = "no persistent volumes available for this claim and no storage class is set"
            await self._recorder.event(claim, "Normal", "FailedBinding", text)
