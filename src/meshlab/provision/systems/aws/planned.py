"""AWS' part of the plans: network, firewall, launch template and three instances; their removal and its proof."""

from __future__ import annotations

from dataclasses import replace

from meshlab.model import Machine, State, Zone
from meshlab.planning.tables import prices
from meshlab.provision.plan.draft import MIB, CannotPlan, Draft
from meshlab.provision.plan.durations import Takes
from meshlab.provision.plan.step import Cost, Effect, Step
from meshlab.provision.systems.aws.firewall import security_rules

CALL = Takes(1.5, 0.5, 0.2)
INSTANCES = Takes(25.0, 0.4, 1.0)
TERMINATE = Takes(45.0, 0.4, 1.0)

_NOT_A_GROUP = (
    "One RunInstances call of its own, not an Auto Scaling group: a group replaces by terminating first, may end a"
    " healthy voter to balance zones, gives no fixed address, and knows nothing of etcd's quorum."
)


def aws_steps(draft: Draft) -> None:
    """Adds the steps from an empty account to running machines; nothing where no machine is on AWS."""
    if not draft.cloud:
        return
    topology, machines = draft.topology, draft.cloud
    _check(machines)
    site = next(s for s in topology.sites if s.name == machines[0].site)
    zones = [z for z in topology.of(Zone) if any(m.zone == z.name for m in machines)]
    kind = machines[0].instance_type
    preflight = draft.add(
        "aws/preflight",
        "aws.preflight",
        "Look at the account",
        "Zones, image, instance type and quota are checked before anything is made, so that nothing is left half done.",
        CALL,
        settings={
            "zones": [z.name for z in zones],
            "instance_type": kind,
            "talos": topology.versions.talos,
            "cores": sum(m.cores for m in machines),
        },
    )
    vpc = draft.add(
        "aws/vpc",
        "aws.vpc",
        f"Make the VPC {site.network}",
        "A network of our own for the control plane, which overlaps neither pods nor services.",
        CALL,
        preflight,
        settings={"part": "vpc", "cidr": site.network},
        natural_key="tag meshlab:part=vpc",
    )
    draft.add(
        "aws/vpc-dns",
        "aws.vpc-dns",
        "Turn name resolution on in the VPC",
        "Talos resolves registries and time servers by name; one attribute per call is all AWS takes.",
        CALL,
        vpc,
        settings={"part": "vpc"},
    )
    subnets = [
        draft.add(
            f"aws/subnet-{zone.name}",
            "aws.subnet",
            f"Make the subnet {zone.subnet} in {zone.name}",
            "One zone, one subnet, one voter: a zone that fails takes one vote with it and not more.",
            CALL,
            vpc,
            settings={
                "part": f"subnet-{zone.name}",
                "zone": zone.name,
                "cidr": zone.subnet,
                "public": any(m.public_address for m in machines if m.zone == zone.name),
            },
            natural_key=f"tag meshlab:part=subnet-{zone.name}; VPC and {zone.subnet}",
        )
        for zone in zones
    ]
    gateway = draft.add(
        "aws/gateway",
        "aws.gateway",
        "Make the internet gateway and attach it",
        "Without a NAT in between, the WireGuard port of each master can be reached: a NAT would hide it.",
        CALL,
        vpc,
        settings={"part": "gateway"},
        natural_key="tag meshlab:part=gateway; one per VPC",
    )
    routes = draft.add(
        "aws/routes",
        "aws.route-table",
        "Make the route table: default route to the gateway",
        "Subnets use it instead of the VPC's main table, so that nothing later changes them unseen.",
        CALL,
        gateway,
        *subnets,
        settings={"part": "routes", "subnets": subnets},
        natural_key="client token; tag meshlab:part=routes",
    )
    group = draft.add(
        "aws/security-group",
        "aws.security-group",
        "Make the security group",
        "UDP 51820 is open for KubeSpan (UDP: the vendor's guide says TCP by mistake); 6443 and 50000 are open to our"
        " own machines and the operators' ranges only, never to the world.",
        CALL,
        vpc,
        settings={
            "part": "control-plane",
            "description": f"control plane of {topology.name}",
            "rules": security_rules(draft),
        },
        natural_key="VPC and name; tag meshlab:part=control-plane",
    )
    system = next((d for d in machines[0].disks if d.system), None)
    template = draft.add(
        "aws/launch-template",
        "aws.launch-template",
        "Make the launch template",
        "Image pinned by its full name, encrypted gp3 disk, metadata service with tokens and one hop (pods cannot reach"
        " it), protected against termination.",
        CALL,
        group,
        preflight,
        settings={
            "part": "template",
            "instance_type": kind,
            "volume_gib": int((system.size if system else 50 * 2**30) / MIB / 1024) or 50,
        },
        natural_key="client token; its name",
    )
    instances = [
        draft.add(
            f"aws/{m.name}",
            "aws.instance",
            f"Launch {m.name} in {m.zone}",
            _NOT_A_GROUP,
            CALL,
            template,
            routes,
            f"aws/subnet-{m.zone}",
            settings={
                "part": m.name,
                "machine": m.name,
                "subnet": f"aws/subnet-{m.zone}",
                "address": m.address,
            },
            natural_key=f"client token; tag meshlab:part={m.name}",
            effects=(Effect(m.name, after=State.BOOTING),),
            cost=_cost(kind, m.public_address, system.size if system else 0.0),
        )
        for m in machines
    ]
    draft.add(
        "aws/running",
        "aws.running",
        "Wait for the instances",
        "A launch can still fail after it was accepted (capacity, disk key); then the reason is read, not guessed.",
        INSTANCES,
        *instances,
        settings={"instances": instances},
    )


