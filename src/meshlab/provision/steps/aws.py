"""What bring-up does on AWS, one effect per operation, each found again by token, natural key or our own tag."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from meshlab.provision.steps.context import Context
from meshlab.provision.steps.operation import (
    Absent,
    Found,
    Operation,
    Probe,
    Reaction,
    Result,
    StepFailed,
    Waiting,
    operation,
)

if TYPE_CHECKING:
    from meshlab.live.aws.objects import GroupRule
    from meshlab.live.aws.session import AwsSession

TAG = "meshlab:cluster"
PART = "meshlab:part"


@contextmanager
def aws_errors(what: str) -> Iterator[None]:
    """Turns an AWS error into what the executor does about it (facts: live-bringup 1.3)."""
    from meshlab.live.aws.errors import AwsError, ErrorKind

    reactions: dict[ErrorKind, Reaction] = {
        ErrorKind.THROTTLED: "retry",
        ErrorKind.UNREACHABLE: "retry",
        ErrorKind.LAGGING: "retry",
        ErrorKind.NOT_READY: "retry",
        ErrorKind.DEPENDENCY: "retry",
        ErrorKind.TOKEN_SPENT: "retry",
        ErrorKind.UNKNOWN_OUTCOME: "unknown",
        ErrorKind.EXISTS: "unknown",
    }
    try:
        yield
    except AwsError as error:
        reaction = reactions.get(error.kind, "stop")
        spent = error.kind in (ErrorKind.TOKEN_SPENT, ErrorKind.CAPACITY)
        silent = error.kind is ErrorKind.UNREACHABLE
        raise StepFailed(f"{what}: {error}", reaction, error.request_id, spent=spent, silent=silent) from None


class AwsOperation(Operation):
    """An operation on one AWS object of one kind, which carries our tags; `kind` is EC2's name of it."""

    lags = True
    kind: ClassVar[str] = ""

    def tags(self, context: Context) -> dict[str, str]:
        """Gives the tags that make the object ours and findable: cluster and part are unique together."""
        part = str(self.settings["part"])
        return {TAG: context.cluster, PART: part, "Name": f"{context.cluster}-{part}"}

    def find(self, context: Context) -> Any:
        """Gives the one object with our tags; None where there is none.

        Raises
        ------
        StepFailed
            There are two: only a person can say which one counts.
        """
        from meshlab.live.aws.sweep import find_by_tag

        tags = {TAG: context.cluster, PART: str(self.settings["part"])}
        found = find_by_tag(context.connections.aws, self.kind, tags)
        if len(found) > 1:
            names = ", ".join(thing.id for thing in found)
            raise StepFailed(
                f"there are {len(found)} of {self.step.title!r} with our tags: {names}; remove all but one",
                "needs-you",
            )
        return found[0] if found else None

    def probe(self, context: Context) -> Probe:
        with aws_errors(self.step.title):
            thing = self.find(context)
            if thing is None:
                return Absent()
            return Found(self.describe(thing), tuple(self.differences(thing, context)))

    def perform(self, context: Context) -> Result:
        with aws_errors(self.step.title):
            result = self.make(context, context.connections.aws)
        return result | {"request_id": context.connections.request_ids()}

    def undo(self, context: Context) -> Result:
        with aws_errors(self.step.title):
            thing = self.find(context)
            if thing is not None:
                _gone(lambda: self.remove(thing, context.connections.aws, context))
        return {"request_id": context.connections.request_ids()}

    def describe(self, thing: Any) -> Result:
        return {"id": thing.id}

    def differences(self, thing: Any, context: Context) -> Iterator[str]:
        """Says where the object is not as the plan wants it."""
        yield from ()

    @abstractmethod
    def make(self, context: Context, aws: AwsSession) -> Result:
        """Makes it, or makes it as it should be."""

    def remove(self, thing: Any, aws: AwsSession, context: Context) -> None:
        """Removes it; overridden where there is something to remove."""


def _gone(call: Any) -> None:
    """Calls a removal; what is not there any more needs none."""
    from meshlab.live.aws.errors import AwsError, ErrorKind

    try:
        call()
    except AwsError as error:
        if error.kind is not ErrorKind.NOT_FOUND:
            raise


@operation("aws.preflight")
class Preflight(Waiting):
    """Whose account it is, whether the zones, the image, the instance type and the quota are there."""

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


