"""What AWS objects look like here: plain frozen values with the attributes that bring-up reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Zone:
    """An availability zone. Names differ from account to account, ids do not."""

    name: str
    id: str
    state: str


@dataclass(frozen=True)
class Image:
    """A machine image."""

    id: str
    name: str
    architecture: str
    owner: str


@dataclass(frozen=True)
class Vpc:
    """A virtual network."""

    id: str
    cidr: str
    state: str
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Subnet:
    """A subnet in one zone."""

    id: str
    vpc: str
    zone: str
    cidr: str
    public: bool
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Gateway:
    """An internet gateway; ``vpc`` is empty while it is attached to none."""

    id: str
    vpc: str
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RouteTable:
    """A route table: ``routes`` are (destination, target), ``associations`` are (association id, subnet)."""

    id: str
    vpc: str
    routes: tuple[tuple[str, str], ...]
    associations: tuple[tuple[str, str], ...]
    main: bool
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class GroupRule:
    """One permission: protocol ``tcp``, ``udp`` or ``-1`` (all), ports from-to, and who.

    ``peers`` are IPv4 or IPv6 networks, group ids, or ``self`` for the group itself.
    """

    protocol: str
    first_port: int
    last_port: int
    peers: tuple[str, ...]
    why: str = field(default="", compare=False)


@dataclass(frozen=True)
class SecurityGroup:
    """A security group with what it lets in and out."""

    id: str
    vpc: str
    name: str
    ingress: tuple[GroupRule, ...]
    egress: tuple[GroupRule, ...]
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LaunchTemplate:
    """A launch template and its default version."""

    id: str
    name: str
    version: int
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Instance:
    """An instance. ``state_reason`` says why it is where it is, when AWS gives a reason."""

    id: str
    state: str
    zone: str
    subnet: str
    private_ip: str
    public_ip: str
    type: str
    image: str
    token: str
    state_reason: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ScheduledEvent:
    """Something AWS is going to do to an instance."""

    code: str
    description: str
    not_before: datetime | None
    not_after: datetime | None


@dataclass(frozen=True)
class InstanceHealth:
    """Status checks: ``ok``, ``impaired``, ``initializing``, ``insufficient-data`` or ``not-applicable``."""

    id: str
    state: str
    instance: str
    system: str
    events: tuple[ScheduledEvent, ...] = ()


@dataclass(frozen=True)
class Address:
    """An elastic address; ``association`` is empty while it is associated with nothing."""

    id: str
    public_ip: str
    association: str
    instance: str
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Key:
    """A KMS key; ``state`` is Enabled, Disabled, PendingDeletion…"""

    id: str
    arn: str
    state: str
    aliases: tuple[str, ...] = ()


def tags_of(row: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a described object as a plain mapping, in order of name."""
    return {
        tag["Key"]: tag["Value"] for tag in sorted(row.get("Tags") or [], key=lambda tag: str(tag["Key"]))
    }


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags in the form of the API."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def tagged(kind: str, tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """A TagSpecifications list for one kind of object."""
    return [{"ResourceType": kind, "Tags": tag_list(tags)}]
