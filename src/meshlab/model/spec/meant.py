"""Values of a right shape that nothing real can have: ranges without room, addresses kept by AWS, sizes of zero."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from meshlab.model.spec.found import Found
from meshlab.model.spec.places import Path
from meshlab.model.spec.schema import Part, Spec

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_VERSION = re.compile(r"v?\d{1,4}\.\d{1,4}\.\d{1,4}(?:[-+][0-9A-Za-z.-]{1,40})?")
_REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-\d{1,2}")
_SCHEMES = ("https", "http", "grpc")
# kube-controller-manager gives each node a /24 of the pods (a /64 of IPv6) and refuses more than 2^16 nodes;
# kube-apiserver refuses services of fewer than 8 or more than 2^20 addresses.
_NODE = {4: 24, 6: 64}
_MOST_NODES_BITS = 16
_FEWEST_SERVICES_BITS = 3
_MOST_SERVICES_BITS = 20
# AWS keeps the first four addresses of a subnet and the last (VPC user guide, "Subnet sizing").
_KEPT_BY_AWS = 4


def cluster_networks_are_apart(spec: Spec) -> Iterator[Found]:
    """Pods and services have ranges of their own, of one family of addresses, which the machines have too."""
    pods, services = (ipaddress.ip_network(text) for text in (spec.networks.pods, spec.networks.services))
    rests: tuple[Path, ...] = (("networks", "pods"), ("networks", "services"))
    if pods.version != services.version:
        yield Found(
            ("networks", "services"),
            f"services have IPv{services.version} addresses and pods IPv{pods.version}",
            "one stack is read: give both the same family",
            rests,
        )
    elif pods.overlaps(services):
        yield Found(
            ("networks", "services"),
            f"the services network {services} overlaps the pods network {pods}",
            "choose another range",
            rests,
        )
    given = [(i, m) for i, m in enumerate(spec.machines) if m.address]
    if given and all(ipaddress.ip_address(m.address).version != pods.version for _, m in given):
        first = given[0][1]
        yield Found(
            ("networks", "pods"),
            f"pods have IPv{pods.version} addresses, {first.name} has {first.address}",
            "give both the same family",
            tuple(("machines", i, "address") for i, _ in given),
        )


def cluster_networks_have_room(spec: Spec) -> Iterator[Found]:
    """Each node takes a range of the pods network, each service an address."""
    pods, services = (ipaddress.ip_network(text) for text in (spec.networks.pods, spec.networks.services))
    bits = _NODE[pods.version] - pods.prefixlen
    if bits < 0:
        yield Found(
            ("networks", "pods"),
            f"the pods network {pods} has no /{_NODE[pods.version]} for even one machine",
            "Kubernetes gives each node one: take a wider range, 10.244.0.0/16",
        )
    elif bits > _MOST_NODES_BITS:
        yield Found(
            ("networks", "pods"),
            f"the pods network {pods} is wider than Kubernetes takes",
            f"/{_NODE[pods.version] - _MOST_NODES_BITS} at most",
        )
    bits = services.max_prefixlen - services.prefixlen
    if not _FEWEST_SERVICES_BITS <= bits <= _MOST_SERVICES_BITS:
        narrow, wide = (services.max_prefixlen - n for n in (_FEWEST_SERVICES_BITS, _MOST_SERVICES_BITS))
        yield Found(
            ("networks", "services"),
            f"the services network {services} is not between /{wide} and /{narrow}",
            "kube-apiserver will not start",
        )


def zones_are_apart(spec: Spec) -> Iterator[Found]:
    """Two zones are two places: neither share an id nor addresses."""
    for i, site in enumerate(spec.sites):
        ids: dict[str, str] = {}
        for j, zone in enumerate(site.zones):
            path: Path = ("sites", i, "zones", j)
            if zone.zone_id and zone.zone_id in ids:
                other = ids[zone.zone_id]
                yield Found(
                    (*path, "zone-id"), f"{zone.name} has the zone-id of {other}", "they are one place"
                )
            ids.setdefault(zone.zone_id, zone.name)
            for k, before in enumerate(site.zones[:j]):
                if zone.subnet and before.subnet and _overlap(zone.subnet, before.subnet):
                    yield Found(
                        (*path, "subnet"),
                        f"{zone.subnet} of {zone.name} overlaps {before.subnet} of {before.name}",
                        "give each zone a range of its own",
                        (("sites", i, "zones", k, "subnet"),),
                    )
                    break
        for h, other_site in enumerate(spec.sites[:i]):
            if site.network and other_site.network and _overlap(site.network, other_site.network):
                yield Found(
                    ("sites", i, "network"),
                    f"{site.network} of {site.name} overlaps {other_site.network} of {other_site.name}",
                    "give each site a range of its own",
                    (("sites", h, "network"),),
                )


def addresses_can_be_given(spec: Spec) -> Iterator[Found]:
    """The first and last address of a range are nobody's; AWS keeps four more of each subnet."""
    place = {zone.name: (site, zone.subnet) for site in spec.sites for zone in site.zones}
    place |= {site.name: (site, site.network) for site in spec.sites}
    for i, machine in enumerate(spec.machines):
        site, subnet = place.get(machine.zone or machine.site or "", (None, ""))
        if not machine.address or not subnet or site is None:
            continue
        address, network = ipaddress.ip_address(machine.address), ipaddress.ip_network(subnet)
        if address not in network or network.max_prefixlen - network.prefixlen < 2:
            continue
        number = int(address) - int(network.network_address)
        last = number == network.num_addresses - 1 and (address.version == 4 or site.place == "aws-region")
        kept = _KEPT_BY_AWS if site.place == "aws-region" else 1
        if number < kept or last:
            whose = "AWS keeps it" if site.place == "aws-region" else "it stands for the range itself"
            yield Found(
                ("machines", i, "address"),
                f"{machine.address} is no address for a machine: {whose}",
                f"take one from {network[kept]} on",
            )


