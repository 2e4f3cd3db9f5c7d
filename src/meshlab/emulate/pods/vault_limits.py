"""What a Vault pod may make of a real Vault process of this machine: listed settings and variables, files of its own.

The process runs as the user whose laptop it is, so that a pod's configuration must not choose programs or libraries to
load (plugins, PKCS#11 modules, AWS profiles with a command) nor files outside of what is mounted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from meshlab.emulate.pods.hcl import Setting, settings

_TLS = "tls_disable tls_cert_file tls_key_file tls_client_ca_file tls_min_version tls_max_version tls_cipher_suites"
_RAFT = (
    "path node_id performance_multiplier trailing_logs snapshot_threshold snapshot_interval max_entry_size "
    "max_transaction_size autopilot_reconcile_interval autopilot_update_interval max_batch_entries max_batch_size"
)
_TELEMETRY = (
    "prometheus_retention_time disable_hostname enable_hostname_label usage_gauge_period "
    "maximum_gauge_cardinality unauthenticated_metrics_access metrics_prefix"
)
_ALLOWED: dict[tuple[str, ...], frozenset[str]] = {
    place: frozenset(names.split())
    for place, names in {
        (): "ui disable_mlock cluster_name cluster_addr api_addr log_level log_format max_lease_ttl "
        "default_lease_ttl disable_cache cache_size disable_clustering disable_sealwrap introspection_endpoint "
        "enable_response_header_hostname enable_response_header_raft_node_id disable_performance_standby "
        "disable_printable_check default_max_request_duration log_requests_level detect_deadlocks",
        ("listener tcp",): f"{_TLS} address cluster_address tls_require_and_verify_client_cert "
        "tls_disable_client_certs http_idle_timeout http_read_header_timeout http_read_timeout http_write_timeout "
        "max_request_size max_request_duration x_forwarded_for_authorized_addrs x_forwarded_for_hop_skips "
        "x_forwarded_for_reject_not_present x_forwarded_for_reject_not_authorized",
        ("listener tcp", "telemetry"): _TELEMETRY,
        ("telemetry",): _TELEMETRY,
        ("storage raft",): _RAFT,
        (
            "storage raft",
            "retry_join",
        ): "leader_api_addr leader_ca_cert_file leader_ca_cert leader_client_cert_file "
        "leader_client_key_file leader_client_cert leader_client_key leader_tls_servername",
        ("storage file",): "path",
        ("storage inmem",): "",
        ("seal awskms",): "disabled region kms_key_id endpoint access_key secret_key session_token",
        ("seal transit",): "disabled address token key_name mount_path namespace disable_renewal tls_ca_cert "
        "tls_client_cert tls_client_key tls_server_name tls_skip_verify",
        ("seal static",): "disabled current_key_id current_key previous_key_id previous_key",
        ("audit file",): "description",
        ("audit file", "options"): "file_path format prefix log_raw hmac_accessor elide_list_responses",
    }.items()
}
_OF_THE_POD = (
    "HOSTNAME HOST_IP POD_IP POD_NAME NAMESPACE SKIP_CHOWN SKIP_SETCAP TZ "
    "AWS_REGION AWS_DEFAULT_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN"
)
_OF_THE_SERVER = (
    "ADDR API_ADDR CLUSTER_ADDR REDIRECT_ADDR CACERT CLIENT_CERT CLIENT_KEY TLS_SERVER_NAME SKIP_VERIFY RAFT_NODE_ID "
    "LOG_LEVEL LOG_FORMAT K8S_POD_NAME K8S_NAMESPACE SEAL_TYPE AWSKMS_SEAL_KEY_ID UI DISABLE_MLOCK"
)
_VARIABLES = frozenset(_OF_THE_POD.split()) | {
    f"{product}_{name}" for product in ("VAULT", "BAO") for name in _OF_THE_SERVER.split()
}
_NAMED_LOCAL = re.compile(r"(?:^|\w+://)(/[^?]*)$")


def insist(text: str, folders: Iterable[Path]) -> None:
    """Refuses a configuration, as the process would get it, that asks for more than these settings and folders.

    Raises
    ------
    ValueError
        It does; the message names the setting.
    """
    roots = [folder.resolve() for folder in folders]
    for setting in settings(text):
        place = tuple(_place(block) for block in setting.blocks)
        allowed = _ALLOWED.get(place)
        if allowed is None or (setting.name and setting.name not in allowed):
            what = ": ".join([*place, *([setting.name] if setting.name else [])])
            raise ValueError(
                f"the embedded cluster runs no Vault with the setting {what} (line {setting.line} of what was made of "
                "its configuration): a pod must not choose what else runs or is written as you"
            )
        for value in setting.values:
            _insist_on_own_files(setting, value, roots)


def variables(given: Mapping[str, str]) -> dict[str, str]:
    """Gives the variables of a Vault container that its process gets."""
    return {name: value for name, value in given.items() if name in _VARIABLES}


def _place(block: tuple[str, ...]) -> str:
    """The kind of a block, with the label that says which one it is; an audit device's own name says nothing."""
    return " ".join(block[:2]) if block[0] == "audit" else " ".join(block)


def _insist_on_own_files(setting: Setting, value: str, roots: list[Path]) -> None:
    if value.startswith(("http://", "https://")):
        return
    named = _NAMED_LOCAL.search(value)
    path = Path(named[1]).resolve() if named else None
    outside = path is not None and not any(path.is_relative_to(root) for root in roots)
    if outside or ".." in value.split("/"):
        raise ValueError(
            f"line {setting.line} of what was made of the configuration: {setting.name} names {value}, which is in no "
            "volume of the container"
        )
