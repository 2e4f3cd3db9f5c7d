from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class NodenameSpec(_message.Message):
    __slots__ = ("nodename", "hostname_version", "skip_node_registration")
    NODENAME_FIELD_NUMBER: _ClassVar[int]
    HOSTNAME_VERSION_FIELD_NUMBER: _ClassVar[int]
    SKIP_NODE_REGISTRATION_FIELD_NUMBER: _ClassVar[int]
    nodename: str
    hostname_version: str
    skip_node_registration: bool
    def __init__(self, nodename: _Optional[str] = ..., hostname_version: _Optional[str] = ..., skip_node_registration: _Optional[bool] = ...) -> None: ...

class NodeStatusSpec(_message.Message):
    __slots__ = ("nodename", "node_ready", "unschedulable", "labels", "annotations")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class AnnotationsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NODENAME_FIELD_NUMBER: _ClassVar[int]
    NODE_READY_FIELD_NUMBER: _ClassVar[int]
    UNSCHEDULABLE_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    ANNOTATIONS_FIELD_NUMBER: _ClassVar[int]
    nodename: str
    node_ready: bool
    unschedulable: bool
    labels: _containers.ScalarMap[str, str]
    annotations: _containers.ScalarMap[str, str]
    def __init__(self, nodename: _Optional[str] = ..., node_ready: _Optional[bool] = ..., unschedulable: _Optional[bool] = ..., labels: _Optional[_Mapping[str, str]] = ..., annotations: _Optional[_Mapping[str, str]] = ...) -> None: ...
