from meshlab.live._generated import common_pb2 as _common_pb2
from meshlab.live._generated import talos_enums_pb2 as _talos_enums_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NodeAddressSpec(_message.Message):
    __slots__ = ("addresses", "sort_algorithm")
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    SORT_ALGORITHM_FIELD_NUMBER: _ClassVar[int]
    addresses: _containers.RepeatedCompositeFieldContainer[_common_pb2.NetIPPrefix]
    sort_algorithm: _talos_enums_pb2.NethelpersAddressSortAlgorithm
    def __init__(self, addresses: _Optional[_Iterable[_Union[_common_pb2.NetIPPrefix, _Mapping]]] = ..., sort_algorithm: _Optional[_Union[_talos_enums_pb2.NethelpersAddressSortAlgorithm, str]] = ...) -> None: ...

class HostnameStatusSpec(_message.Message):
    __slots__ = ("hostname", "domainname")
    HOSTNAME_FIELD_NUMBER: _ClassVar[int]
    DOMAINNAME_FIELD_NUMBER: _ClassVar[int]
    hostname: str
    domainname: str
    def __init__(self, hostname: _Optional[str] = ..., domainname: _Optional[str] = ...) -> None: ...

class StatusSpec(_message.Message):
    __slots__ = ("address_ready", "connectivity_ready", "hostname_ready", "etc_files_ready")
    ADDRESS_READY_FIELD_NUMBER: _ClassVar[int]
    CONNECTIVITY_READY_FIELD_NUMBER: _ClassVar[int]
    HOSTNAME_READY_FIELD_NUMBER: _ClassVar[int]
    ETC_FILES_READY_FIELD_NUMBER: _ClassVar[int]
    address_ready: bool
    connectivity_ready: bool
    hostname_ready: bool
    etc_files_ready: bool
    def __init__(self, address_ready: _Optional[bool] = ..., connectivity_ready: _Optional[bool] = ..., hostname_ready: _Optional[bool] = ..., etc_files_ready: _Optional[bool] = ...) -> None: ...

class LinkStatusSpec(_message.Message):
    __slots__ = ("index", "type", "link_index", "flags", "hardware_addr", "broadcast_addr", "mtu", "queue_disc", "kind")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    LINK_INDEX_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    HARDWARE_ADDR_FIELD_NUMBER: _ClassVar[int]
    BROADCAST_ADDR_FIELD_NUMBER: _ClassVar[int]
    MTU_FIELD_NUMBER: _ClassVar[int]
    QUEUE_DISC_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    index: int
    type: int
    link_index: int
    flags: int
    hardware_addr: bytes
    broadcast_addr: bytes
    mtu: int
    queue_disc: str
    kind: str
    def __init__(self, index: _Optional[int] = ..., type: _Optional[int] = ..., link_index: _Optional[int] = ..., flags: _Optional[int] = ..., hardware_addr: _Optional[bytes] = ..., broadcast_addr: _Optional[bytes] = ..., mtu: _Optional[int] = ..., queue_disc: _Optional[str] = ..., kind: _Optional[str] = ...) -> None: ...
