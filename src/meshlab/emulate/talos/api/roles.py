"""Who may call what on the Talos API (facts: talos-omni-kubespan §1.5, §1.7)."""

from __future__ import annotations

ADMIN, OPERATOR, READER = "os:admin", "os:operator", "os:reader"
ETCD_BACKUP, META_WRITER, IMPERSONATOR = "os:etcd:backup", "os:meta:writer", "os:impersonator"

_READERS = frozenset({ADMIN, OPERATOR, READER})
_OPERATORS = frozenset({ADMIN, OPERATOR})
_ADMINS = frozenset({ADMIN})

_MACHINE = {
    "EtcdAlarmDisarm": _OPERATORS,
    "EtcdDefragment": _OPERATORS,
    "Reboot": _OPERATORS,
    "Shutdown": _OPERATORS,
    "ServiceStart": _OPERATORS,
    "ServiceStop": _OPERATORS,
    "ServiceRestart": _OPERATORS,
    "ImagePull": _OPERATORS,
    "EtcdSnapshot": _OPERATORS | {ETCD_BACKUP},
    "EtcdMemberList": _READERS | {ETCD_BACKUP},
    "EtcdStatus": _READERS | {ETCD_BACKUP},
    "EtcdAlarmList": _READERS | {ETCD_BACKUP},
    "MetaWrite": _ADMINS | {META_WRITER},
    "MetaDelete": _ADMINS | {META_WRITER},
    "ApplyConfiguration": _ADMINS | {READER},  # for a reader only in maintenance: the handler looks
    "Dmesg": _READERS,
    "Events": _READERS,
    "Hostname": _READERS,
    "Logs": _READERS,
    "Memory": _READERS,
    "ServiceList": _READERS,
    "Version": _READERS,
}

ALLOWED: dict[str, frozenset[str]] = {
    **{f"/machine.MachineService/{method}": roles for method, roles in _MACHINE.items()},
    "/machine.ImageService/List": _READERS,
    "/machine.ImageService/Pull": _OPERATORS,
    "/cluster.ClusterService/HealthCheck": _READERS,
    "/storage.StorageService/Disks": _READERS,
    "/storage.StorageService/BlockDeviceWipe": _ADMINS | {READER},
    "/time.TimeService/Time": _READERS,
    "/cosi.resource.State/Get": _READERS,
    "/cosi.resource.State/List": _READERS,
    "/cosi.resource.State/Watch": _READERS,
}


def may_call(path: str, roles: frozenset[str]) -> bool:
    """Whether one of the roles allows a method; a method that is not listed is for admins."""
    return bool(ALLOWED.get(path, _ADMINS) & roles)
