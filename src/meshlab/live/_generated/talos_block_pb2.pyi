from meshlab.live._generated import talos_enums_pb2 as _talos_enums_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DiskSpec(_message.Message):
    __slots__ = ("size", "io_size", "sector_size", "readonly", "model", "serial", "modalias", "wwid", "bus_path", "sub_system", "transport", "rotational", "cdrom", "dev_path", "pretty_size", "secondary_disks", "uuid", "symlinks")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    IO_SIZE_FIELD_NUMBER: _ClassVar[int]
    SECTOR_SIZE_FIELD_NUMBER: _ClassVar[int]
    READONLY_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    MODALIAS_FIELD_NUMBER: _ClassVar[int]
    WWID_FIELD_NUMBER: _ClassVar[int]
    BUS_PATH_FIELD_NUMBER: _ClassVar[int]
    SUB_SYSTEM_FIELD_NUMBER: _ClassVar[int]
    TRANSPORT_FIELD_NUMBER: _ClassVar[int]
    ROTATIONAL_FIELD_NUMBER: _ClassVar[int]
    CDROM_FIELD_NUMBER: _ClassVar[int]
    DEV_PATH_FIELD_NUMBER: _ClassVar[int]
    PRETTY_SIZE_FIELD_NUMBER: _ClassVar[int]
    SECONDARY_DISKS_FIELD_NUMBER: _ClassVar[int]
    UUID_FIELD_NUMBER: _ClassVar[int]
    SYMLINKS_FIELD_NUMBER: _ClassVar[int]
    size: int
    io_size: int
    sector_size: int
    readonly: bool
    model: str
    serial: str
    modalias: str
    wwid: str
    bus_path: str
    sub_system: str
    transport: str
    rotational: bool
    cdrom: bool
    dev_path: str
    pretty_size: str
    secondary_disks: _containers.RepeatedScalarFieldContainer[str]
    uuid: str
    symlinks: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, size: _Optional[int] = ..., io_size: _Optional[int] = ..., sector_size: _Optional[int] = ..., readonly: _Optional[bool] = ..., model: _Optional[str] = ..., serial: _Optional[str] = ..., modalias: _Optional[str] = ..., wwid: _Optional[str] = ..., bus_path: _Optional[str] = ..., sub_system: _Optional[str] = ..., transport: _Optional[str] = ..., rotational: _Optional[bool] = ..., cdrom: _Optional[bool] = ..., dev_path: _Optional[str] = ..., pretty_size: _Optional[str] = ..., secondary_disks: _Optional[_Iterable[str]] = ..., uuid: _Optional[str] = ..., symlinks: _Optional[_Iterable[str]] = ...) -> None: ...

class SystemDiskSpec(_message.Message):
    __slots__ = ("disk_id", "dev_path")
    DISK_ID_FIELD_NUMBER: _ClassVar[int]
    DEV_PATH_FIELD_NUMBER: _ClassVar[int]
    disk_id: str
    dev_path: str
    def __init__(self, disk_id: _Optional[str] = ..., dev_path: _Optional[str] = ...) -> None: ...

class VolumeStatusSpec(_message.Message):
    __slots__ = ("phase", "location", "error_message", "uuid", "partition_uuid", "pre_fail_phase", "parent_location", "partition_index", "size", "filesystem", "mount_location", "pretty_size")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    LOCATION_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    UUID_FIELD_NUMBER: _ClassVar[int]
    PARTITION_UUID_FIELD_NUMBER: _ClassVar[int]
    PRE_FAIL_PHASE_FIELD_NUMBER: _ClassVar[int]
    PARENT_LOCATION_FIELD_NUMBER: _ClassVar[int]
    PARTITION_INDEX_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    FILESYSTEM_FIELD_NUMBER: _ClassVar[int]
    MOUNT_LOCATION_FIELD_NUMBER: _ClassVar[int]
    PRETTY_SIZE_FIELD_NUMBER: _ClassVar[int]
    phase: _talos_enums_pb2.BlockVolumePhase
    location: str
    error_message: str
    uuid: str
    partition_uuid: str
    pre_fail_phase: _talos_enums_pb2.BlockVolumePhase
    parent_location: str
    partition_index: int
    size: int
    filesystem: _talos_enums_pb2.BlockFilesystemType
    mount_location: str
    pretty_size: str
    def __init__(self, phase: _Optional[_Union[_talos_enums_pb2.BlockVolumePhase, str]] = ..., location: _Optional[str] = ..., error_message: _Optional[str] = ..., uuid: _Optional[str] = ..., partition_uuid: _Optional[str] = ..., pre_fail_phase: _Optional[_Union[_talos_enums_pb2.BlockVolumePhase, str]] = ..., parent_location: _Optional[str] = ..., partition_index: _Optional[int] = ..., size: _Optional[int] = ..., filesystem: _Optional[_Union[_talos_enums_pb2.BlockFilesystemType, str]] = ..., mount_location: _Optional[str] = ..., pretty_size: _Optional[str] = ...) -> None: ...
