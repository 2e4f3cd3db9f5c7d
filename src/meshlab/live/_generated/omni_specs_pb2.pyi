import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MachineSetPhase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    Unknown: _ClassVar[MachineSetPhase]
    ScalingUp: _ClassVar[MachineSetPhase]
    ScalingDown: _ClassVar[MachineSetPhase]
    Running: _ClassVar[MachineSetPhase]
    Destroying: _ClassVar[MachineSetPhase]
    Failed: _ClassVar[MachineSetPhase]
    Reconfiguring: _ClassVar[MachineSetPhase]
    Upgrading: _ClassVar[MachineSetPhase]

class ConfigApplyStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNKNOWN: _ClassVar[ConfigApplyStatus]
    PENDING: _ClassVar[ConfigApplyStatus]
    APPLIED: _ClassVar[ConfigApplyStatus]
    FAILED: _ClassVar[ConfigApplyStatus]
Unknown: MachineSetPhase
ScalingUp: MachineSetPhase
ScalingDown: MachineSetPhase
Running: MachineSetPhase
Destroying: MachineSetPhase
Failed: MachineSetPhase
Reconfiguring: MachineSetPhase
Upgrading: MachineSetPhase
UNKNOWN: ConfigApplyStatus
PENDING: ConfigApplyStatus
APPLIED: ConfigApplyStatus
FAILED: ConfigApplyStatus

class EtcdBackupConf(_message.Message):
    __slots__ = ("interval", "enabled")
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    interval: _duration_pb2.Duration
    enabled: bool
    def __init__(self, interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., enabled: _Optional[bool] = ...) -> None: ...

class ClusterSpec(_message.Message):
    __slots__ = ("kubernetes_version", "talos_version", "features", "backup_configuration")
    class Features(_message.Message):
        __slots__ = ("enable_workload_proxy", "disk_encryption", "use_embedded_discovery_service", "enable_node_audit_skip", "disable_public_discovery_service")
        ENABLE_WORKLOAD_PROXY_FIELD_NUMBER: _ClassVar[int]
        DISK_ENCRYPTION_FIELD_NUMBER: _ClassVar[int]
        USE_EMBEDDED_DISCOVERY_SERVICE_FIELD_NUMBER: _ClassVar[int]
        ENABLE_NODE_AUDIT_SKIP_FIELD_NUMBER: _ClassVar[int]
        DISABLE_PUBLIC_DISCOVERY_SERVICE_FIELD_NUMBER: _ClassVar[int]
        enable_workload_proxy: bool
        disk_encryption: bool
        use_embedded_discovery_service: bool
        enable_node_audit_skip: bool
        disable_public_discovery_service: bool
        def __init__(self, enable_workload_proxy: _Optional[bool] = ..., disk_encryption: _Optional[bool] = ..., use_embedded_discovery_service: _Optional[bool] = ..., enable_node_audit_skip: _Optional[bool] = ..., disable_public_discovery_service: _Optional[bool] = ...) -> None: ...
    KUBERNETES_VERSION_FIELD_NUMBER: _ClassVar[int]
    TALOS_VERSION_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    BACKUP_CONFIGURATION_FIELD_NUMBER: _ClassVar[int]
    kubernetes_version: str
    talos_version: str
    features: ClusterSpec.Features
    backup_configuration: EtcdBackupConf
    def __init__(self, kubernetes_version: _Optional[str] = ..., talos_version: _Optional[str] = ..., features: _Optional[_Union[ClusterSpec.Features, _Mapping]] = ..., backup_configuration: _Optional[_Union[EtcdBackupConf, _Mapping]] = ...) -> None: ...

