"""The YAML that Talos shows for a resource's spec, made from its protobuf message (facts: §1.6, §2)."""

from __future__ import annotations

import ipaddress
from datetime import UTC
from typing import Any

from meshlab.live import yaml_text

IRREGULAR = {
    "affiliate_id": "affiliateID",
    "member_id": "memberID",
    "disk_id": "diskID",
    "partition_uuid": "partitionUUID",
    "internal_dns": "internalDNS",
    "external_dns": "externalDNS",
    "kube_span": "kubespan",
    "api_server_port": "port",
    "serial_number": "serialnumber",
}

ENUM_PREFIXES = (
    "PEER_STATE_",
    "TYPE_",
    "MACHINE_STAGE_",
    "VOLUME_PHASE_",
    "FILESYSTEM_TYPE_",
    "ADDRESS_SORT_ALGORITHM_",
)

ENUM_WORDS = {"CONTROL_PLANE": "controlplane", "SHUTTING_DOWN": "shutting down"}


def spec_yaml(message: Any, *, keep_names: bool = False) -> str:
    """Write a spec as Talos does: camelCase keys, addresses as text, enums as lower-case words.

    ``keep_names`` keeps the proto's snake_case, as the disk resources and Omni's do in their own ways.
    """
    return yaml_text.dump(spec_data(message, keep_names=keep_names))


def spec_data(message: Any, *, keep_names: bool = False) -> dict[str, Any]:
    """Give the spec as plain data under Talos' keys."""
    result: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        key = field.name if keep_names else _camel(field.name)
        if _is_map(field):
            result[key] = dict(value)
        elif field.is_repeated:
            result[key] = [_plain(element, field, keep_names) for element in value]
        elif field.message_type is not None and not message.HasField(field.name):
            if field.message_type.full_name.startswith("common.Net"):
                result[key] = ""
        else:
            result[key] = _plain(value, field, keep_names)
    return result


def _camel(name: str) -> str:
    if name in IRREGULAR:
        return IRREGULAR[name]
    first, *rest = name.split("_")
    return first + "".join({"id": "Id", "ips": "IPs"}.get(word, word.capitalize()) for word in rest)


def _is_map(field: Any) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _plain(value: Any, field: Any, keep_names: bool) -> Any:
    if field.enum_type is not None:
        return enum_word(field.enum_type.values_by_number[value].name)
    if field.message_type is None:
        return value.hex(":") if isinstance(value, bytes) else value
    name = field.message_type.full_name
    if name == "common.NetIP":
        return str(ipaddress.ip_address(value.ip))
    if name == "common.NetIPPrefix":
        return f"{ipaddress.ip_address(value.ip)}/{value.prefix_length}"
    if name == "common.NetIPPort":
        return endpoint_text(value)
    if name == "google.protobuf.Timestamp":
        return value.ToDatetime(tzinfo=UTC).isoformat().replace("+00:00", "Z")
    if name == "google.protobuf.Duration":
        return f"{value.seconds}s"
    return spec_data(value, keep_names=keep_names)


def enum_word(name: str) -> str:
    """Give the word YAML has for an enum value: ``PEER_STATE_UP`` is ``up``."""
    for prefix in ENUM_PREFIXES:
        if name.startswith(prefix):
            name = name.removeprefix(prefix)
            break
    return ENUM_WORDS.get(name, name.lower())


def endpoint_text(value: Any) -> str:
    """Write a ``common.NetIPPort``; empty when it is not set."""
    if not value.ip:
        return ""
    address = ipaddress.ip_address(value.ip)
    return f"[{address}]:{value.port}" if address.version == 6 else f"{address}:{value.port}"
