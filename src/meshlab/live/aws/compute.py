"""Machines: images, launch templates, instances, and waiting for their states."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meshlab.live.aws.errors import AwsError, ErrorKind
from meshlab.live.aws.objects import (
    Image,
    Instance,
    InstanceHealth,
    LaunchTemplate,
    ScheduledEvent,
    tag_list,
    tagged,
    tags_of,
)
from meshlab.live.aws.session import AwsSession
from meshlab.live.secret import Secret
from meshlab.model.errors import LiveError

TALOS_OWNER = "540036508848"
STANDARD_VCPU_QUOTA = "L-1216C47A"
USER_DATA_LIMIT = 16 * 1024
_TAGGED_AT_LAUNCH = ("instance", "volume", "network-interface")
_ENDS = {
    "pending": ("running", "stopped", "terminated"),
    "running": ("running", "stopped", "terminated"),
    "stopping": ("stopped", "terminated"),
    "stopped": ("stopped", "terminated"),
    "shutting-down": ("terminated",),
    "terminated": ("terminated",),
}
"""Which states an instance may still come to by itself or by a request that was already made."""


class StateNotReached(LiveError):
    """An instance will not come, or did not come in time, to the state that was waited for."""


@dataclass(frozen=True)
class LaunchSpec:
    """What every machine of a role has in common (facts/live-bringup §1.7).

    Parameters
    ----------
    volume_gib
        Size of the encrypted gp3 root volume; etcd's data is on it.
    kms_key
        Key of the volume; None is the account's own for EBS.
    hop_limit
        Hops an answer of the metadata service may take: 1 keeps pods from it, 2 lets Vault use the instance profile.
    """

    image: str
    instance_type: str
    security_groups: tuple[str, ...]
    volume_gib: int = 50
    volume_device: str = "/dev/xvda"
    kms_key: str | None = None
    hop_limit: int = 1
    profile: str | None = None
    termination_protection: bool = True

    def data(self) -> dict[str, Any]:
        """The part of a launch that a launch template holds."""
        volume: dict[str, Any] = {
            "VolumeSize": self.volume_gib,
            "VolumeType": "gp3",
            "Encrypted": True,
            "DeleteOnTermination": True,
        }
        if self.kms_key:
            volume["KmsKeyId"] = self.kms_key
        data: dict[str, Any] = {
            "ImageId": self.image,
            "InstanceType": self.instance_type,
            "SecurityGroupIds": list(self.security_groups),
            "BlockDeviceMappings": [{"DeviceName": self.volume_device, "Ebs": volume}],
            "MetadataOptions": {
                "HttpTokens": "required",
                "HttpEndpoint": "enabled",
                "HttpPutResponseHopLimit": self.hop_limit,
            },
            "DisableApiTermination": self.termination_protection,
            "InstanceInitiatedShutdownBehavior": "stop",
        }
        if self.profile:
            data["IamInstanceProfile"] = {"Name": self.profile}
        return data


def talos_image(aws: AwsSession, version: str, arch: str = "amd64") -> Image:
    """The one Talos image of exactly this version, region and architecture; never "the most recent".

    Raises
    ------
    AwsError
        NOT_FOUND when the vendor has none of that name, INVALID when there are several.
    """
    name = f"talos-{version}-{aws.region}-{arch}"
    rows = aws.rows(
        "ec2",
        "describe_images",
        "Images",
        Owners=[TALOS_OWNER],
        Filters=[{"Name": "name", "Values": [name]}, {"Name": "state", "Values": ["available"]}],
    )
    if len(rows) != 1:
        kind = ErrorKind.INVALID if rows else ErrorKind.NOT_FOUND
        raise AwsError(
            kind, "TalosImage", f"{len(rows)} images are named {name} (owner {TALOS_OWNER}), not one"
        )
    return Image(rows[0]["ImageId"], rows[0]["Name"], rows[0]["Architecture"], rows[0]["OwnerId"])


def zones_offering(aws: AwsSession, instance_type: str) -> tuple[str, ...]:
    """The zones in which an instance type can be had, by name."""
    rows = aws.rows(
        "ec2",
        "describe_instance_type_offerings",
        "InstanceTypeOfferings",
        LocationType="availability-zone",
        Filters=[{"Name": "instance-type", "Values": [instance_type]}],
    )
    return tuple(sorted(row["Location"] for row in rows))


def vcpu_quota(aws: AwsSession) -> float:
    """How many vCPUs of standard on-demand instances the account may run at once."""
    answer = aws.call("service-quotas", "get_service_quota", ServiceCode="ec2", QuotaCode=STANDARD_VCPU_QUOTA)
    return float(answer["Quota"]["Value"])


def create_launch_template(
    aws: AwsSession, name: str, spec: LaunchSpec, tags: Mapping[str, str], *, token: str
) -> LaunchTemplate:
    """Makes a launch template, once per token; its name is a natural key too. It holds no user data."""
    row = aws.call(
        "ec2",
        "create_launch_template",
        LaunchTemplateName=name,
        LaunchTemplateData=spec.data(),
        ClientToken=token,
        TagSpecifications=tagged("launch-template", tags),
    )["LaunchTemplate"]
    return launch_template_of(row)


def delete_launch_template(aws: AwsSession, template: str) -> None:
    """Removes a launch template with all versions."""
    aws.call("ec2", "delete_launch_template", LaunchTemplateId=template)


def run_instance(
    aws: AwsSession,
    *,
    token: str,
    template: str | None = None,
    spec: LaunchSpec | None = None,
    subnet: str,
    private_ip: str,
    tags: Mapping[str, str],
    user_data: Secret[bytes] | bytes | None = None,
) -> Instance:
    """Launches one instance, once per token, by a template (its default version) or by a spec.

    Tags go on the instance, its volumes and its network interfaces. User data holds the cluster's private keys when it
    is a machine config; ``None`` leaves the machine in maintenance mode, to be configured over the Talos API.

    Raises
    ------
    AwsError
        TOKEN_SPENT when the token was used with other parameters, or its instance has been terminated.
    ValueError
        Neither or both of template and spec are given, or the user data is larger than 16 KiB.
    """
    if (template is None) == (spec is None):
        raise ValueError("give either a launch template or a launch spec")
    params: dict[str, Any] = dict(spec.data()) if spec else {"LaunchTemplate": {"LaunchTemplateId": template}}
    if user_data is not None:
        raw = user_data.reveal() if isinstance(user_data, Secret) else user_data
        if len(raw) > USER_DATA_LIMIT:
            raise ValueError(
                f"user data is {len(raw)} bytes, EC2 takes {USER_DATA_LIMIT}: make the config without docs"
            )
        params["UserData"] = raw
    answer = aws.call(
        "ec2",
        "run_instances",
        MinCount=1,
        MaxCount=1,
        ClientToken=token,
        SubnetId=subnet,
        PrivateIpAddress=private_ip,
        TagSpecifications=[{"ResourceType": k, "Tags": tag_list(tags)} for k in _TAGGED_AT_LAUNCH],
        **params,
    )
    return instance_of(answer["Instances"][0])


def instance(aws: AwsSession, instance_id: str) -> Instance:
    """One instance as it is now."""
    found = _instances(aws, InstanceIds=[instance_id])
    if not found:
        raise AwsError(
            ErrorKind.NOT_FOUND, "InvalidInstanceID.NotFound", f"there is no instance {instance_id}"
        )
    return found[0]


def instances_by_token(aws: AwsSession, token: str) -> list[Instance]:
    """What was launched under a client token (the probe after a lost reply), terminated ones included."""
    return _instances(aws, Filters=[{"Name": "client-token", "Values": [token]}])


def _instances(aws: AwsSession, **params: Any) -> list[Instance]:
    reservations = aws.rows("ec2", "describe_instances", "Reservations", **params)
    found = [instance_of(row) for reservation in reservations for row in reservation["Instances"]]
    return sorted(found, key=lambda item: item.id)


def wait_for_state(
    aws: AwsSession, instance_id: str, state: str, *, timeout_s: float, poll_s: float = 5.0
) -> Instance:
    """Waits until an instance is in a state (running, stopped, terminated) and gives it.

    Raises
    ------
    StateNotReached
        At once when it can no longer get there, with AWS's reason; else after ``timeout_s``.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        now = instance(aws, instance_id)
        if now.state == state:
            return now
        if state not in _ENDS.get(now.state, (state,)):
            reason = now.state_reason or "AWS gives no reason"
            raise StateNotReached(f"{instance_id} is {now.state} and will not become {state}: {reason}")
        if time.monotonic() > deadline:
            raise StateNotReached(f"{instance_id} is still {now.state}, not {state}, after {timeout_s:g} s")
        time.sleep(poll_s)


