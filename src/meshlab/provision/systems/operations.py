"""The operation that a step names."""

from __future__ import annotations

from meshlab.provision.plan.step import Step
from meshlab.provision.systems import verify
from meshlab.provision.systems.interface import Operation
from meshlab.provision.systems.outcome import StepFailed
from meshlab.provision.systems.table import SYSTEMS

OPERATIONS: dict[str, type[Operation]] = {
    operation.name: operation for system in (*SYSTEMS, verify.SYSTEM) for operation in system.operations
}
"""Every operation by its name, as the steps of a plan name it."""


def operation_for(step: Step) -> Operation:
    """Gives the operation that a step names, ready to be asked.

    Raises
    ------
    StepFailed
        This version has none of that name.
    """
    try:
        return OPERATIONS[step.operation](step)
    except KeyError:
        raise StepFailed(
            f"the plan names the operation {step.operation!r}, which this version of meshlab does not have"
        ) from None
