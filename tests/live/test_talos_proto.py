"""The generated messages are up to date and have the wire numbers of the real services."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import needs

ROOT = Path(__file__).resolve().parents[2]


def test_generated_code_is_up_to_date() -> None:
    needs.package("grpc_tools", "grpcio-tools")
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/protoc.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_apply_configuration_has_the_wire_form_of_talos() -> None:
    from meshlab.live._generated import machine_pb2

    request = machine_pb2.ApplyConfigurationRequest(data=b"x", mode="STAGED", dry_run=True)
    # data=1 bytes, mode=4 varint (3: STAGED), dry_run=5 varint - facts §1.3
    assert request.SerializeToString() == b"\x0a\x01x\x20\x03\x28\x01"


def test_an_unset_mode_means_reboot() -> None:
    from meshlab.live._generated import machine_pb2

    assert machine_pb2.ApplyConfigurationRequest().mode == machine_pb2.ApplyConfigurationRequest.REBOOT


def test_services_have_the_paths_of_the_real_ones() -> None:
    from meshlab.live import rpc
    from meshlab.live._generated import cosi_resource_pb2, machine_pb2, omni_management_pb2, siderolink_pb2

    paths = {
        path
        for module in (cosi_resource_pb2, machine_pb2, omni_management_pb2, siderolink_pb2)
        for service in module.DESCRIPTOR.services_by_name.values()
        for _, path, _, _ in rpc.methods(service)
    }
    assert {
        "/machine.MachineService/Bootstrap",
        "/cosi.resource.State/Watch",
        "/management.ManagementService/Talosconfig",
        "/sidero.link.ProvisionService/Provision",
    } <= paths


def test_status_has_the_wire_form_of_google_rpc() -> None:
    from meshlab.live._generated import common_pb2

    assert common_pb2.Status(code=14, message="x").SerializeToString() == b"\x08\x0e\x12\x01x"
