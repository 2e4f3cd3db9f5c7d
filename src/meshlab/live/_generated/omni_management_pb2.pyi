import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from meshlab.live._generated import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class KubeconfigRequest(_message.Message):
    __slots__ = ("service_account", "service_account_ttl", "service_account_user", "service_account_groups", "grant_type", "break_glass", "oidc_cache_base_dir", "oidc_cache_isolation")
    SERVICE_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    SERVICE_ACCOUNT_TTL_FIELD_NUMBER: _ClassVar[int]
    SERVICE_ACCOUNT_USER_FIELD_NUMBER: _ClassVar[int]
    SERVICE_ACCOUNT_GROUPS_FIELD_NUMBER: _ClassVar[int]
    GRANT_TYPE_FIELD_NUMBER: _ClassVar[int]
    BREAK_GLASS_FIELD_NUMBER: _ClassVar[int]
    OIDC_CACHE_BASE_DIR_FIELD_NUMBER: _ClassVar[int]
    OIDC_CACHE_ISOLATION_FIELD_NUMBER: _ClassVar[int]
    service_account: bool
    service_account_ttl: _duration_pb2.Duration
    service_account_user: str
    service_account_groups: _containers.RepeatedScalarFieldContainer[str]
    grant_type: str
    break_glass: bool
    oidc_cache_base_dir: str
    oidc_cache_isolation: bool
    def __init__(self, service_account: _Optional[bool] = ..., service_account_ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., service_account_user: _Optional[str] = ..., service_account_groups: _Optional[_Iterable[str]] = ..., grant_type: _Optional[str] = ..., break_glass: _Optional[bool] = ..., oidc_cache_base_dir: _Optional[str] = ..., oidc_cache_isolation: _Optional[bool] = ...) -> None: ...

class KubeconfigResponse(_message.Message):
    __slots__ = ("kubeconfig",)
    KUBECONFIG_FIELD_NUMBER: _ClassVar[int]
    kubeconfig: bytes
    def __init__(self, kubeconfig: _Optional[bytes] = ...) -> None: ...

class TalosconfigRequest(_message.Message):
    __slots__ = ("raw", "break_glass")
    RAW_FIELD_NUMBER: _ClassVar[int]
    BREAK_GLASS_FIELD_NUMBER: _ClassVar[int]
    raw: bool
    break_glass: bool
    def __init__(self, raw: _Optional[bool] = ..., break_glass: _Optional[bool] = ...) -> None: ...

class TalosconfigResponse(_message.Message):
    __slots__ = ("talosconfig",)
    TALOSCONFIG_FIELD_NUMBER: _ClassVar[int]
    talosconfig: bytes
    def __init__(self, talosconfig: _Optional[bytes] = ...) -> None: ...

class OmniconfigResponse(_message.Message):
    __slots__ = ("omniconfig",)
    OMNICONFIG_FIELD_NUMBER: _ClassVar[int]
    omniconfig: bytes
    def __init__(self, omniconfig: _Optional[bytes] = ...) -> None: ...

class MachineLogsRequest(_message.Message):
    __slots__ = ("machine_id", "follow", "tail_lines")
    MACHINE_ID_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    TAIL_LINES_FIELD_NUMBER: _ClassVar[int]
    machine_id: str
    follow: bool
    tail_lines: int
    def __init__(self, machine_id: _Optional[str] = ..., follow: _Optional[bool] = ..., tail_lines: _Optional[int] = ...) -> None: ...

class ValidateConfigRequest(_message.Message):
    __slots__ = ("config",)
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    config: str
    def __init__(self, config: _Optional[str] = ...) -> None: ...

