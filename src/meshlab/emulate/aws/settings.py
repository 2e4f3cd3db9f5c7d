"""How fast and how strict the emulated cloud is."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network

STANDARD_VCPU_QUOTA = "L-1216C47A"
"""Service-quotas code of "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", in vCPUs."""

USER_DATA_LIMIT = 16 * 1024
"""Bytes of user data before base64. Source: EC2 user guide, instance user data."""


@dataclass(frozen=True)
class AwsTimings:
    """Durations in seconds. The real ones are in brackets; the defaults are short so that a bring-up takes
    seconds.

    Parameters
    ----------
    pending_s
        From launch or start to running (5-30).
    status_s
        From running to status checks "ok" (60-180).
    stopping_s, shutting_down_s
        From the request to stopped (10-60) and terminated (20-60).
    read_lag_s
        Each new object is unseen by other calls for a time drawn uniformly between these two (usually under
        1, at times many).
    profile_lag_s
        Until EC2 knows a new instance profile or its role (2-120).
    trail_lag_s
        Until LookupEvents shows a call (up to 900).
    """

    pending_s: float = 0.4
    status_s: float = 0.4
    stopping_s: float = 0.4
    shutting_down_s: float = 0.4
    read_lag_s: tuple[float, float] = (0.0, 0.2)
    profile_lag_s: float = 0.3
    trail_lag_s: float = 0.0


INSTANT = AwsTimings(0.0, 0.0, 0.0, 0.0, (0.0, 0.0), 0.0, 0.0)
"""No waiting anywhere: for tests of what is not about time."""


@dataclass(frozen=True)
class AwsSettings:
    """The account and its limits.

    Parameters
    ----------
    refused_networks
        Networks a VPC may not overlap, with the reason. The first four are AWS's; pods and services are
        Talos' defaults, with which AWS would let you make a VPC that can never work.
    """

    region: str = "us-east-1"
    talos_versions: tuple[str, ...] = ("v1.13.9",)
    timings: AwsTimings = field(default_factory=AwsTimings)
    standard_vcpus: int = 64
    seed: int = 0
    refused_networks: tuple[tuple[IPv4Network, str], ...] = (
        (IPv4Network("0.0.0.0/8"), "this network"),
        (IPv4Network("127.0.0.0/8"), "loopback"),
        (IPv4Network("169.254.0.0/16"), "link-local"),
        (IPv4Network("224.0.0.0/3"), "multicast and reserved"),
        (IPv4Network("10.244.0.0/16"), "Talos' default pod network"),
        (IPv4Network("10.96.0.0/12"), "Talos' default service network"),
    )
