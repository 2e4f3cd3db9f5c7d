"""The network of the cluster on AWS, one effect per operation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from meshlab.provision.systems.context import Context
from meshlab.provision.systems.outcome import Absent, Found, Probe, Result, StepFailed

if TYPE_CHECKING:
    from meshlab.live.aws.objects import GroupRule
    from meshlab.live.aws.session import AwsSession
from meshlab.provision.systems.aws.calls import AwsOperation, aws_errors, gone


class Vpc(AwsOperation):
    """The network of the control plane. CreateVpc has neither token nor natural key: the tag is all there is."""

    name = "aws.vpc"
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


class VpcDns(AwsOperation):
    """Name resolution and host names in the VPC: two attributes, each a call that may be repeated."""

    name = "aws.vpc-dns"
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


class Subnet(AwsOperation):
    """A subnet in one zone, whose machines get public addresses (they must take part in the mesh)."""

    name = "aws.subnet"
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


class InternetGateway(AwsOperation):
    """The way out; made and attached. The tag finds a lost one, and a VPC takes only one."""

    name = "aws.gateway"
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
            gone(lambda: detach_internet_gateway(aws, thing.id, thing.vpc))
        delete_internet_gateway(aws, thing.id)


class RouteTable(AwsOperation):
    """A route table of our own, with the default route to the gateway and every subnet in it."""

    name = "aws.route-table"
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
            gone(lambda association=association: disassociate_route_table(aws, association))
        delete_route_table(aws, thing.id)


class SecurityGroup(AwsOperation):
    """The control plane's security group, with exactly the rules of the spec."""

    name = "aws.security-group"
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


OPERATIONS = (
    Vpc,
    VpcDns,
    Subnet,
    InternetGateway,
    RouteTable,
    SecurityGroup,
)
