"""Service quotas of EC2, which moto does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshlab.emulate.aws.log import ACCOUNT
from meshlab.emulate.aws.settings import STANDARD_VCPU_QUOTA, AwsSettings
from meshlab.emulate.aws.wire import AwsFault


def _ec2_quotas(settings: AwsSettings) -> list[dict[str, Any]]:
    name = "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"
    rows = [
        (STANDARD_VCPU_QUOTA, name, float(settings.standard_vcpus)),
        ("L-0263D0A3", "EC2-VPC Elastic IPs", 5.0),
    ]
    return [
        {
            "ServiceCode": "ec2",
            "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
            "QuotaCode": code,
            "QuotaArn": f"arn:aws:servicequotas:{settings.region}:{ACCOUNT}:ec2/{code}",
            "QuotaName": title,
            "Value": value,
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }
        for code, title, value in rows
    ]


def get_service_quota(params: Mapping[str, Any], settings: AwsSettings) -> dict[str, Any] | None:
    """One quota; None for a service that is left to moto. Source: Service Quotas API reference."""
    if params.get("ServiceCode") != "ec2":
        return None
    for row in _ec2_quotas(settings):
        if row["QuotaCode"] == params.get("QuotaCode"):
            return {"Quota": row}
    raise AwsFault(
        "NoSuchResourceException", "The request failed because the specified quota does not exist."
    )


def list_service_quotas(params: Mapping[str, Any], settings: AwsSettings) -> dict[str, Any] | None:
    """Every quota of EC2 that is kept here; None for another service."""
    return {"Quotas": _ec2_quotas(settings)} if params.get("ServiceCode") == "ec2" else None
