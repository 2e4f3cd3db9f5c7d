"""What a drawing means: which frame is a site, which a group, which box a machine, and what runs on it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from meshlab.model.errors import Problem
from meshlab.model.exchange.mermaid import Flowchart, Node, Subgraph

_REGION = re.compile(r"\b([a-z]{2}(?:-[a-z]+){1,2}-\d)([a-f])?\b")
_ZONE_LETTER = re.compile(r"\bAZ[- ]?([a-f])\b", re.IGNORECASE)
_OVERLAY = re.compile(r"kubespan|wireguard|overlay", re.IGNORECASE)
_GROUP = re.compile(
    r"\bASG\b|auto ?scaling|\bpool\b|control[- ]?plane|\bmasters?\b|\bworkers?\b|node ?group", re.I
)
_CLOUD = re.compile(r"\baws\b|amazon|\bec2\b|\bcloud\b|\bvpc\b", re.IGNORECASE)
_DATACENTRE = re.compile(
    r"bare[- ]?metal|data[ -]?cent(?:re|er)|\bdc\b|\bdc-?\d|on-?prem|\bcolo|\brack\b", re.I
)
_MACHINE = re.compile(
    r"\b(master|control[-_ ]?plane|controlplane|cp|server|worker|node|agent|bare-?metal|bm)[-_ ]?(\d+|[a-f])\b",
    re.IGNORECASE,
)
_MASTERS = ("master", "controlplane", "cp", "server")
_CHAINS = {
    "solana": re.compile(r"solana|agave", re.IGNORECASE),
    "ethereum": re.compile(r"ethereum|\bgeth\b", re.IGNORECASE),
    "tron": re.compile(r"\b(?:java-)?tron\b", re.IGNORECASE),
}
_ENDPOINT = re.compile(r"(?:https://)?([\w-]+(?:\.[\w-]+)*\.siderolabs\.(?:io|com))")


@dataclass(frozen=True)
class DrawnMachine:
    """A box that is a machine; `chains` in the order of the drawing."""

    name: str
    role: Literal["control-plane", "worker"]
    site: str
    zone: str
    group: str
    chains: tuple[str, ...]
    vault: bool
    etcd: bool
    line: int


@dataclass(frozen=True)
class DrawnSite:
    """A frame that is a site, or the site that boxes without one must be in (line 0)."""

    name: str
    cloud: bool
    line: int


@dataclass
class Meaning:
    """All that a drawing says, with the places where it said it; `names` maps its ids to component names."""

    sites: dict[str, DrawnSite] = field(default_factory=dict)
    groups: dict[str, tuple[str, bool, int]] = field(default_factory=dict)
    machines: list[DrawnMachine] = field(default_factory=list)
    orchestrator: Node | None = None
    orchestrator_endpoint: str = ""
    saas: bool = True
    overlay: bool = False
    overlay_text: str = ""
    discovery: bool = False
    names: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def understand(chart: Flowchart, file: str) -> Meaning:
    """Gives the meaning of a flowchart; what has none is in its `problems`, each with its line."""
    return _Reading(chart, file).run()


class _Reading:
    def __init__(self, chart: Flowchart, file: str) -> None:
        self.chart = chart
        self.file = file
        self.frames = {sub.id: sub for sub in chart.subgraphs}
        self.found = Meaning()

    def run(self) -> Meaning:
        holders = self._holders()
        for sub in self.chart.subgraphs:
            self._frame(sub, sub.id in holders)
        for node in self.chart.nodes:
            self._box(node)
        self._name_groups()
        return self.found

    def _problem(self, line: int, message: str, hint: str = "") -> None:
        self.found.problems.append(Problem(self.file, line, 0, message, hint))

    def _holders(self) -> set[str]:
        """The frames that have a machine in them, at any depth."""
        holders: set[str] = set()
        for node in self.chart.nodes:
            if _machine_name(node):
                holders |= {frame.id for frame in self._around(node)}
        return holders

    def _around(self, part: Node | Subgraph) -> list[Subgraph]:
        """The frames around a part, innermost first."""
        frames, parent = [], part.parent
        while parent and parent in self.frames:
            frames.append(self.frames[parent])
            parent = self.frames[parent].parent
        return frames

    def _frame(self, sub: Subgraph, holds_machines: bool) -> None:
        text = f"{sub.label} {sub.id}"
        if _OVERLAY.search(text):
            self.found.overlay = True
            self.found.overlay_text += f" {sub.label}"
            self.found.names[sub.id] = "kubespan"
        elif not holds_machines:
            self._problem(
                sub.line,
                f"subgraph {sub.id!r} has no machine in it",
                "name machines like master-1 or worker-1",
            )
        elif _is_zone(sub):
            pass
        elif (self._is_group(sub) or self._site_above(sub)) and not self._is_site_only(sub):
            technology = bool(re.search(r"\bASG\b|auto ?scaling", sub.label, re.IGNORECASE))
            self.found.groups[sub.id] = (sub.label, technology, sub.line)
        else:
            self._site(sub)

    def _is_site_only(self, sub: Subgraph) -> bool:
        """A frame whose name is of a site, with nothing of a group about it."""
        text = f"{sub.label} {sub.id}"
        return bool(_CLOUD.search(text) or _DATACENTRE.search(text)) and not _GROUP.search(text)

    def _is_group(self, sub: Subgraph) -> bool:
        return bool(_GROUP.search(f"{sub.label} {sub.id}"))

    def _site_above(self, sub: Subgraph) -> bool:
        return any(frame.id in self.found.sites for frame in self._around(sub))

    def _site(self, sub: Subgraph) -> None:
        text = f"{sub.label} {sub.id}"
        region = _REGION.search(text)
        cloud = bool(region or (_CLOUD.search(text) and not _DATACENTRE.search(text)))
        first = sub.label.split()[0] if sub.label.split() else ""
        if region:
            name = region[1]
        elif cloud:
            name = "us-east-1"
        elif re.fullmatch(r"[a-z][a-z0-9.-]*\d", first):
            name = first
        else:
            name = f"dc-{1 + sum(not site.cloud for site in self.found.sites.values())}"
        taken = {site.name for site in self.found.sites.values()}
        if name in taken:
            self._problem(
                sub.line, f"two subgraphs are the site {name!r}", "give each its own region or name"
            )
        self.found.sites[sub.id] = DrawnSite(name, cloud, sub.line)
        self.found.names[sub.id] = name

    def _box(self, node: Node) -> None:
        name = _machine_name(node)
        text = f"{node.label} {node.id}"
        if re.search(r"\bomni\b", text, re.IGNORECASE):
            endpoint = _ENDPOINT.search(node.label)
            self.found.orchestrator = node
            self.found.orchestrator_endpoint = f"https://{endpoint[1]}" if endpoint else ""
            self.found.saas = not re.search(r"self[- ]?host", node.label, re.IGNORECASE)
            self.found.names[node.id] = "omni"
        elif name:
            self._machine(node, name)
        elif re.search(r"discovery", text, re.IGNORECASE):
            self.found.discovery = True
            self.found.names[node.id] = "discovery"
        elif _OVERLAY.search(text):
            self.found.overlay = True
            self.found.overlay_text += f" {node.label}"
            self.found.names[node.id] = "kubespan"
        else:
            first = node.label.split("\n")[0]
            self._problem(
                node.line,
                f"it is not plain what {node.id[:60]!r} ({first[:60]}) is",
                "machines are named like master-1 or worker-1; else Omni, KubeSpan and a discovery service are known",
            )

    def _machine(self, node: Node, name: str) -> None:
        frames = self._around(node)
        role = _role(node, name, frames)
        site = next((self.found.sites[f.id].name for f in frames if f.id in self.found.sites), "")
        group = next((f.id for f in frames if f.id in self.found.groups), "")
        letter, region = _zone_of(node, frames)
        if not site:
            cloud = bool(letter or _CLOUD.search(node.label) or (role == "control-plane" and region))
            site = region or ("us-east-1" if cloud else "dc-1")
            self.found.sites.setdefault(f"?{site}", DrawnSite(site, cloud, 0))
        cloud_site = next(s for s in self.found.sites.values() if s.name == site)
        runs = node.label.split("\n", 1)[1] if "\n" in node.label else node.label
        if any(machine.name == name for machine in self.found.machines):
            self._problem(node.line, f"two boxes are the machine {name!r}", "rename one of them")
            return
        self.found.names[node.id] = name
        self.found.machines.append(
            DrawnMachine(
                name=name,
                role=role,
                site=site,
                zone=f"{site}{letter}" if letter and cloud_site.cloud else "",
                group=group,
                chains=tuple(chain for chain, pattern in _CHAINS.items() if pattern.search(runs)),
                vault=bool(re.search(r"\bvault\b|openbao", runs, re.IGNORECASE)),
                etcd=bool(re.search(r"\betcd\b", runs, re.IGNORECASE)),
                line=node.line,
            )
        )

    def _name_groups(self) -> None:
        """Groups are called by what is in them, else by their label."""
        for id_, (label, _, _) in self.found.groups.items():
            roles = {machine.role for machine in self.found.machines if machine.group == id_}
            plain = (
                {"control-plane": "control-plane", "worker": "workers"}.get(*roles)
                if len(roles) == 1
                else None
            )
            slug = re.sub(r"[^a-z0-9]+", "-", label.split("(")[0].lower()).strip("-") or id_
            taken = set(self.found.names.values())
            wanted = next((n for n in (plain, slug, f"{slug}-{id_}") if n and n not in taken), f"group-{id_}")
            self.found.names[id_] = wanted


def _machine_name(node: Node) -> str:
    if re.search(r"\bomni\b", node.label, re.IGNORECASE):
        return ""
    for text in (node.label.split("\n")[0], node.id):
        match = _MACHINE.search(text)
        if match:
            stem = re.sub(r"[-_ ]", "", match[1].lower())
            return f"{'control-plane' if stem == 'controlplane' else match[1].lower()}-{match[2].lower()}"
    return ""


def _role(node: Node, name: str, frames: list[Subgraph]) -> Literal["control-plane", "worker"]:
    stem = name.rsplit("-", 1)[0].replace("-", "")
    if stem in _MASTERS:
        return "control-plane"
    around = " ".join(f"{frame.label} {frame.id}" for frame in frames)
    if stem == "node" and re.search(r"control[- ]?plane|master", f"{around} {node.label}", re.IGNORECASE):
        return "control-plane"
    return "worker"


def _is_zone(sub: Subgraph) -> bool:
    region = _REGION.search(sub.label)
    return bool(_ZONE_LETTER.search(sub.label) or (region and region[2]))


def _zone_of(node: Node, frames: list[Subgraph]) -> tuple[str, str]:
    """The zone's letter and the region, from the box or the frames around it."""
    letter = region = ""
    for text in (node.label, *(frame.label for frame in frames)):
        found, plain = _REGION.search(text), _ZONE_LETTER.search(text)
        letter = letter or (plain[1].lower() if plain else "") or (found[2] or "" if found else "")
        region = region or (found[1] if found else "")
    return letter, region
