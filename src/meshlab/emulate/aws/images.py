"""The machine images there are: Talos' own, named as its vendor names them, and one that is not Talos."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

TALOS_OWNER = "540036508848"
"""The account under which Sidero Labs publishes Talos images. Source: Talos release ``cloud-images.json``."""

ARCHITECTURES = {"amd64": "x86_64", "arm64": "arm64"}


def talos_image_name(version: str, region: str, arch: str) -> str:
    """The name of the image, for example ``talos-v1.13.9-us-east-1-amd64``."""
    return f"talos-{version}-{region}-{arch}"


def image_id(name: str) -> str:
    """An image id that is the same on every start, so that a plan made before a restart still fits."""
    return "ami-" + hashlib.sha256(name.encode()).hexdigest()[:17]


def catalogue(region: str, versions: Sequence[str]) -> str:
    """The images as JSON in the form that moto loads at its start."""
    rows = [
        _row(talos_image_name(version, region, arch), TALOS_OWNER, "/dev/xvda", machine, f"Talos {version}")
        for version in versions
        for arch, machine in ARCHITECTURES.items()
    ]
    rows.append(_row("al2023-ami-2023.6-x86_64", "137112412989", "/dev/xvda", "x86_64", "Amazon Linux 2023"))
    return json.dumps(rows)


def _row(name: str, owner: str, root: str, architecture: str, description: str) -> dict[str, object]:
    return {
        "ami_id": image_id(name),
        "name": name,
        "description": description,
        "owner_id": owner,
        "public": True,
        "virtualization_type": "hvm",
        "architecture": architecture,
        "state": "available",
        "platform": None,
        "image_type": "machine",
        "hypervisor": "xen",
        "root_device_name": root,
        "root_device_type": "ebs",
        "sriov": "simple",
        "boot_mode": "uefi-preferred",
        "creation_date": "2026-10-01T00:00:00.000Z",
        "tags": {},
    }
