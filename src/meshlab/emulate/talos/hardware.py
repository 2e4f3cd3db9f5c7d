"""What a machine is before any configuration: its disks, addresses, place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class DiskSpec:
    """A disk of a machine: kernel name, size in bytes, transport (``nvme``, ``sata``, ``virtio``), model."""

    name: str
    size: int
    transport: str = "nvme"
    model: str = "Emulated"


@dataclass(frozen=True)
class Hardware:
    """What a machine is before any configuration.

    Attributes
    ----------
    address
        Its cluster address (10.x).
    network
        Prefix of its link, e.g. ``10.20.1.0/24``.
    location
        Name of the network it is in (a VPC, a data centre): addresses are reached directly only inside one.
    external_address
        Public address that leads to it from elsewhere, None: there is none (the mesh then tries ``address``).
    installed
        Whether the image it boots from is an installed one, as an AMI is.
    """

    name: str
    address: str
    uuid: str
    mac: str
    network: str = "10.0.0.0/8"
    location: str = ""
    external_address: str | None = None
    platform: Literal["metal", "aws"] = "metal"
    region: str = ""
    zone: str = ""
    instance_type: str = ""
    instance_id: str = ""
    installed: bool = False
    disks: tuple[DiskSpec, ...] = (DiskSpec("nvme0n1", 100 * 10**9),)
    memory_bytes: int = 8 * 2**30

    @property
    def provider_id(self) -> str:
        """As the cloud's controller writes it."""
        return f"aws:///{self.zone}/{self.instance_id}" if self.platform == "aws" and self.instance_id else ""