class MachineSetSpec(_message.Message):
    __slots__ = ("update_strategy", "machine_class", "bootstrap_spec", "delete_strategy", "update_strategy_config", "delete_strategy_config", "machine_allocation", "upgrade_strategy", "upgrade_strategy_config")
    class UpdateStrategy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        Unset: _ClassVar[MachineSetSpec.UpdateStrategy]
        Rolling: _ClassVar[MachineSetSpec.UpdateStrategy]
    Unset: MachineSetSpec.UpdateStrategy
    Rolling: MachineSetSpec.UpdateStrategy
    class MachineAllocation(_message.Message):
        __slots__ = ("name", "machine_count", "allocation_type")
        class Type(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
            __slots__ = ()
            Static: _ClassVar[MachineSetSpec.MachineAllocation.Type]
            Unlimited: _ClassVar[MachineSetSpec.MachineAllocation.Type]
        Static: MachineSetSpec.MachineAllocation.Type
        Unlimited: MachineSetSpec.MachineAllocation.Type
        NAME_FIELD_NUMBER: _ClassVar[int]
        MACHINE_COUNT_FIELD_NUMBER: _ClassVar[int]
        ALLOCATION_TYPE_FIELD_NUMBER: _ClassVar[int]
        name: str
        machine_count: int
        allocation_type: MachineSetSpec.MachineAllocation.Type
        def __init__(self, name: _Optional[str] = ..., machine_count: _Optional[int] = ..., allocation_type: _Optional[_Union[MachineSetSpec.MachineAllocation.Type, str]] = ...) -> None: ...
    class BootstrapSpec(_message.Message):
        __slots__ = ("cluster_uuid", "snapshot")
        CLUSTER_UUID_FIELD_NUMBER: _ClassVar[int]
        SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
        cluster_uuid: str
        snapshot: str
        def __init__(self, cluster_uuid: _Optional[str] = ..., snapshot: _Optional[str] = ...) -> None: ...
    class UpdateStrategyConfig(_message.Message):
        __slots__ = ("rolling",)
        ROLLING_FIELD_NUMBER: _ClassVar[int]
        rolling: MachineSetSpec.RollingUpdateStrategyConfig
        def __init__(self, rolling: _Optional[_Union[MachineSetSpec.RollingUpdateStrategyConfig, _Mapping]] = ...) -> None: ...
    class RollingUpdateStrategyConfig(_message.Message):
        __slots__ = ("max_parallelism",)
        MAX_PARALLELISM_FIELD_NUMBER: _ClassVar[int]
        max_parallelism: int
        def __init__(self, max_parallelism: _Optional[int] = ...) -> None: ...
    UPDATE_STRATEGY_FIELD_NUMBER: _ClassVar[int]
    MACHINE_CLASS_FIELD_NUMBER: _ClassVar[int]
    BOOTSTRAP_SPEC_FIELD_NUMBER: _ClassVar[int]
    DELETE_STRATEGY_FIELD_NUMBER: _ClassVar[int]
    UPDATE_STRATEGY_CONFIG_FIELD_NUMBER: _ClassVar[int]
    DELETE_STRATEGY_CONFIG_FIELD_NUMBER: _ClassVar[int]
    MACHINE_ALLOCATION_FIELD_NUMBER: _ClassVar[int]
    UPGRADE_STRATEGY_FIELD_NUMBER: _ClassVar[int]
    UPGRADE_STRATEGY_CONFIG_FIELD_NUMBER: _ClassVar[int]
    update_strategy: MachineSetSpec.UpdateStrategy
    machine_class: MachineSetSpec.MachineAllocation
    bootstrap_spec: MachineSetSpec.BootstrapSpec
    delete_strategy: MachineSetSpec.UpdateStrategy
    update_strategy_config: MachineSetSpec.UpdateStrategyConfig
    delete_strategy_config: MachineSetSpec.UpdateStrategyConfig
    machine_allocation: MachineSetSpec.MachineAllocation
    upgrade_strategy: MachineSetSpec.UpdateStrategy
    upgrade_strategy_config: MachineSetSpec.UpdateStrategyConfig
    def __init__(self, update_strategy: _Optional[_Union[MachineSetSpec.UpdateStrategy, str]] = ..., machine_class: _Optional[_Union[MachineSetSpec.MachineAllocation, _Mapping]] = ..., bootstrap_spec: _Optional[_Union[MachineSetSpec.BootstrapSpec, _Mapping]] = ..., delete_strategy: _Optional[_Union[MachineSetSpec.UpdateStrategy, str]] = ..., update_strategy_config: _Optional[_Union[MachineSetSpec.UpdateStrategyConfig, _Mapping]] = ..., delete_strategy_config: _Optional[_Union[MachineSetSpec.UpdateStrategyConfig, _Mapping]] = ..., machine_allocation: _Optional[_Union[MachineSetSpec.MachineAllocation, _Mapping]] = ..., upgrade_strategy: _Optional[_Union[MachineSetSpec.UpdateStrategy, str]] = ..., upgrade_strategy_config: _Optional[_Union[MachineSetSpec.UpdateStrategyConfig, _Mapping]] = ...) -> None: ...

class MachineSetNodeSpec(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ConfigPatchSpec(_message.Message):
    __slots__ = ("data", "compressed_data")
    DATA_FIELD_NUMBER: _ClassVar[int]
    COMPRESSED_DATA_FIELD_NUMBER: _ClassVar[int]
    data: str
    compressed_data: bytes
    def __init__(self, data: _Optional[str] = ..., compressed_data: _Optional[bytes] = ...) -> None: ...

class MachineSpec(_message.Message):
    __slots__ = ("management_address", "connected", "use_grpc_tunnel")
    MANAGEMENT_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    USE_GRPC_TUNNEL_FIELD_NUMBER: _ClassVar[int]
    management_address: str
    connected: bool
    use_grpc_tunnel: bool
    def __init__(self, management_address: _Optional[str] = ..., connected: _Optional[bool] = ..., use_grpc_tunnel: _Optional[bool] = ...) -> None: ...

class MachineStatusSpec(_message.Message):
    __slots__ = ("talos_version", "hardware", "network", "last_error", "management_address", "connected", "maintenance", "cluster", "role", "platform_metadata", "image_labels", "initial_talos_version", "power_state", "kernel_cmdline", "talos_version_name")
    class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        NONE: _ClassVar[MachineStatusSpec.Role]
        CONTROL_PLANE: _ClassVar[MachineStatusSpec.Role]
        WORKER: _ClassVar[MachineStatusSpec.Role]
    NONE: MachineStatusSpec.Role
    CONTROL_PLANE: MachineStatusSpec.Role
    WORKER: MachineStatusSpec.Role
    class PowerState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        POWER_STATE_UNKNOWN: _ClassVar[MachineStatusSpec.PowerState]
        POWER_STATE_UNSUPPORTED: _ClassVar[MachineStatusSpec.PowerState]
        POWER_STATE_ON: _ClassVar[MachineStatusSpec.PowerState]
        POWER_STATE_OFF: _ClassVar[MachineStatusSpec.PowerState]
    POWER_STATE_UNKNOWN: MachineStatusSpec.PowerState
    POWER_STATE_UNSUPPORTED: MachineStatusSpec.PowerState
    POWER_STATE_ON: MachineStatusSpec.PowerState
    POWER_STATE_OFF: MachineStatusSpec.PowerState
    class NetworkStatus(_message.Message):
        __slots__ = ("hostname", "domainname", "addresses", "default_gateways", "network_links")
        class NetworkLinkStatus(_message.Message):
            __slots__ = ("linux_name", "hardware_address", "speed_mbps", "link_up", "description")
            LINUX_NAME_FIELD_NUMBER: _ClassVar[int]
            HARDWARE_ADDRESS_FIELD_NUMBER: _ClassVar[int]
            SPEED_MBPS_FIELD_NUMBER: _ClassVar[int]
            LINK_UP_FIELD_NUMBER: _ClassVar[int]
            DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
            linux_name: str
            hardware_address: str
            speed_mbps: int
            link_up: bool
            description: str
            def __init__(self, linux_name: _Optional[str] = ..., hardware_address: _Optional[str] = ..., speed_mbps: _Optional[int] = ..., link_up: _Optional[bool] = ..., description: _Optional[str] = ...) -> None: ...
        HOSTNAME_FIELD_NUMBER: _ClassVar[int]
        DOMAINNAME_FIELD_NUMBER: _ClassVar[int]
        ADDRESSES_FIELD_NUMBER: _ClassVar[int]
        DEFAULT_GATEWAYS_FIELD_NUMBER: _ClassVar[int]
        NETWORK_LINKS_FIELD_NUMBER: _ClassVar[int]
        hostname: str
        domainname: str
        addresses: _containers.RepeatedScalarFieldContainer[str]
        default_gateways: _containers.RepeatedScalarFieldContainer[str]
        network_links: _containers.RepeatedCompositeFieldContainer[MachineStatusSpec.NetworkStatus.NetworkLinkStatus]
        def __init__(self, hostname: _Optional[str] = ..., domainname: _Optional[str] = ..., addresses: _Optional[_Iterable[str]] = ..., default_gateways: _Optional[_Iterable[str]] = ..., network_links: _Optional[_Iterable[_Union[MachineStatusSpec.NetworkStatus.NetworkLinkStatus, _Mapping]]] = ...) -> None: ...
    class HardwareStatus(_message.Message):
        __slots__ = ("blockdevices", "arch")
        class BlockDevice(_message.Message):
            __slots__ = ("size", "model", "linux_name", "name", "serial", "uuid", "wwid", "type", "bus_path", "system_disk", "readonly", "transport", "dev_path", "io_size", "sector_size", "modalias", "sub_system", "rotational", "cdrom", "pretty_size", "secondary_disks", "symlinks", "firmware_version")
            SIZE_FIELD_NUMBER: _ClassVar[int]
            MODEL_FIELD_NUMBER: _ClassVar[int]
            LINUX_NAME_FIELD_NUMBER: _ClassVar[int]
            NAME_FIELD_NUMBER: _ClassVar[int]
            SERIAL_FIELD_NUMBER: _ClassVar[int]
            UUID_FIELD_NUMBER: _ClassVar[int]
            WWID_FIELD_NUMBER: _ClassVar[int]
            TYPE_FIELD_NUMBER: _ClassVar[int]
            BUS_PATH_FIELD_NUMBER: _ClassVar[int]
            SYSTEM_DISK_FIELD_NUMBER: _ClassVar[int]
            READONLY_FIELD_NUMBER: _ClassVar[int]
            TRANSPORT_FIELD_NUMBER: _ClassVar[int]
            DEV_PATH_FIELD_NUMBER: _ClassVar[int]
            IO_SIZE_FIELD_NUMBER: _ClassVar[int]
            SECTOR_SIZE_FIELD_NUMBER: _ClassVar[int]
            MODALIAS_FIELD_NUMBER: _ClassVar[int]
            SUB_SYSTEM_FIELD_NUMBER: _ClassVar[int]
            ROTATIONAL_FIELD_NUMBER: _ClassVar[int]
            CDROM_FIELD_NUMBER: _ClassVar[int]
            PRETTY_SIZE_FIELD_NUMBER: _ClassVar[int]
            SECONDARY_DISKS_FIELD_NUMBER: _ClassVar[int]
            SYMLINKS_FIELD_NUMBER: _ClassVar[int]
            FIRMWARE_VERSION_FIELD_NUMBER: _ClassVar[int]
            size: int
            model: str
            linux_name: str
            name: str
            serial: str
            uuid: str
            wwid: str
            type: str
            bus_path: str
            system_disk: bool
            readonly: bool
            transport: str
            dev_path: str
            io_size: int
            sector_size: int
            modalias: str
            sub_system: str
            rotational: bool
            cdrom: bool
            pretty_size: str
            secondary_disks: _containers.RepeatedScalarFieldContainer[str]
            symlinks: _containers.RepeatedScalarFieldContainer[str]
            firmware_version: str
            def __init__(self, size: _Optional[int] = ..., model: _Optional[str] = ..., linux_name: _Optional[str] = ..., name: _Optional[str] = ..., serial: _Optional[str] = ..., uuid: _Optional[str] = ..., wwid: _Optional[str] = ..., type: _Optional[str] = ..., bus_path: _Optional[str] = ..., system_disk: _Optional[bool] = ..., readonly: _Optional[bool] = ..., transport: _Optional[str] = ..., dev_path: _Optional[str] = ..., io_size: _Optional[int] = ..., sector_size: _Optional[int] = ..., modalias: _Optional[str] = ..., sub_system: _Optional[str] = ..., rotational: _Optional[bool] = ..., cdrom: _Optional[bool] = ..., pretty_size: _Optional[str] = ..., secondary_disks: _Optional[_Iterable[str]] = ..., symlinks: _Optional[_Iterable[str]] = ..., firmware_version: _Optional[str] = ...) -> None: ...
        BLOCKDEVICES_FIELD_NUMBER: _ClassVar[int]
        ARCH_FIELD_NUMBER: _ClassVar[int]
        blockdevices: _containers.RepeatedCompositeFieldContainer[MachineStatusSpec.HardwareStatus.BlockDevice]
        arch: str
        def __init__(self, blockdevices: _Optional[_Iterable[_Union[MachineStatusSpec.HardwareStatus.BlockDevice, _Mapping]]] = ..., arch: _Optional[str] = ...) -> None: ...
    class PlatformMetadata(_message.Message):
        __slots__ = ("platform", "hostname", "region", "zone", "instance_type", "instance_id", "provider_id", "spot")
        PLATFORM_FIELD_NUMBER: _ClassVar[int]
        HOSTNAME_FIELD_NUMBER: _ClassVar[int]
        REGION_FIELD_NUMBER: _ClassVar[int]
        ZONE_FIELD_NUMBER: _ClassVar[int]
        INSTANCE_TYPE_FIELD_NUMBER: _ClassVar[int]
        INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
        PROVIDER_ID_FIELD_NUMBER: _ClassVar[int]
        SPOT_FIELD_NUMBER: _ClassVar[int]
        platform: str
        hostname: str
        region: str
        zone: str
        instance_type: str
        instance_id: str
        provider_id: str
        spot: bool
        def __init__(self, platform: _Optional[str] = ..., hostname: _Optional[str] = ..., region: _Optional[str] = ..., zone: _Optional[str] = ..., instance_type: _Optional[str] = ..., instance_id: _Optional[str] = ..., provider_id: _Optional[str] = ..., spot: _Optional[bool] = ...) -> None: ...
    class ImageLabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TALOS_VERSION_FIELD_NUMBER: _ClassVar[int]
    HARDWARE_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    MANAGEMENT_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    MAINTENANCE_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_METADATA_FIELD_NUMBER: _ClassVar[int]
    IMAGE_LABELS_FIELD_NUMBER: _ClassVar[int]
    INITIAL_TALOS_VERSION_FIELD_NUMBER: _ClassVar[int]
    POWER_STATE_FIELD_NUMBER: _ClassVar[int]
    KERNEL_CMDLINE_FIELD_NUMBER: _ClassVar[int]
    TALOS_VERSION_NAME_FIELD_NUMBER: _ClassVar[int]
    talos_version: str
    hardware: MachineStatusSpec.HardwareStatus
    network: MachineStatusSpec.NetworkStatus
    last_error: str
    management_address: str
    connected: bool
    maintenance: bool
    cluster: str
    role: MachineStatusSpec.Role
    platform_metadata: MachineStatusSpec.PlatformMetadata
    image_labels: _containers.ScalarMap[str, str]
    initial_talos_version: str
    power_state: MachineStatusSpec.PowerState
    kernel_cmdline: str
    talos_version_name: str
    def __init__(self, talos_version: _Optional[str] = ..., hardware: _Optional[_Union[MachineStatusSpec.HardwareStatus, _Mapping]] = ..., network: _Optional[_Union[MachineStatusSpec.NetworkStatus, _Mapping]] = ..., last_error: _Optional[str] = ..., management_address: _Optional[str] = ..., connected: _Optional[bool] = ..., maintenance: _Optional[bool] = ..., cluster: _Optional[str] = ..., role: _Optional[_Union[MachineStatusSpec.Role, str]] = ..., platform_metadata: _Optional[_Union[MachineStatusSpec.PlatformMetadata, _Mapping]] = ..., image_labels: _Optional[_Mapping[str, str]] = ..., initial_talos_version: _Optional[str] = ..., power_state: _Optional[_Union[MachineStatusSpec.PowerState, str]] = ..., kernel_cmdline: _Optional[str] = ..., talos_version_name: _Optional[str] = ...) -> None: ...

class Machines(_message.Message):
    __slots__ = ("total", "healthy", "connected", "requested")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    HEALTHY_FIELD_NUMBER: _ClassVar[int]
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_FIELD_NUMBER: _ClassVar[int]
    total: int
    healthy: int
    connected: int
    requested: int
    def __init__(self, total: _Optional[int] = ..., healthy: _Optional[int] = ..., connected: _Optional[int] = ..., requested: _Optional[int] = ...) -> None: ...

class ClusterStatusSpec(_message.Message):
    __slots__ = ("available", "machines", "phase", "ready", "kubernetesAPIReady", "controlplaneReady", "has_connected_control_planes", "use_embedded_discovery_service", "talos_version", "kubernetes_version", "disable_public_discovery_service", "initial_talos_version")
    class Phase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UNKNOWN: _ClassVar[ClusterStatusSpec.Phase]
        SCALING_UP: _ClassVar[ClusterStatusSpec.Phase]
        SCALING_DOWN: _ClassVar[ClusterStatusSpec.Phase]
        RUNNING: _ClassVar[ClusterStatusSpec.Phase]
        DESTROYING: _ClassVar[ClusterStatusSpec.Phase]
    UNKNOWN: ClusterStatusSpec.Phase
    SCALING_UP: ClusterStatusSpec.Phase
    SCALING_DOWN: ClusterStatusSpec.Phase
    RUNNING: ClusterStatusSpec.Phase
    DESTROYING: ClusterStatusSpec.Phase
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    MACHINES_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    KUBERNETESAPIREADY_FIELD_NUMBER: _ClassVar[int]
    CONTROLPLANEREADY_FIELD_NUMBER: _ClassVar[int]
    HAS_CONNECTED_CONTROL_PLANES_FIELD_NUMBER: _ClassVar[int]
    USE_EMBEDDED_DISCOVERY_SERVICE_FIELD_NUMBER: _ClassVar[int]
    TALOS_VERSION_FIELD_NUMBER: _ClassVar[int]
    KUBERNETES_VERSION_FIELD_NUMBER: _ClassVar[int]
    DISABLE_PUBLIC_DISCOVERY_SERVICE_FIELD_NUMBER: _ClassVar[int]
    INITIAL_TALOS_VERSION_FIELD_NUMBER: _ClassVar[int]
    available: bool
    machines: Machines
    phase: ClusterStatusSpec.Phase
    ready: bool
    kubernetesAPIReady: bool
    controlplaneReady: bool
    has_connected_control_planes: bool
    use_embedded_discovery_service: bool
    talos_version: str
    kubernetes_version: str
    disable_public_discovery_service: bool
    initial_talos_version: str
    def __init__(self, available: _Optional[bool] = ..., machines: _Optional[_Union[Machines, _Mapping]] = ..., phase: _Optional[_Union[ClusterStatusSpec.Phase, str]] = ..., ready: _Optional[bool] = ..., kubernetesAPIReady: _Optional[bool] = ..., controlplaneReady: _Optional[bool] = ..., has_connected_control_planes: _Optional[bool] = ..., use_embedded_discovery_service: _Optional[bool] = ..., talos_version: _Optional[str] = ..., kubernetes_version: _Optional[str] = ..., disable_public_discovery_service: _Optional[bool] = ..., initial_talos_version: _Optional[str] = ...) -> None: ...

class MachineSetStatusSpec(_message.Message):
    __slots__ = ("phase", "ready", "error", "machines", "config_hash", "machine_allocation", "locked_updates")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    MACHINES_FIELD_NUMBER: _ClassVar[int]
    CONFIG_HASH_FIELD_NUMBER: _ClassVar[int]
    MACHINE_ALLOCATION_FIELD_NUMBER: _ClassVar[int]
    LOCKED_UPDATES_FIELD_NUMBER: _ClassVar[int]
    phase: MachineSetPhase
    ready: bool
    error: str
    machines: Machines
    config_hash: str
    machine_allocation: MachineSetSpec.MachineAllocation
    locked_updates: int
    def __init__(self, phase: _Optional[_Union[MachineSetPhase, str]] = ..., ready: _Optional[bool] = ..., error: _Optional[str] = ..., machines: _Optional[_Union[Machines, _Mapping]] = ..., config_hash: _Optional[str] = ..., machine_allocation: _Optional[_Union[MachineSetSpec.MachineAllocation, _Mapping]] = ..., locked_updates: _Optional[int] = ...) -> None: ...

class ClusterMachineStatusSpec(_message.Message):
    __slots__ = ("ready", "stage", "config_up_to_date", "last_config_error", "management_address", "config_apply_status", "is_removed")
    class Stage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        UNKNOWN: _ClassVar[ClusterMachineStatusSpec.Stage]
        BOOTING: _ClassVar[ClusterMachineStatusSpec.Stage]
        INSTALLING: _ClassVar[ClusterMachineStatusSpec.Stage]
        CONFIGURING: _ClassVar[ClusterMachineStatusSpec.Stage]
        RUNNING: _ClassVar[ClusterMachineStatusSpec.Stage]
        DESTROYING: _ClassVar[ClusterMachineStatusSpec.Stage]
        UPGRADING: _ClassVar[ClusterMachineStatusSpec.Stage]
        REBOOTING: _ClassVar[ClusterMachineStatusSpec.Stage]
        SHUTTING_DOWN: _ClassVar[ClusterMachineStatusSpec.Stage]
        BEFORE_DESTROY: _ClassVar[ClusterMachineStatusSpec.Stage]
        POWERING_ON: _ClassVar[ClusterMachineStatusSpec.Stage]
        POWERED_OFF: _ClassVar[ClusterMachineStatusSpec.Stage]
    UNKNOWN: ClusterMachineStatusSpec.Stage
    BOOTING: ClusterMachineStatusSpec.Stage
    INSTALLING: ClusterMachineStatusSpec.Stage
    CONFIGURING: ClusterMachineStatusSpec.Stage
    RUNNING: ClusterMachineStatusSpec.Stage
    DESTROYING: ClusterMachineStatusSpec.Stage
    UPGRADING: ClusterMachineStatusSpec.Stage
    REBOOTING: ClusterMachineStatusSpec.Stage
    SHUTTING_DOWN: ClusterMachineStatusSpec.Stage
    BEFORE_DESTROY: ClusterMachineStatusSpec.Stage
    POWERING_ON: ClusterMachineStatusSpec.Stage
    POWERED_OFF: ClusterMachineStatusSpec.Stage
    READY_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    CONFIG_UP_TO_DATE_FIELD_NUMBER: _ClassVar[int]
    LAST_CONFIG_ERROR_FIELD_NUMBER: _ClassVar[int]
    MANAGEMENT_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    CONFIG_APPLY_STATUS_FIELD_NUMBER: _ClassVar[int]
    IS_REMOVED_FIELD_NUMBER: _ClassVar[int]
    ready: bool
    stage: ClusterMachineStatusSpec.Stage
    config_up_to_date: bool
    last_config_error: str
    management_address: str
    config_apply_status: ConfigApplyStatus
    is_removed: bool
    def __init__(self, ready: _Optional[bool] = ..., stage: _Optional[_Union[ClusterMachineStatusSpec.Stage, str]] = ..., config_up_to_date: _Optional[bool] = ..., last_config_error: _Optional[str] = ..., management_address: _Optional[str] = ..., config_apply_status: _Optional[_Union[ConfigApplyStatus, str]] = ..., is_removed: _Optional[bool] = ...) -> None: ...

class ClusterMachineIdentitySpec(_message.Message):
    __slots__ = ("node_identity", "etcd_member_id", "nodename", "node_ips", "discovery_service_endpoint", "discovery_service_endpoints")
    NODE_IDENTITY_FIELD_NUMBER: _ClassVar[int]
    ETCD_MEMBER_ID_FIELD_NUMBER: _ClassVar[int]
    NODENAME_FIELD_NUMBER: _ClassVar[int]
    NODE_IPS_FIELD_NUMBER: _ClassVar[int]
    DISCOVERY_SERVICE_ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    DISCOVERY_SERVICE_ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    node_identity: str
    etcd_member_id: int
    nodename: str
    node_ips: _containers.RepeatedScalarFieldContainer[str]
    discovery_service_endpoint: str
    discovery_service_endpoints: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, node_identity: _Optional[str] = ..., etcd_member_id: _Optional[int] = ..., nodename: _Optional[str] = ..., node_ips: _Optional[_Iterable[str]] = ..., discovery_service_endpoint: _Optional[str] = ..., discovery_service_endpoints: _Optional[_Iterable[str]] = ...) -> None: ...

class ClusterBootstrapStatusSpec(_message.Message):
    __slots__ = ("bootstrapped",)
    BOOTSTRAPPED_FIELD_NUMBER: _ClassVar[int]
    bootstrapped: bool
    def __init__(self, bootstrapped: _Optional[bool] = ...) -> None: ...

class ClusterEndpointSpec(_message.Message):
    __slots__ = ("management_addresses",)
    MANAGEMENT_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    management_addresses: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, management_addresses: _Optional[_Iterable[str]] = ...) -> None: ...

