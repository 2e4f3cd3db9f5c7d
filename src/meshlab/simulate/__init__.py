"""From a Topology and a Scenario to predicted Timelines, layer upon layer.

faults → underlay → overlay → quorums → control plane → workloads → objectives
"""

from __future__ import annotations

from meshlab.simulate.layers.objectives import ServiceOutlook
from meshlab.simulate.run.prediction import Prediction
from meshlab.simulate.run.run import simulate
from meshlab.simulate.run.standing import standing
from meshlab.simulate.scenario.file import load_scenario, parse_scenario
from meshlab.simulate.scenario.scenario import Fault, Scenario

__all__ = [
    "Fault",
    "Prediction",
    "Scenario",
    "ServiceOutlook",
    "load_scenario",
    "parse_scenario",
    "simulate",
    "standing",
]
