"""What is proven of AWS on the running cluster, claim by claim."""

from __future__ import annotations

from collections.abc import Iterator

from meshlab.provision.systems.aws.calls import TAG, aws_errors
from meshlab.provision.systems.aws.network import single_rules
from meshlab.provision.systems.context import Context
from meshlab.provision.systems.interface import Claim, Subject

_ANYWHERE = {"0.0.0.0/0", "::/0"}


def not_public(context: Context, subject: Subject) -> Iterator[Claim]:
    """6443 and 50000 are not open to the world, UDP 51820 is."""
    from meshlab.live.aws.sweep import find_by_tag

    if not subject.parts["aws"]:
        return
    with aws_errors("reading the security group"):
        groups = find_by_tag(context.connections.aws, "security-group", {TAG: context.cluster})
    rules = {rule for group in groups for rule in single_rules(group.ingress)}
    public = {(p, first, last) for p, first, last, peer in rules if peer in _ANYWHERE}
    wide = [
        port for port in (6443, 50000) if any(p in ("tcp", "-1") and a <= port <= b for p, a, b in public)
    ]
    yield Claim(
        "neither the Kubernetes API (6443) nor the Talos API (50000) is open to the world",
        f"open to the world: {', '.join(f'{p} {a}' for p, a, _ in sorted(public)) or 'nothing'}",
        bool(groups) and not wide,
    )
    mesh = [r for r in rules if r[0] == "udp" and r[1] <= 51820 <= r[2]]
    yield Claim("UDP 51820 is open for KubeSpan", f"{len(mesh)} UDP rules let it in", bool(mesh))


def instances(context: Context, subject: Subject) -> Iterator[Claim]:
    """Masters are instances of their own, one per zone, with encrypted disks."""
    from meshlab.live.aws.sweep import find_by_tag

    if not subject.parts["aws"]:
        return
    aws, tags = context.connections.aws, {TAG: context.cluster}
    with aws_errors("reading the instances"):
        found = find_by_tag(aws, "instance", tags)
        volumes = find_by_tag(aws, "volume", tags)
    grouped = [i.id for i in found if any(key.startswith("aws:autoscaling") for key in i.tags)]
    zones = {i.zone for i in found}
    yield Claim(
        "no Auto Scaling group holds an etcd voter, and each is in a zone of its own",
        f"{len(found)} instances in {len(zones)} zones, {len(grouped)} in a group",
        len(found) == len(zones) == len(subject.parts["aws"]) and not grouped,
    )
    clear = [v["VolumeId"] for v in volumes if not v.get("Encrypted")]
    yield Claim(
        "every disk of a master is encrypted",
        f"{len(volumes)} volumes, {len(clear)} in clear",
        len(volumes) >= len(subject.parts["aws"]) and not clear,
    )


CLAIMS = (
    not_public,
    instances,
)
