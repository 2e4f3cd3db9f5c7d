"""The account, the launch template and the machines on AWS; and the proof that nothing is left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from meshlab.provision.systems.context import Context
from meshlab.provision.systems.interface import Waiting
from meshlab.provision.systems.outcome import Absent, Found, Probe, Result, StepFailed

if TYPE_CHECKING:
    from meshlab.live.aws.session import AwsSession
from meshlab.provision.systems.aws.calls import PART, TAG, AwsOperation, aws_errors


class Preflight(Waiting):
    """Whose account it is, whether the zones, the image, the instance type and the quota are there."""

    name = "aws.preflight"

    def look(self, context: Context) -> Probe:
        from meshlab.live.aws import compute, network

        aws, wanted = context.connections.aws, list(self.settings["zones"])
        with aws_errors(self.step.title):
            identity = aws.identity()
            missing = sorted(set(wanted) - {zone.name for zone in network.zones(aws)})
            if missing:
                raise StepFailed(f"this account has no zone {', '.join(missing)} in {aws.region}")
            kind = str(self.settings["instance_type"])
            lacking = sorted(set(wanted) - set(compute.zones_offering(aws, kind)))
            if lacking:
                raise StepFailed(
                    f"{kind} cannot be had in {', '.join(lacking)}; choose another instance type or zone"
                )
            quota, need = compute.vcpu_quota(aws), float(self.settings["cores"])
            if quota < need:
                raise StepFailed(
                    f"the account may run {quota:.0f} standard vCPUs, {need:.0f} are needed: raise the quota L-1216C47A"
                )
            image = compute.talos_image(aws, str(self.settings["talos"]))
        return Found(
            {"account": identity.account, "image": image.id, "image_name": image.name, "vcpu_quota": quota}
        )


class LaunchTemplate(AwsOperation):
    """What the three machines have in common: image, type, encrypted disk, metadata service with one hop."""

    name = "aws.launch-template"
    kind = "launch-template"
    repeatable = True

    def describe(self, thing: Any) -> Result:
        return {"id": thing.id, "version": thing.version}

    def make(self, context: Context, aws: AwsSession) -> Result:
        from meshlab.live.aws.compute import LaunchSpec, create_launch_template

        spec = LaunchSpec(
            image=context.result("aws/preflight")["image"],
            instance_type=str(self.settings["instance_type"]),
            security_groups=(context.result("aws/security-group")["id"],),
            volume_gib=int(self.settings["volume_gib"]),
            hop_limit=1,
        )
        tags = self.tags(context)
        return self.describe(create_launch_template(aws, tags["Name"], spec, tags, token=context.token))

    def remove(self, thing: Any, aws: AwsSession, context: Context) -> None:
        from meshlab.live.aws.compute import delete_launch_template

        delete_launch_template(aws, thing.id)


class Instance(AwsOperation):
    """One machine, by one RunInstances call with its own token: no group may ever replace it by itself."""

    name = "aws.instance"
    kind = "instance"
    repeatable = True

    def find(self, context: Context) -> Any:
        thing = super().find(context)
        return None if thing is not None and thing.state == "shutting-down" else thing

    def describe(self, thing: Any) -> Result:
        return {
            "id": thing.id,
            "zone": thing.zone,
            "private_ip": thing.private_ip,
            "public_ip": thing.public_ip,
        }

    def differences(self, thing: Any, context: Context) -> Iterator[str]:
        if thing.state in ("stopping", "stopped"):
            yield f"it is {thing.state}"
        if thing.private_ip != self.settings["address"]:
            raise StepFailed(
                f"{thing.id} has the address {thing.private_ip}, the spec says {self.settings['address']}; an etcd"
                " member cannot change its address",
                "needs-you",
            )

    def make(self, context: Context, aws: AwsSession) -> Result:
        from meshlab.live.aws.compute import run_instance, start

        thing = self.find(context)
        if thing is not None:
            if thing.state in ("stopping", "stopped"):
                start(aws, thing.id)
            return self.describe(thing)
        # No user data: it would hold the cluster's private keys, readable through the metadata service. The
        # configuration goes over the Talos API in maintenance mode instead (facts: live-bringup 1.7).
        made = run_instance(
            aws,
            token=context.token,
            template=context.result("aws/launch-template")["id"],
            subnet=context.result(str(self.settings["subnet"]))["id"],
            private_ip=str(self.settings["address"]),
            tags=self.tags(context) | {"meshlab:machine": str(self.settings["machine"])},
        )
        return self.describe(made)

    def remove(self, thing: Any, aws: AwsSession, context: Context) -> None:
        from meshlab.live.aws.compute import set_termination_protection, terminate

        set_termination_protection(aws, thing.id, False)
        terminate(aws, thing.id)

    def undo(self, context: Context) -> Result:
        from meshlab.live.aws.sweep import find_by_tag

        result = super().undo(context)
        tags = {TAG: context.cluster, PART: str(self.settings["part"])}

        def gone() -> Probe:
            with aws_errors(self.step.title):
                left = find_by_tag(context.connections.aws, self.kind, tags)
            return Absent(f"{left[0].id} is {left[0].state}") if left else Found()

        context.wait_until(gone, context.target.patience.deletion, self.step.title)
        return result


class InstancesRunning(Waiting):
    """Every instance runs, and says where."""

    name = "aws.running"
    patience = "instance_running"

    def look(self, context: Context) -> Probe:
        from meshlab.live.aws.compute import instance

        addresses: Result = {}
        for step in self.settings["instances"]:
            with aws_errors(self.step.title):
                now = instance(context.connections.aws, context.result(step)["id"])
            if now.state in ("shutting-down", "terminated", "stopping", "stopped"):
                raise StepFailed(f"{now.id} is {now.state}: {now.state_reason or 'AWS gives no reason'}")
            if now.state != "running":
                return Absent(f"{now.id} is {now.state}")
            addresses[step] = {"private": now.private_ip, "public": now.public_ip, "zone": now.zone}
        return Found({"instances": addresses})


class NothingLeft(Waiting):
    """The proof of a destroy, by two reads that do not depend on each other (facts: live-bringup 1.10)."""

    name = "aws.nothing-left"
    patience = "deletion"

    def probe(self, context: Context) -> Probe:
        return self.look(context)

    def look(self, context: Context) -> Probe:
        from meshlab.live.aws.sweep import find_by_tag, leftovers

        aws = context.connections.aws
        with aws_errors(self.step.title):
            vpcs = [vpc.id for vpc in find_by_tag(aws, "vpc", {TAG: context.cluster})]
            left = leftovers(aws, (TAG, context.cluster), vpcs=vpcs)
        if left:
            return Absent(f"still there: {', '.join((*left.resources, *left.interfaces))}")
        return Found(
            {"holds": True, "said": "nothing with our tag is left, and no network interface in our VPC"}
        )


OPERATIONS = (
    Preflight,
    LaunchTemplate,
    Instance,
    InstancesRunning,
    NothingLeft,
)
