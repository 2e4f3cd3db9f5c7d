from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class KubespanPeerState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PEER_STATE_UNKNOWN: _ClassVar[KubespanPeerState]
    PEER_STATE_UP: _ClassVar[KubespanPeerState]
    PEER_STATE_DOWN: _ClassVar[KubespanPeerState]

class MachineType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TYPE_UNKNOWN: _ClassVar[MachineType]
    TYPE_INIT: _ClassVar[MachineType]
    TYPE_CONTROL_PLANE: _ClassVar[MachineType]
    TYPE_WORKER: _ClassVar[MachineType]

class RuntimeMachineStage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MACHINE_STAGE_UNKNOWN: _ClassVar[RuntimeMachineStage]
    MACHINE_STAGE_BOOTING: _ClassVar[RuntimeMachineStage]
    MACHINE_STAGE_INSTALLING: _ClassVar[RuntimeMachineStage]
    MACHINE_STAGE_MAINTENANCE: _ClassVar[RuntimeMachineStage]
    MACHINE_STAGE_RUNNING: _ClassVar[RuntimeMachineStage]
    MACHINE_STAGE_REBOOTING: _ClassVar[RuntimeMachineStage]
    MACHINE_STAGE_SHUTTING_DOWN: _ClassVar[RuntimeMachineStage]
    MACHINE_STAGE_RESETTING: _ClassVar[RuntimeMachineStage]
    MACHINE_STAGE_UPGRADING: _ClassVar[RuntimeMachineStage]

class BlockVolumePhase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VOLUME_PHASE_WAITING: _ClassVar[BlockVolumePhase]
    VOLUME_PHASE_FAILED: _ClassVar[BlockVolumePhase]
    VOLUME_PHASE_MISSING: _ClassVar[BlockVolumePhase]
    VOLUME_PHASE_LOCATED: _ClassVar[BlockVolumePhase]
    VOLUME_PHASE_PROVISIONED: _ClassVar[BlockVolumePhase]
    VOLUME_PHASE_PREPARED: _ClassVar[BlockVolumePhase]
    VOLUME_PHASE_READY: _ClassVar[BlockVolumePhase]
    VOLUME_PHASE_CLOSED: _ClassVar[BlockVolumePhase]

class NethelpersAddressSortAlgorithm(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ADDRESS_SORT_ALGORITHM_V1: _ClassVar[NethelpersAddressSortAlgorithm]
    ADDRESS_SORT_ALGORITHM_V2: _ClassVar[NethelpersAddressSortAlgorithm]

class BlockFilesystemType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FILESYSTEM_TYPE_NONE: _ClassVar[BlockFilesystemType]
    FILESYSTEM_TYPE_XFS: _ClassVar[BlockFilesystemType]
    FILESYSTEM_TYPE_VFAT: _ClassVar[BlockFilesystemType]
    FILESYSTEM_TYPE_EXT4: _ClassVar[BlockFilesystemType]
PEER_STATE_UNKNOWN: KubespanPeerState
PEER_STATE_UP: KubespanPeerState
PEER_STATE_DOWN: KubespanPeerState
TYPE_UNKNOWN: MachineType
TYPE_INIT: MachineType
TYPE_CONTROL_PLANE: MachineType
TYPE_WORKER: MachineType
MACHINE_STAGE_UNKNOWN: RuntimeMachineStage
MACHINE_STAGE_BOOTING: RuntimeMachineStage
MACHINE_STAGE_INSTALLING: RuntimeMachineStage
MACHINE_STAGE_MAINTENANCE: RuntimeMachineStage
MACHINE_STAGE_RUNNING: RuntimeMachineStage
MACHINE_STAGE_REBOOTING: RuntimeMachineStage
MACHINE_STAGE_SHUTTING_DOWN: RuntimeMachineStage
MACHINE_STAGE_RESETTING: RuntimeMachineStage
MACHINE_STAGE_UPGRADING: RuntimeMachineStage
VOLUME_PHASE_WAITING: BlockVolumePhase
VOLUME_PHASE_FAILED: BlockVolumePhase
VOLUME_PHASE_MISSING: BlockVolumePhase
VOLUME_PHASE_LOCATED: BlockVolumePhase
VOLUME_PHASE_PROVISIONED: BlockVolumePhase
VOLUME_PHASE_PREPARED: BlockVolumePhase
VOLUME_PHASE_READY: BlockVolumePhase
VOLUME_PHASE_CLOSED: BlockVolumePhase
ADDRESS_SORT_ALGORITHM_V1: NethelpersAddressSortAlgorithm
ADDRESS_SORT_ALGORITHM_V2: NethelpersAddressSortAlgorithm
FILESYSTEM_TYPE_NONE: BlockFilesystemType
FILESYSTEM_TYPE_XFS: BlockFilesystemType
FILESYSTEM_TYPE_VFAT: BlockFilesystemType
FILESYSTEM_TYPE_EXT4: BlockFilesystemType
