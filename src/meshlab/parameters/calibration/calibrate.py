"""calibrate: everything that was measured of a cluster, to one calibration; and its topology with the numbers in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from meshlab.model.components import Component, Link, Machine
from meshlab.model.errors import InputError
from meshlab.parameters.calibration.etcd import learn_etcd
from meshlab.parameters.calibration.histories import History, learn_histories
from meshlab.parameters.calibration.outcome import Calibration, Fit, NotLearnt, ordered
from meshlab.parameters.calibration.steps import StepRun, learn_steps
from meshlab.parameters.table import Parameters

if TYPE_CHECKING:
    from meshlab.model.topology import Topology
    from meshlab.parameters.calibration.scrape import Scrape


def calibrate(
    topology: Topology,
    *,
    histories: Sequence[History] = (),
    scrapes: Sequence[Scrape] = (),
    steps: Sequence[StepRun] = (),
    parameters: Parameters | None = None,
) -> Calibration:
    """Fits what the evidence reaches.

    Parameters
    ----------
    histories
        Observed and executed Timelines.
    scrapes
        Scrapes of etcd members, each with its machine; the differences of two where two were taken.
    steps
        Executed steps.
    parameters
        Today's table, the prior; the topology's own when None.

    Raises
    ------
    InputError
        The evidence contradicts itself, or none was given.
    """
    if not (histories or scrapes or steps):
        raise InputError.single(
            "calibrate", "there is nothing to learn from", "give observations with --from"
        )
    table = (parameters or Parameters.defaults()).joined(topology)
    found: list[Fit | NotLearnt] = [
        *learn_histories(histories, topology, table),
        *learn_etcd(scrapes, topology, table),
        *learn_steps(steps, table),
    ]
    fits = ordered(fit for fit in found if isinstance(fit, Fit))
    missing = tuple(sorted((n for n in found if isinstance(n, NotLearnt)), key=lambda n: n.name))
    return Calibration(topology.name, fits, missing)


def calibrated(topology: Topology, calibration: Calibration) -> Topology:
    """Gives the topology with every number of its own parts that was calibrated, its source saying from what.

    Boot and fsync of machines, latency of links, failure rates and repair times; what concerns no part of the
    topology (``vault.mount``, ``ethereum.catch-up``) is in the table of parameters only.
    """
    for component in topology:
        changed = _calibrated(component, calibration)
        if changed is not component:
            topology = topology.with_component(changed)
    return topology


def _calibrated(component: Component, calibration: Calibration) -> Component:
    name = f"{component.kind}.{component.name}"
    fits = {fit.name: fit for fit in calibration.fits}
    if isinstance(component, Machine) and f"{name}.boot" in fits:
        component = replace(component, boot=fits[f"{name}.boot"].row().value)
    if isinstance(component, Machine) and f"{name}.fsync" in fits and component.disks:
        system = next((d for d in component.disks if d.system), component.disks[0])
        timed = replace(system, fsync=fits[f"{name}.fsync"].row().value)
        component = replace(component, disks=tuple(timed if d is system else d for d in component.disks))
    if isinstance(component, Link) and f"{name}.latency" in fits:
        component = replace(component, latency=fits[f"{name}.latency"].row().value)
    reliability = component.reliability
    if reliability is not None and f"{name}.fails" in fits:
        rate = fits[f"{name}.fails"]
        reliability = replace(
            reliability, rate=rate.value.a, low=rate.interval.low, high=rate.interval.high, source=rate.source
        )
        component = replace(component, reliability=reliability, source=rate.source)
    if reliability is not None and f"{name}.repair" in fits:
        component = replace(
            component, reliability=replace(reliability, repair=fits[f"{name}.repair"].row().value)
        )
    return component