def health(aws: AwsSession, ids: Sequence[str]) -> list[InstanceHealth]:
    """Status checks and announced events of instances, in the order asked for."""
    rows = aws.rows(
        "ec2",
        "describe_instance_status",
        "InstanceStatuses",
        InstanceIds=list(ids),
        IncludeAllInstances=True,
    )
    found = {row["InstanceId"]: _health_of(row) for row in rows}
    return [found[instance_id] for instance_id in ids if instance_id in found]


def _health_of(row: Mapping[str, Any]) -> InstanceHealth:
    events = tuple(
        ScheduledEvent(e["Code"], e.get("Description", ""), e.get("NotBefore"), e.get("NotAfter"))
        for e in row.get("Events", [])
    )
    return InstanceHealth(
        row["InstanceId"],
        row["InstanceState"]["Name"],
        row["InstanceStatus"]["Status"],
        row["SystemStatus"]["Status"],
        events,
    )


def set_termination_protection(aws: AwsSession, instance_id: str, on: bool) -> None:
    """Protects an instance against termination, or no longer; may be repeated."""
    aws.call("ec2", "modify_instance_attribute", InstanceId=instance_id, DisableApiTermination={"Value": on})


def terminate(aws: AwsSession, instance_id: str) -> None:
    """Ends an instance for good; PROTECTED while it is protected. May be repeated."""
    aws.call("ec2", "terminate_instances", InstanceIds=[instance_id])


