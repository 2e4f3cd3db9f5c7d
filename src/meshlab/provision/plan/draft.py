"""A plan while it is written down: its steps, and the cluster and target that all share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from meshlab.live.target import Target
from meshlab.model import Machine, MeshlabError, Topology, Workload
from meshlab.provision.plan.durations import Takes
from meshlab.provision.plan.step import Step

MIB = 2**20


class CannotPlan(MeshlabError):
    """The topology says too little, or something that must not be built; the text says which part and what to do."""


@dataclass
class Draft:
    """The steps of a plan while they are written down."""

    topology: Topology
    target: Target
    steps: list[Step] = field(default_factory=list)
    revoke_root: bool = False
    """Whether Vault's root token is revoked at the end."""

    def add(
        self, id: str, operation: str, title: str, why: str, takes: Takes, *needs: str, **more: Any
    ) -> str:
        """Adds a step and gives its id, for those that need it. Without a system, the id's first part is it."""
        system = more.pop("system", None) or id.split("/")[0]
        self.steps.append(
            Step(
                id=id,
                system=system,
                title=title,
                why=why,
                operation=operation,
                needs=tuple(dict.fromkeys(needs)),
                duration=takes.on(self.target),
                **more,
            )
        )
        return id

    @property
    def ends(self) -> list[str]:
        """The steps that no other one waits for so far."""
        needed = {need for step in self.steps for need in step.needs}
        return [step.id for step in self.steps if step.id not in needed]

    @property
    def cloud(self) -> tuple[Machine, ...]:
        """The machines that are EC2 instances."""
        regions = {site.name for site in self.topology.sites if site.place == "aws-region"}
        return tuple(m for m in self.topology.machines if m.site in regions)

    @property
    def control_plane(self) -> list[str]:
        """The addresses of the control-plane machines, in the order of the spec."""
        return [machine.address for machine in self.topology.control_plane]

    def vault(self) -> Workload | None:
        return next((w for w in self.topology.workloads if w.role == "vault"), None)

    def chains(self) -> tuple[Workload, ...]:
        return tuple(w for w in self.topology.workloads if w.role != "vault")
