"""Carrying out RunInstances: the launch template merged in, what moto forgets set afterwards."""

from __future__ import annotations

import copy
from typing import Any

from meshlab.emulate.aws import wire
from meshlab.emulate.aws.instances import Instance
from meshlab.emulate.aws.rules.launch import (
    decoded_user_data,
    first_interface,
    groups_of,
    private_address_of,
    subnet_of,
)
from meshlab.emulate.aws.rules.world import World
from meshlab.emulate.aws.wire import AwsFault, Call

_NOT_OVERRIDDEN = ("LaunchTemplate", "ClientToken", "DryRun")


async def merge_template(call: Call, world: World) -> None:
    """Fills what the call leaves open from its launch template; tags of both are kept, the call's win.

    Source: RunInstances reference: "Any parameters that you specify in RunInstances override the same
    parameters in the launch template."
    """
    template = call.params.get("LaunchTemplate")
    if not template:
        return
    named = {k: template[k] for k in ("LaunchTemplateId", "LaunchTemplateName") if template.get(k)}
    version = template.get("Version") or "$Default"
    try:
        found = await world.backend.ask("ec2", "DescribeLaunchTemplateVersions", Versions=[version], **named)
        data = found["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    except (AwsFault, IndexError):
        raise AwsFault(
            "InvalidLaunchTemplateId.NotFound",
            f"The specified launch template, with {' '.join(named.values())} version {version}, does not "
            "exist.",
        ) from None
    merged = copy.deepcopy(data)
    merged.update({k: v for k, v in call.params.items() if k != "TagSpecifications"})
    tags = _merged_tags(data.get("TagSpecifications") or [], call.params.get("TagSpecifications") or [])
    if tags:
        merged["TagSpecifications"] = tags
    call.params = merged
    call.amended = True


def _merged_tags(below: list[dict[str, Any]], above: list[dict[str, Any]]) -> list[dict[str, Any]]:
    tags: dict[str, dict[str, str]] = {}
    for specification in below + above:
        mine = tags.setdefault(specification["ResourceType"], {})
        mine.update({tag["Key"]: tag["Value"] for tag in specification.get("Tags", [])})
    return [
        {"ResourceType": kind, "Tags": [{"Key": k, "Value": v} for k, v in mine.items()]}
        for kind, mine in tags.items()
    ]


def _root_volume_goes_with_the_instance(call: Call) -> None:
    """A root volume is deleted on termination unless the launch says otherwise; moto keeps it."""
    for mapping in call.params.get("BlockDeviceMappings") or []:
        if mapping.get("Ebs") is not None and "DeleteOnTermination" not in mapping["Ebs"]:
            mapping["Ebs"]["DeleteOnTermination"] = True
            call.amended = True


def _interface_goes_with_the_instance(call: Call) -> None:
    """The primary interface is deleted on termination; moto keeps it unless the launch names it and says so."""
    subnet, address, groups = subnet_of(call.params), private_address_of(call.params), groups_of(call.params)
    if subnet is None or first_interface(call.params).get("NetworkInterfaceId"):
        return
    primary = {**first_interface(call.params), "DeviceIndex": 0, "SubnetId": subnet}
    primary.pop("Groups", None)
    primary.setdefault("DeleteOnTermination", True)
    if address:
        primary["PrivateIpAddress"] = address
    others = [i for i in call.params.get("NetworkInterfaces") or [] if i.get("DeviceIndex", 0) != 0]
    call.params["NetworkInterfaces"] = [primary, *others]
    if groups:
        call.params["SecurityGroupIds"] = groups
    for moved in ("SubnetId", "PrivateIpAddress"):
        call.params.pop(moved, None)
    call.amended = True


async def launch(call: Call, world: World) -> wire.Reply:
    """Launches by moto, then sets protection and interface tags, and starts the instance's life."""
    _root_volume_goes_with_the_instance(call)
    _interface_goes_with_the_instance(call)
    reply = await world.backend.send(call)
    if wire.error_of(call, reply) is not None:
        return reply
    result = wire.parse_reply(call, reply)
    ask = world.backend.ask
    kind = call.params.get("InstanceType", "m1.small")
    described = await ask("ec2", "DescribeInstanceTypes", InstanceTypes=[kind])
    vcpus = int(described["InstanceTypes"][0]["VCpuInfo"]["DefaultVCpus"])
    profile = call.params.get("IamInstanceProfile") or {}
    for row in result["Instances"]:
        instance_id = row["InstanceId"]
        for parameter in ("DisableApiTermination", "DisableApiStop"):
            if call.params.get(parameter):
                await ask(
                    "ec2", "ModifyInstanceAttribute", InstanceId=instance_id, **{parameter: {"Value": True}}
                )
        interfaces = tuple(i["NetworkInterfaceId"] for i in row.get("NetworkInterfaces", []))
        for specification in call.params.get("TagSpecifications") or []:
            if specification["ResourceType"] == "network-interface" and interfaces:
                await ask("ec2", "CreateTags", Resources=list(interfaces), Tags=specification["Tags"])
        instance = Instance(
            id=instance_id,
            zone=row["Placement"]["AvailabilityZone"],
            private_ip=row.get("PrivateIpAddress") or private_address_of(call.params) or "",
            tags={tag["Key"]: tag["Value"] for tag in row.get("Tags", [])},
            user_data=decoded_user_data(call.params),
            public_ip=row.get("PublicIpAddress"),
            subnet=row.get("SubnetId", ""),
            vcpus=vcpus,
            profile=profile.get("Name") or str(profile.get("Arn", "")).rpartition("/")[2] or None,
        )
        world.instances.launched(instance)
        world.instances.amend(row)
    return wire.write_result(call, result)


async def describe(call: Call, world: World, hidden: Any) -> wire.Reply:
    """DescribeInstances with the states kept here, the client-token filter, and new instances left out for a while."""
    held = {"instance-state-name": "Name", "instance-state-code": "Code"}
    filters = call.params.get("Filters") or []
    ours = [f for f in filters if f["Name"] in held or f["Name"] == "client-token"]
    if ours:
        call.params["Filters"] = [f for f in filters if f not in ours]
        call.amended = True
    reply = await world.backend.send(call)
    if wire.error_of(call, reply) is not None:
        return reply
    result = wire.parse_reply(call, reply)
    reservations = []
    for reservation in result.get("Reservations", []):
        rows = [
            world.instances.amend(row) for row in reservation["Instances"] if not hidden(row["InstanceId"])
        ]
        for condition in ours:
            if condition["Name"] == "client-token":
                rows = [row for row in rows if row.get("ClientToken") in condition["Values"]]
            else:
                part = held[condition["Name"]]
                rows = [row for row in rows if str(row["State"][part]) in condition["Values"]]
        if rows:
            reservations.append({**reservation, "Instances": rows})
    result["Reservations"] = reservations
    return wire.write_result(call, result)