def stop(aws: AwsSession, instance_id: str) -> None:
    """Powers an instance off; its volumes stay, its instance store does not."""
    aws.call("ec2", "stop_instances", InstanceIds=[instance_id])


def start(aws: AwsSession, instance_id: str) -> None:
    """Powers a stopped instance on."""
    aws.call("ec2", "start_instances", InstanceIds=[instance_id])


def reboot(aws: AwsSession, instance_id: str) -> None:
    """Reboots an instance."""
    aws.call("ec2", "reboot_instances", InstanceIds=[instance_id])


def user_data(aws: AwsSession, instance_id: str) -> Secret[bytes]:
    """What an instance was launched with, as a secret."""
    answer = aws.call("ec2", "describe_instance_attribute", InstanceId=instance_id, Attribute="userData")
    raw = answer.get("UserData", {}).get("Value") or ""
    return Secret(base64.b64decode(raw), name=f"user data of {instance_id}")


def launch_template_of(row: Mapping[str, Any]) -> LaunchTemplate:
    """A described launch template."""
    return LaunchTemplate(
        row["LaunchTemplateId"], row["LaunchTemplateName"], int(row["DefaultVersionNumber"]), tags_of(row)
    )


def instance_of(row: Mapping[str, Any]) -> Instance:
    """A described instance."""
    reason = row.get("StateReason", {})
    text = ": ".join(part for part in (reason.get("Code", ""), reason.get("Message", "")) if part)
    return Instance(
        id=row["InstanceId"],
        state=row["State"]["Name"],
        zone=row.get("Placement", {}).get("AvailabilityZone", ""),
        subnet=row.get("SubnetId", "") or "",
        private_ip=row.get("PrivateIpAddress", "") or "",
        public_ip=row.get("PublicIpAddress", "") or "",
        type=row.get("InstanceType", ""),
        image=row.get("ImageId", ""),
        token=row.get("ClientToken", "") or "",
        state_reason=text or row.get("StateTransitionReason", "") or "",
        tags=tags_of(row),
    )