class LoadBalancerStatusSpec(_message.Message):
    __slots__ = ("healthy", "stopped")
    HEALTHY_FIELD_NUMBER: _ClassVar[int]
    STOPPED_FIELD_NUMBER: _ClassVar[int]
    healthy: bool
    stopped: bool
    def __init__(self, healthy: _Optional[bool] = ..., stopped: _Optional[bool] = ...) -> None: ...

class SiderolinkSpec(_message.Message):
    __slots__ = ("node_subnet", "node_public_key", "last_endpoint", "connected", "virtual_addrport", "remote_addr", "node_unique_token")
    NODE_SUBNET_FIELD_NUMBER: _ClassVar[int]
    NODE_PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    LAST_ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    VIRTUAL_ADDRPORT_FIELD_NUMBER: _ClassVar[int]
    REMOTE_ADDR_FIELD_NUMBER: _ClassVar[int]
    NODE_UNIQUE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    node_subnet: str
    node_public_key: str
    last_endpoint: str
    connected: bool
    virtual_addrport: str
    remote_addr: str
    node_unique_token: str
    def __init__(self, node_subnet: _Optional[str] = ..., node_public_key: _Optional[str] = ..., last_endpoint: _Optional[str] = ..., connected: _Optional[bool] = ..., virtual_addrport: _Optional[str] = ..., remote_addr: _Optional[str] = ..., node_unique_token: _Optional[str] = ...) -> None: ...

class JoinTokenSpec(_message.Message):
    __slots__ = ("expiration_time", "revoked", "name")
    EXPIRATION_TIME_FIELD_NUMBER: _ClassVar[int]
    REVOKED_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    expiration_time: _timestamp_pb2.Timestamp
    revoked: bool
    name: str
    def __init__(self, expiration_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revoked: _Optional[bool] = ..., name: _Optional[str] = ...) -> None: ...

class DefaultJoinTokenSpec(_message.Message):
    __slots__ = ("token_id",)
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    token_id: str
    def __init__(self, token_id: _Optional[str] = ...) -> None: ...

class SysVersionSpec(_message.Message):
    __slots__ = ("backend_version", "instance_name", "backend_api_version")
    BACKEND_VERSION_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_NAME_FIELD_NUMBER: _ClassVar[int]
    BACKEND_API_VERSION_FIELD_NUMBER: _ClassVar[int]
    backend_version: str
    instance_name: str
    backend_api_version: int
    def __init__(self, backend_version: _Optional[str] = ..., instance_name: _Optional[str] = ..., backend_api_version: _Optional[int] = ...) -> None: ...
