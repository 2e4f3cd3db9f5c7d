"""Local storage: one class, and one volume for each claim, pinned to its machine (facts: live-bringup 2.2)."""

from __future__ import annotations

from meshlab.provision.manifests.vault import STORAGE_CLASS, Manifest


def storage_class() -> Manifest:
    """Binding waits for the pod, so that the scheduler knows where it goes; data outlives its claim."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": STORAGE_CLASS},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
        "reclaimPolicy": "Retain",
    }


def volume(
    name: str, *, machine: str, path: str, storage: int, claim: tuple[str, str] | None = None
) -> Manifest:
    """A local volume of a machine.

    Parameters
    ----------
    storage
        In MiB.
    claim
        Namespace and name of the one claim it is for; None lets any claim of the class take it.
    """
    term = {"key": "kubernetes.io/hostname", "operator": "In", "values": [machine]}
    spec: Manifest = {
        "capacity": {"storage": f"{storage}Mi"},
        "accessModes": ["ReadWriteOnce"],
        "volumeMode": "Filesystem",
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": STORAGE_CLASS,
        "local": {"path": path},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [term]}]}},
    }
    if claim:
        spec["claimRef"] = {"namespace": claim[0], "name": claim[1]}
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}