@operation("aws.vpc")
class Vpc(AwsOperation):
    """The network of the control plane. CreateVpc has neither token nor natural key: the tag is all there is."""

    kind = "vpc"

    def differences(self, thing: Any, context: Context) -> Iterator[str]:
        if thing.cidr != self.settings["cidr"]:
            raise StepFailed(
                f"the VPC {thing.id} has {thing.cidr}, the spec says {self.settings['cidr']};"
                " a VPC's range cannot be changed",
                "needs-you",
            )
        yield from ()

    def make(self, context: Context, aws: AwsSession) -> Result:
        from meshlab.live.aws.network import create_vpc

        return self.describe(create_vpc(aws, str(self.settings["cidr"]), self.tags(context)))

    def remove(self, thing: Any, aws: AwsSession, context: Context) -> None:
        from meshlab.live.aws.network import delete_vpc

        delete_vpc(aws, thing.id)


@operation("aws.vpc-dns")
class VpcDns(AwsOperation):
    """Name resolution and host names in the VPC: two attributes, each a call that may be repeated."""

    repeatable = True

    def probe(self, context: Context) -> Probe:
        vpc, aws = context.result("aws/vpc")["id"], context.connections.aws
        with aws_errors(self.step.title):
            off = [
                name
                for name, attribute in (
                    ("EnableDnsSupport", "enableDnsSupport"),
                    ("EnableDnsHostnames", "enableDnsHostnames"),
                )
                if not aws.call("ec2", "describe_vpc_attribute", VpcId=vpc, Attribute=attribute)[name][
                    "Value"
                ]
            ]
        return Absent(f"{', '.join(off)} is off") if off else Found({"vpc": vpc})

    def make(self, context: Context, aws: AwsSession) -> Result:
        from meshlab.live.aws.network import enable_vpc_dns

        vpc = context.result("aws/vpc")["id"]
        enable_vpc_dns(aws, vpc)
        return {"vpc": vpc}


@operation("aws.subnet")
class Subnet(AwsOperation):
    """A subnet in one zone, whose machines get public addresses (they must take part in the mesh)."""

    kind = "subnet"

    def describe(self, thing: Any) -> Result:
        return {"id": thing.id, "zone": thing.zone, "cidr": thing.cidr}

    def differences(self, thing: Any, context: Context) -> Iterator[str]:
        if (thing.cidr, thing.zone) != (self.settings["cidr"], self.settings["zone"]):
            raise StepFailed(
                f"the subnet {thing.id} is {thing.cidr} in {thing.zone}, the spec says {self.settings['cidr']} in"
                f" {self.settings['zone']}; neither can be changed",
                "needs-you",
            )
        if thing.public != bool(self.settings["public"]):
            yield "machines get public addresses: " + ("yes" if thing.public else "no")

    def make(self, context: Context, aws: AwsSession) -> Result:
        from meshlab.live.aws.network import create_subnet, set_public_addresses

        thing = self.find(context)
        if thing is None:
            vpc = context.result("aws/vpc")["id"]
            zone, cidr = str(self.settings["zone"]), str(self.settings["cidr"])
            thing = create_subnet(aws, vpc, zone, cidr, self.tags(context))
        set_public_addresses(aws, thing.id, bool(self.settings["public"]))
        return self.describe(thing)

    def remove(self, thing: Any, aws: AwsSession, context: Context) -> None:
        from meshlab.live.aws.network import delete_subnet

        delete_subnet(aws, thing.id)


@operation("aws.gateway")
class InternetGateway(AwsOperation):
    """The way out; made and attached. The tag finds a lost one, and a VPC takes only one."""

    kind = "internet-gateway"

    def differences(self, thing: Any, context: Context) -> Iterator[str]:
        vpc = context.known("aws/vpc", "id")
        if vpc and thing.vpc != vpc:
            yield f"it is attached to {thing.vpc or 'nothing'}"

    def make(self, context: Context, aws: AwsSession) -> Result:
        from meshlab.live.aws.network import attach_internet_gateway, create_internet_gateway

        thing = self.find(context) or create_internet_gateway(aws, self.tags(context))
        if not thing.vpc:
            attach_internet_gateway(aws, thing.id, context.result("aws/vpc")["id"])
        return self.describe(thing)

    def remove(self, thing: Any, aws: AwsSession, context: Context) -> None:
        from meshlab.live.aws.network import delete_internet_gateway, detach_internet_gateway

        if thing.vpc:
            _gone(lambda: detach_internet_gateway(aws, thing.id, thing.vpc))
        delete_internet_gateway(aws, thing.id)


