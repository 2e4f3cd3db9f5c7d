"""The services of the Talos API that emulated machines have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meshlab.emulate.talos.api.calls import MachineCalls, StorageCalls, TimeCalls
from meshlab.emulate.talos.api.health import ClusterCalls
from meshlab.emulate.talos.api.state import StateCalls
from meshlab.emulate.talos.api.upgrade import ImageCalls, LifecycleCalls
from meshlab.live._generated import (
    cluster_pb2,
    cosi_resource_pb2,
    lifecycle_pb2,
    machine_pb2,
    storage_pb2,
    time_pb2,
)

if TYPE_CHECKING:
    from meshlab.emulate.talos.site import Host


def implementations(machine: Host) -> list[tuple[Any, Any]]:
    """Give each service's descriptor and what answers it on this machine."""

    def service(module: Any, name: str) -> Any:
        return module.DESCRIPTOR.services_by_name[name]

    return [
        (service(machine_pb2, "MachineService"), MachineCalls(machine)),
        (service(lifecycle_pb2, "LifecycleService"), LifecycleCalls(machine)),
        (service(lifecycle_pb2, "ImageService"), ImageCalls(machine)),
        (service(cluster_pb2, "ClusterService"), ClusterCalls(machine)),
        (service(storage_pb2, "StorageService"), StorageCalls(machine)),
        (service(time_pb2, "TimeService"), TimeCalls(machine)),
        (service(cosi_resource_pb2, "State"), StateCalls(machine)),
    ]