def _check(machines: tuple[Machine, ...]) -> None:
    kinds = {m.instance_type for m in machines}
    if len(kinds) != 1 or not all(kinds):
        raise CannotPlan(f"the EC2 machines need one instance type, the spec names: {sorted(kinds)}")
    lost = [m.name for m in machines if not m.zone]
    if lost:
        raise CannotPlan(f"{', '.join(lost)}: no zone in the spec")


def aws_removal(draft: Draft) -> None:
    """Adds the steps that take everything on AWS away, in the order in which AWS lets go."""
    made = Draft(draft.topology, draft.target)
    aws_steps(made)
    by_id = {step.id: step for step in made.steps}
    before = [step.id for step in draft.steps]
    instances = [f"aws/{m.name}" for m in draft.cloud]
    subnets = [step for step in by_id if step.startswith("aws/subnet-")]
    last = [_remove(draft, by_id[i], TERMINATE, *before) for i in instances]
    for group in (
        ["aws/launch-template"],
        ["aws/security-group"],
        ["aws/routes"],
        ["aws/gateway"],
        subnets,
        ["aws/vpc"],
    ):
        last = [_remove(draft, by_id[i], CALL, *last) for i in group if i in by_id]


def aws_gone(draft: Draft) -> None:
    """Adds the proof that nothing is left."""
    if not draft.cloud:
        return
    draft.add(
        "verify/nothing-left",
        "aws.nothing-left",
        "Prove that nothing is left",
        "Two reads that do not depend on each other: everything with our tag, and network interfaces in our VPC.",
        CALL,
        *draft.ends,
        system="verify",
        intent="check",
    )


def _remove(draft: Draft, step: Step, takes: Takes, *needs: str) -> str:
    effects = tuple(Effect(e.component, after=State.DOWN) for e in step.effects)
    draft.add(
        f"remove/{step.id}",
        step.operation,
        f"Remove: {step.title[0].lower()}{step.title[1:]}",
        "Taken away in the order in which AWS lets go of things.",
        takes,
        *needs,
        system="aws",
        intent="remove",
        settings=step.settings,
        natural_key=step.natural_key,
        effects=effects,
        cost=replace(step.cost),
    )
    return f"remove/{step.id}"


def _cost(kind: str, public: bool, disk: float) -> Cost:
    table = prices()
    if kind not in table:
        return Cost(source=f"no price for {kind}: add it to data/prices.csv")
    hourly = table[kind].mid + (table["public-ipv4"].mid if public else 0.0)
    return Cost(hourly, table["gp3"].mid * disk / 2**30, table[kind].source)