@operation("aws.route-table")
class RouteTable(AwsOperation):
    """A route table of our own, with the default route to the gateway and every subnet in it."""

    kind = "route-table"
    repeatable = True

    def differences(self, thing: Any, context: Context) -> Iterator[str]:
        if ("0.0.0.0/0", context.known("aws/gateway", "id")) not in thing.routes:
            yield "there is no default route to our gateway"
        missing = self._subnets(context) - {subnet for _, subnet in thing.associations}
        if missing:
            yield f"{len(missing)} subnets do not use it"

    def _subnets(self, context: Context) -> set[str]:
        return {context.known(step, "id") for step in self.settings["subnets"]} - {None}

    def make(self, context: Context, aws: AwsSession) -> Result:
        from meshlab.live.aws.network import associate_route_table, create_route, create_route_table

        thing = self.find(context)
        if thing is None:
            vpc = context.result("aws/vpc")["id"]
            thing = create_route_table(aws, vpc, self.tags(context), token=context.token)
        if "0.0.0.0/0" not in {destination for destination, _ in thing.routes}:
            create_route(aws, thing.id, "0.0.0.0/0", context.result("aws/gateway")["id"])
        for subnet in sorted(self._subnets(context) - {subnet for _, subnet in thing.associations}):
            associate_route_table(aws, thing.id, subnet)
        return self.describe(thing)

    def remove(self, thing: Any, aws: AwsSession, context: Context) -> None:
        from meshlab.live.aws.network import delete_route_table, disassociate_route_table

        for association, _ in thing.associations:
            _gone(lambda association=association: disassociate_route_table(aws, association))
        delete_route_table(aws, thing.id)


@operation("aws.security-group")
class SecurityGroup(AwsOperation):
    """The control plane's security group, with exactly the rules of the spec."""

    kind = "security-group"

    def rules(self) -> tuple[GroupRule, ...]:
        from meshlab.live.aws.objects import GroupRule

        return tuple(
            GroupRule(r["protocol"], r["first"], r["last"], tuple(r["peers"]), r["why"])
            for r in self.settings["rules"]
        )

    def differences(self, thing: Any, context: Context) -> Iterator[str]:
        wanted, there = single_rules(self.rules()), single_rules(thing.ingress)
        yield from (f"it does not let in {_rule(rule)}" for rule in sorted(wanted - there))
        yield from (f"it lets in {_rule(rule)}, which the spec does not" for rule in sorted(there - wanted))

    def make(self, context: Context, aws: AwsSession) -> Result:
        from meshlab.live.aws.network import authorize, create_security_group, revoke
        from meshlab.live.aws.objects import GroupRule

        thing = self.find(context)
        there = single_rules(thing.ingress) if thing else set()
        tags = self.tags(context)
        if thing is None:
            vpc = context.result("aws/vpc")["id"]
            group = create_security_group(aws, vpc, tags["Name"], str(self.settings["description"]), tags)
        else:
            group = thing.id
        wanted = single_rules(self.rules())
        for rule in self.rules():
            peers = tuple(
                p for p in rule.peers if (rule.protocol, rule.first_port, rule.last_port, p) not in there
            )
            if peers:
                authorize(
                    aws, group, GroupRule(rule.protocol, rule.first_port, rule.last_port, peers, rule.why)
                )
        for protocol, first, last, peer in sorted(there - wanted):
            revoke(aws, group, GroupRule(protocol, first, last, (peer,)))
        return {"id": group}

    def remove(self, thing: Any, aws: AwsSession, context: Context) -> None:
        from meshlab.live.aws.network import delete_security_group

        delete_security_group(aws, thing.id)


def single_rules(rules: tuple[GroupRule, ...]) -> set[tuple[str, int, int, str]]:
    """Gives rules as (protocol, first port, last port, peer), one for each peer, so that sets can be compared."""
    return {(r.protocol, r.first_port, r.last_port, peer) for r in rules for peer in r.peers}


def _rule(rule: tuple[str, int, int, str]) -> str:
    protocol, first, last, peer = rule
    ports = str(first) if first == last else f"{first}-{last}"
    return f"{protocol} {ports} from {peer}"


@operation("aws.launch-template")
class LaunchTemplate(AwsOperation):
    """What the three machines have in common: image, type, encrypted disk, metadata service with one hop."""

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


@operation("aws.instance")
class Instance(AwsOperation):
    """One machine, by one RunInstances call with its own token: no group may ever replace it by itself."""

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


@operation("aws.running")
class InstancesRunning(Waiting):
    """Every instance runs, and says where."""

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


@operation("aws.nothing-left")
class NothingLeft(Waiting):
    """The proof of a destroy, by two reads that do not depend on each other (facts: live-bringup 1.10)."""

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
