"""What a pod's volumes and variables need from the API: ConfigMaps, Secrets, tokens, local volumes."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from meshlab.emulate.kubernetes.client.client import KubeClient, KubeError
from meshlab.emulate.kubernetes.objects import meta
from meshlab.emulate.kubernetes.objects.defaults import containers
from meshlab.emulate.kubernetes.objects.resources import BY_PATH
from meshlab.emulate.kubernetes.objects.status import Object

CONFIG_MAPS = BY_PATH[("", "v1", "configmaps")]
SECRETS = BY_PATH[("", "v1", "secrets")]
CLAIMS = BY_PATH[("", "v1", "persistentvolumeclaims")]
VOLUMES = BY_PATH[("", "v1", "persistentvolumes")]


class NotMountable(Exception):
    """A volume or variable cannot be provided yet; the message is that of the kubelet's event."""


@dataclass
class Mounted:
    """Directory of each volume with data of its own, and the files of each configuration."""

    volumes: dict[str, Path] = field(default_factory=dict)
    config: dict[str, dict[str, bytes]] = field(default_factory=dict)


def content(item: Object) -> dict[str, bytes]:
    """The files of a ConfigMap or Secret."""
    found: dict[str, bytes] = {}
    if item["kind"] == "Secret":
        return {k: base64.b64decode(v) for k, v in (item.get("data") or {}).items()}
    found |= {k: v.encode() for k, v in (item.get("data") or {}).items()}
    found |= {k: base64.b64decode(v) for k, v in (item.get("binaryData") or {}).items()}
    return found


def _picked(files: dict[str, bytes], items: list[Object] | None) -> dict[str, bytes]:
    return {i["path"]: files[i["key"]] for i in items if i["key"] in files} if items else files


class Mounts:
    """Collects what one machine's pods need.

    Parameters
    ----------
    folder_of
        The real directory of a path of the machine (``/var/mnt/...``); ValueError where there can be none.
    """

    def __init__(self, client: KubeClient, folder_of: Callable[[str], Path]) -> None:
        self._client = client
        self._folder_of = folder_of

    async def of(self, pod: Object) -> Mounted:
        """Everything a pod needs.

        Raises
        ------
        NotMountable
            Something is missing.
        """
        found = Mounted()
        for volume in pod["spec"].get("volumes") or ():
            await self._volume(pod, volume, found)
        for container in containers(pod["spec"]):
            await self._variables(pod, container, found)
        return found

    async def _volume(self, pod: Object, volume: Object, found: Mounted) -> None:
        name, namespace = volume["name"], meta.namespace_of(pod)
        if "persistentVolumeClaim" in volume:
            found.volumes[name] = await self._claimed(
                name, namespace, volume["persistentVolumeClaim"]["claimName"]
            )
        elif "hostPath" in volume:
            found.volumes[name] = self._on_disk(name, volume["hostPath"]["path"])
        elif "configMap" in volume:
            source = volume["configMap"]
            files = await self._object(
                name, namespace, "ConfigMap", source["name"], bool(source.get("optional"))
            )
            found.config[name] = _picked(files, source.get("items"))
        elif "secret" in volume:
            source = volume["secret"]
            files = await self._object(
                name, namespace, "Secret", source["secretName"], bool(source.get("optional"))
            )
            found.config[name] = _picked(files, source.get("items"))
        elif "projected" in volume:
            found.config[name] = await self._projected(pod, name, volume["projected"].get("sources") or [])

    async def _projected(self, pod: Object, volume: str, sources: list[Object]) -> dict[str, bytes]:
        namespace, files = meta.namespace_of(pod), dict[str, bytes]()
        for source in sources:
            for kind, field_name in (("ConfigMap", "configMap"), ("Secret", "secret")):
                if field_name in source:
                    inner = source[field_name]
                    whole = await self._object(
                        volume, namespace, kind, inner["name"], bool(inner.get("optional"))
                    )
                    files |= _picked(whole, inner.get("items"))
            if "serviceAccountToken" in source:
                wanted = source["serviceAccountToken"]
                account = pod["spec"].get("serviceAccountName", "default")
                spec: Object = {
                    "expirationSeconds": wanted.get("expirationSeconds", 3600),
                    "boundObjectRef": {
                        "kind": "Pod",
                        "apiVersion": "v1",
                        "name": meta.name_of(pod),
                        "uid": pod["metadata"]["uid"],
                    },
                }
                if wanted.get("audience"):
                    spec["audiences"] = [wanted["audience"]]
                path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
                body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
                answer = await self._client.request("POST", path, body=body)
                files[wanted["path"]] = answer["status"]["token"].encode()
            for item in (source.get("downwardAPI") or {}).get("items") or ():
                reference = (item.get("fieldRef") or {}).get("fieldPath", "")
                values = {"metadata.namespace": namespace, "metadata.name": meta.name_of(pod)}
                files[item["path"]] = values.get(reference, "").encode()
        return files

    async def _object(
        self, volume: str, namespace: str, kind: str, name: str, optional: bool
    ) -> dict[str, bytes]:
        resource = SECRETS if kind == "Secret" else CONFIG_MAPS
        try:
            return content({"kind": kind, **await self._client.get(resource, namespace, name)})
        except KubeError as error:
            if error.code != 404:
                raise
            if optional:
                return {}
            text = f'MountVolume.SetUp failed for volume "{volume}" : {kind.lower()} "{name}" not found'
            raise NotMountable(text) from None

    def _on_disk(self, volume: str, path: str) -> Path:
        try:
            return self._folder_of(path)
        except ValueError as error:
            raise NotMountable(f'MountVolume.SetUp failed for volume "{volume}" : {error}') from None

    async def _claimed(self, volume: str, namespace: str, claim_name: str) -> Path:
        claim = await self._client.get(CLAIMS, namespace, claim_name)
        name = claim["spec"].get("volumeName")
        if not name or claim.get("status", {}).get("phase") != "Bound":
            raise NotMountable(
                f'Unable to attach or mount volumes: persistentvolumeclaim "{claim_name}" is not bound'
            )
        found = await self._client.get(VOLUMES, "", name)
        path = (found["spec"].get("local") or found["spec"].get("hostPath") or {}).get("path")
        if path is None:
            raise NotMountable(
                f'MountVolume.SetUp failed for volume "{name}" : only local volumes can be mounted here'
            )
        folder = self._on_disk(name, path)
        if not folder.is_dir():
            text = f'MountVolume.NewMounter initialization failed for volume "{name}" : path "{path}" does not exist'
            raise NotMountable(text)
        return folder

    async def _variables(self, pod: Object, container: Object, found: Mounted) -> None:
        wanted: list[tuple[str, str, bool]] = []
        for source in container.get("envFrom") or ():
            for kind, field_name in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
                if field_name in source:
                    inner = source[field_name]
                    wanted.append((kind, inner["name"], bool(inner.get("optional"))))
        for variable in container.get("env") or ():
            source = variable.get("valueFrom") or {}
            for kind, field_name in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
                if field_name in source:
                    inner = source[field_name]
                    wanted.append((kind, inner["name"], bool(inner.get("optional"))))
        for kind, name, optional in wanted:
            if name not in found.config:
                try:
                    found.config[name] = await self._object(
                        name, meta.namespace_of(pod), kind, name, optional
                    )
                except NotMountable:
                    raise NotMountable(f'Error: {kind.lower()} "{name}" not found') from None