def regions_are_regions(spec: Spec) -> Iterator[Found]:
    """An AWS region is called like us-east-1."""
    for i, site in enumerate(spec.sites):
        if site.place == "aws-region" and site.region and not _REGION.fullmatch(site.region):
            yield Found(("sites", i, "region"), f"{site.region!r} is no AWS region", "for example us-east-1")


def endpoints_are_addresses(spec: Spec) -> Iterator[Found]:
    """What clients connect to is a URL with a host."""
    given: list[tuple[Path, str]] = [(("networks", "endpoint"), spec.networks.endpoint)]
    if spec.discovery:
        given.append((("discovery", "endpoint"), spec.discovery.endpoint))
    if spec.orchestrator:
        given.append((("orchestrator", "endpoint"), spec.orchestrator.endpoint))
    for path, text in given:
        if text and not _is_address(text):
            yield Found(
                path, f"{text[:80]!r} is no address of a service", "for example https://k8s.example:6443"
            )


def versions_are_versions(spec: Spec) -> Iterator[Found]:
    """A version is three numbers: it becomes part of an image's name."""
    for key in ("talos", "kubernetes"):
        text = getattr(spec.versions, key)
        if not _VERSION.fullmatch(text):
            yield Found(("versions", key), f"{text[:60]!r} is no version", "for example v1.13.9")


def what_is_there_is_more_than_nothing(spec: Spec) -> Iterator[Found]:
    """A size that is given is a size; what is not known is left out."""
    for i, machine in enumerate(spec.machines):
        yield from _nothing(machine, ("machines", i), "cores", "memory", "network-rate")
        for j, disk in enumerate(machine.disks):
            yield from _nothing(disk, ("machines", i, "disks", j), "size", "endurance")
    for i, link in enumerate(spec.links):
        yield from _nothing(link, ("links", i), "bandwidth")
        if link.loss >= 1:
            yield Found(("links", i, "loss"), "a link that loses everything is none", "leave the link out")
    for i, workload in enumerate(spec.workloads):
        yield from _nothing(workload, ("workloads", i), "storage", "cores", "memory")


def _nothing(part: Part, path: Path, *keys: str) -> Iterator[Found]:
    for key in keys:
        field = key.replace("-", "_")
        value: Any = getattr(part, field)
        if field in part.model_fields_set and value == 0:
            yield Found((*path, key), f"{key} is zero", "leave it out where it is not known")


def _overlap(a: str, b: str) -> bool:
    first, second = ipaddress.ip_network(a), ipaddress.ip_network(b)
    return first.version == second.version and first.overlaps(second)


def _is_address(text: str) -> bool:
    try:
        url = urlsplit(text)
        return (
            url.scheme in _SCHEMES
            and bool(url.hostname)
            and url.port != 0
            and not set(text) & set(' \t\n<>"')
        )
    except ValueError:
        return False


RULES: tuple[Callable[[Spec], Iterator[Found]], ...] = (
    cluster_networks_are_apart,
    cluster_networks_have_room,
    zones_are_apart,
    addresses_can_be_given,
    regions_are_regions,
    endpoints_are_addresses,
    versions_are_versions,
    what_is_there_is_more_than_nothing,
)
