"""What is proven of the machines, etcd and the mesh on the running cluster, claim by claim."""

from __future__ import annotations

from collections.abc import Iterator

from meshlab.provision.systems.context import Context
from meshlab.provision.systems.interface import Claim, Subject
from meshlab.provision.systems.talos.calls import LOOK_S, answers, etcd_members, peers_up, talos_errors


def etcd_quorum(context: Context, subject: Subject) -> Iterator[Claim]:
    """etcd has one voter in each zone, and a leader."""
    places = {m["name"]: m["place"] for m in subject.masters}
    members = etcd_members(context, subject.masters[0]["address"])
    voters = sorted(m.hostname for m in members if not m.is_learner)
    where = sorted({places.get(name, "?") for name in voters})
    yield Claim(
        f"etcd has {len(places)} voters, one per zone",
        f"voters {', '.join(voters)} in {', '.join(where)}",
        voters == sorted(places) and len(where) == len(set(places.values())) and len(where) == len(voters),
    )
    leaders = set()
    for master in subject.masters:
        with (
            talos_errors("etcd status"),
            context.connections.talos(master["address"], timeout_s=LOOK_S) as client,
        ):
            leaders.add(int(client.etcd_status().leader))
    yield Claim(
        "all etcd members follow one leader",
        f"leaders named: {len(leaders)}",
        len(leaders) == 1 and 0 not in leaders,
    )


def talos_api(context: Context, subject: Subject) -> Iterator[Claim]:
    """The Talos API answers only to our certificate."""
    open_to_all = [m["name"] for m in subject.machines if answers(context, m["address"], maintenance=True)]
    known = [m["name"] for m in subject.machines if answers(context, m["address"], maintenance=False)]
    yield Claim(
        "the Talos API answers with our certificate, and not without one",
        f"{len(known)} of {len(subject.machines)} answer with it, {len(open_to_all)} without",
        not open_to_all and len(known) == len(subject.machines),
    )


def mesh(context: Context, subject: Subject) -> Iterator[Claim]:
    """The KubeSpan mesh is full."""
    wanted = len(subject.machines) - 1
    up = {m["name"]: peers_up(context, m["address"])[0] for m in subject.machines}
    yield Claim(
        f"the KubeSpan mesh is full: {wanted} peers up on each of {len(up)} machines",
        ", ".join(f"{name} {count}" for name, count in up.items()),
        all(count == wanted for count in up.values()),
    )


CLAIMS = (
    etcd_quorum,
    talos_api,
    mesh,
)
