from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class SystemInformationSpec(_message.Message):
    __slots__ = ("manufacturer", "product_name", "version", "serial_number", "uuid", "wake_up_type", "sku_number")
    MANUFACTURER_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SERIAL_NUMBER_FIELD_NUMBER: _ClassVar[int]
    UUID_FIELD_NUMBER: _ClassVar[int]
    WAKE_UP_TYPE_FIELD_NUMBER: _ClassVar[int]
    SKU_NUMBER_FIELD_NUMBER: _ClassVar[int]
    manufacturer: str
    product_name: str
    version: str
    serial_number: str
    uuid: str
    wake_up_type: str
    sku_number: str
    def __init__(self, manufacturer: _Optional[str] = ..., product_name: _Optional[str] = ..., version: _Optional[str] = ..., serial_number: _Optional[str] = ..., uuid: _Optional[str] = ..., wake_up_type: _Optional[str] = ..., sku_number: _Optional[str] = ...) -> None: ...