class CreateServiceAccountRequest(_message.Message):
    __slots__ = ("armored_pgp_public_key", "use_user_role", "role", "name")
    ARMORED_PGP_PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    USE_USER_ROLE_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    armored_pgp_public_key: str
    use_user_role: bool
    role: str
    name: str
    def __init__(self, armored_pgp_public_key: _Optional[str] = ..., use_user_role: _Optional[bool] = ..., role: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class CreateServiceAccountResponse(_message.Message):
    __slots__ = ("public_key_id",)
    PUBLIC_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    public_key_id: str
    def __init__(self, public_key_id: _Optional[str] = ...) -> None: ...

class RenewServiceAccountRequest(_message.Message):
    __slots__ = ("name", "armored_pgp_public_key")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARMORED_PGP_PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    name: str
    armored_pgp_public_key: str
    def __init__(self, name: _Optional[str] = ..., armored_pgp_public_key: _Optional[str] = ...) -> None: ...

class RenewServiceAccountResponse(_message.Message):
    __slots__ = ("public_key_id",)
    PUBLIC_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    public_key_id: str
    def __init__(self, public_key_id: _Optional[str] = ...) -> None: ...

class DestroyServiceAccountRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ListServiceAccountsResponse(_message.Message):
    __slots__ = ("service_accounts",)
    class ServiceAccount(_message.Message):
        __slots__ = ("name", "pgp_public_keys", "role", "last_active")
        class PgpPublicKey(_message.Message):
            __slots__ = ("id", "armored", "expiration", "created", "last_used")
            ID_FIELD_NUMBER: _ClassVar[int]
            ARMORED_FIELD_NUMBER: _ClassVar[int]
            EXPIRATION_FIELD_NUMBER: _ClassVar[int]
            CREATED_FIELD_NUMBER: _ClassVar[int]
            LAST_USED_FIELD_NUMBER: _ClassVar[int]
            id: str
            armored: str
            expiration: _timestamp_pb2.Timestamp
            created: _timestamp_pb2.Timestamp
            last_used: _timestamp_pb2.Timestamp
            def __init__(self, id: _Optional[str] = ..., armored: _Optional[str] = ..., expiration: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_used: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
        NAME_FIELD_NUMBER: _ClassVar[int]
        PGP_PUBLIC_KEYS_FIELD_NUMBER: _ClassVar[int]
        ROLE_FIELD_NUMBER: _ClassVar[int]
        LAST_ACTIVE_FIELD_NUMBER: _ClassVar[int]
        name: str
        pgp_public_keys: _containers.RepeatedCompositeFieldContainer[ListServiceAccountsResponse.ServiceAccount.PgpPublicKey]
        role: str
        last_active: str
        def __init__(self, name: _Optional[str] = ..., pgp_public_keys: _Optional[_Iterable[_Union[ListServiceAccountsResponse.ServiceAccount.PgpPublicKey, _Mapping]]] = ..., role: _Optional[str] = ..., last_active: _Optional[str] = ...) -> None: ...
    SERVICE_ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    service_accounts: _containers.RepeatedCompositeFieldContainer[ListServiceAccountsResponse.ServiceAccount]
    def __init__(self, service_accounts: _Optional[_Iterable[_Union[ListServiceAccountsResponse.ServiceAccount, _Mapping]]] = ...) -> None: ...

class KubernetesUpgradePreChecksRequest(_message.Message):
    __slots__ = ("new_version",)
    NEW_VERSION_FIELD_NUMBER: _ClassVar[int]
    new_version: str
    def __init__(self, new_version: _Optional[str] = ...) -> None: ...

class KubernetesUpgradePreChecksResponse(_message.Message):
    __slots__ = ("ok", "reason")
    OK_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ok: bool
    reason: str
    def __init__(self, ok: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class GetMachineJoinConfigRequest(_message.Message):
    __slots__ = ("use_grpc_tunnel", "join_token")
    USE_GRPC_TUNNEL_FIELD_NUMBER: _ClassVar[int]
    JOIN_TOKEN_FIELD_NUMBER: _ClassVar[int]
    use_grpc_tunnel: bool
    join_token: str
    def __init__(self, use_grpc_tunnel: _Optional[bool] = ..., join_token: _Optional[str] = ...) -> None: ...

class GetMachineJoinConfigResponse(_message.Message):
    __slots__ = ("kernel_args", "config")
    KERNEL_ARGS_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    kernel_args: _containers.RepeatedScalarFieldContainer[str]
    config: str
    def __init__(self, kernel_args: _Optional[_Iterable[str]] = ..., config: _Optional[str] = ...) -> None: ...

class CreateJoinTokenRequest(_message.Message):
    __slots__ = ("name", "expiration_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EXPIRATION_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    expiration_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., expiration_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreateJoinTokenResponse(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ResetNodeUniqueTokenRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class MachinePowerOffRequest(_message.Message):
    __slots__ = ("machine_id",)
    MACHINE_ID_FIELD_NUMBER: _ClassVar[int]
    machine_id: str
    def __init__(self, machine_id: _Optional[str] = ...) -> None: ...

class MachinePowerOnRequest(_message.Message):
    __slots__ = ("machine_id",)
    MACHINE_ID_FIELD_NUMBER: _ClassVar[int]
    machine_id: str
    def __init__(self, machine_id: _Optional[str] = ...) -> None: ...

class MachinePowerOffResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class MachinePowerOnResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ResetNodeUniqueTokenResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
